from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError
from simulated_devices.devices.single_quantum_websq import COUNTS_PORT, WebSq, build
from simulated_devices.instrument import Surroundings
from simulated_devices.truth import TruthLog
from simulated_devices.world import Slice, World, WorldParameters

LABELS = [
    "NumberOfDetectors",
    "BiasCurrent",
    "TriggerLevel",
    "DetectorEnable",
    "InptMeasurementPeriod",
    "BiasVoltage",
    "DarkCountsAutoIV",
    "StartAutoIV",
    "BiasCurrentAutoIV",
]
DARKS_HZ = 100_000.0


def make_world(seed: int = 0) -> World:
    return World(
        WorldParameters.model_validate(
            {
                "pump": {"power_noise_relative": 0.0, "settling_time_s": 0.0},
                "arms": {
                    "alice": {"photon": "signal", "outputs": {"plus": "a1", "minus": "a2"}},
                    "bob": {"photon": "idler", "outputs": {"plus": "b1"}},
                },
                "detectors": {name: {"dark_rate_hz": DARKS_HZ} for name in ("a1", "a2", "b1")},
            }
        ),
        seed,
    )


def make_websq(world: World | None = None, **options: Any) -> WebSq:
    return build(Surroundings("snspd", world or make_world(), {}, options, TruthLog()))


def told(websq: WebSq) -> list[dict[str, Any]]:
    """The messages sent since the last look."""
    return [json.loads(text) for text in received(websq.port).split(b"\x17") if text]


def received(port: Any) -> bytes:
    data = b""
    while part := port.host_read(65_536, 0.0):
        data += part
    return data


def count_lines(websq: WebSq) -> list[list[float]]:
    text = received(websq.companion_ports[COUNTS_PORT]).decode()
    return [[float(number) for number in line.split(",")] for line in text.splitlines()]


def say(websq: WebSq, **item: Any) -> list[dict[str, Any]]:
    websq.port.host_write(json.dumps(item).encode())
    return told(websq)


def live(world: World, websq: WebSq, slices: int) -> dict[str, int]:
    """Let time pass and return the clicks of each detector."""
    clicks = dict.fromkeys(world.detectors, 0)
    for _ in range(slices):
        slice_: Slice = world.step()
        websq.advance(slice_)
        for name, times in slice_.clicks.items():
            clicks[name] += times.size
    return clicks


def test_all_labels_are_listed_with_value_bounds_and_unit() -> None:
    messages = say(make_websq(), request="labelProps", value="None")
    assert [message["label"] for message in messages] == LABELS
    assert all(message["value"].keys() == {"value", "bounds", "unit"} for message in messages)
    values = {message["label"]: message["value"]["value"] for message in messages}
    assert values["NumberOfDetectors"] == 3
    assert values["BiasCurrent"] == [10.0] * 3


@pytest.mark.parametrize(("label", "value"), [("BiasVoltage", [0.5] * 3), ("StartAutoIV", False)])
def test_a_single_label_is_answered_by_its_value(label: str, value: Any) -> None:
    assert say(make_websq(), request=label) == [{"label": label, "value": value}]


@pytest.mark.parametrize(
    ("command", "label", "value"),
    [
        ("SetAllBiasCurrents", "BiasCurrent", [1, 2.5, 3]),
        ("SetAllTriggerLevels", "TriggerLevel", [5, 6, 7]),
        ("DetectorEnable", "DetectorEnable", False),
        ("SetMeasurementPeriod", "InptMeasurementPeriod", 20),
        ("DarkCountsAutoIV", "DarkCountsAutoIV", [50, 50, 50]),
    ],
)
@pytest.mark.parametrize("has_label", [True, False])
def test_a_new_value_is_told_to_the_client(
    command: str,
    label: str,
    value: Any,
    has_label: bool,  # noqa: FBT001
) -> None:
    websq = make_websq()
    item = {"command": command, "value": value} | ({"label": label} if has_label else {})
    assert say(websq, **item) == [{"label": label, "value": value}]
    assert websq.values[label] == value


@pytest.mark.parametrize(
    "item",
    [
        {"command": "SetAllBiasCurrents", "value": [1, 2]},
        {"command": "SetAllBiasCurrents", "value": [1, 2, 91]},
        {"command": "SetAllBiasCurrents", "value": [1, 2, True]},
        {"command": "SetAllBiasCurrents", "value": [1, 2, math.nan]},
        {"command": "SetMeasurementPeriod", "value": 9},
        {"command": "DetectorEnable", "value": 1},
        {"command": "AutoCaliBiasCurrents"},
        {"command": "Explode", "value": 1},
        {"request": "Weather"},
        {},
    ],
)
def test_what_is_refused_changes_nothing_and_is_told_as_an_error(item: dict[str, Any]) -> None:
    websq = make_websq()
    before = dict(websq.values)
    (message,) = say(websq, **item)
    assert "Error" in message["label"]
    assert websq.values == before


@given(data=st.lists(st.binary(max_size=60) | st.sampled_from([b'{"', b'"}', b"{}", b'\\"'])))
def test_no_bytes_break_the_instrument(data: list[bytes]) -> None:
    websq = make_websq()
    for part in data:
        websq.port.host_write(part)
    assert all("Error" in message["label"] for message in told(websq))


def test_the_counts_of_each_period_are_the_clicks_of_the_world() -> None:
    world = make_world()
    websq = make_websq(world, detectors=["b1", "a1"])
    clicks = live(world, websq, 30)
    lines = count_lines(websq)
    assert [line[0] for line in lines] == pytest.approx([1.7e9 + 0.1 * n for n in (1, 2, 3)])
    assert np.sum(lines, axis=0)[1:].tolist() == [clicks["b1"], clicks["a1"]]


def test_a_period_may_end_within_a_slice() -> None:
    world = make_world()
    websq = make_websq(world)
    say(websq, command="SetMeasurementPeriod", value=15)
    slices = [world.step() for _ in range(6)]
    for slice_ in slices:
        websq.advance(slice_)
    times_ps = np.concatenate([slice_.clicks["a1"] for slice_ in slices])
    expected, _ = np.histogram(times_ps, np.arange(5) * 15_000_000_000)
    assert [line[1] for line in count_lines(websq)] == expected.tolist()


def test_a_new_period_begins_when_it_is_set() -> None:
    world = make_world()
    websq = make_websq(world)
    live(world, websq, 3)
    say(websq, command="SetMeasurementPeriod", value=20)
    live(world, websq, 4)
    assert [line[0] for line in count_lines(websq)] == pytest.approx([1.7e9 + 0.05, 1.7e9 + 0.07])


def test_disabled_detectors_count_and_click_nothing() -> None:
    world = make_world()
    websq = make_websq(world)
    say(websq, command="DetectorEnable", value=False)
    clicks = live(world, websq, 10)
    # Darks at zero bias are exp(-10) of the rated: 0.45 expected in each detector.
    assert max(clicks.values()) < 8
    assert count_lines(websq)[0][1:] == [0, 0, 0]


def test_a_level_at_the_pulses_height_loses_half_the_counts() -> None:
    world = make_world()
    websq = make_websq(world)
    say(websq, command="SetAllTriggerLevels", value=[100, 25, 200])
    clicks = live(world, websq, 100)
    counts = np.sum(count_lines(websq), axis=0)[1:]
    assert abs(counts[0] - clicks["a1"] / 2) < 5 * math.sqrt(clicks["a1"] / 4)
    assert counts[1] == clicks["a2"]
    assert counts[2] == 0


def test_a_level_in_the_noise_adds_counts() -> None:
    world = make_world()
    websq = make_websq(world)
    # Five sigma of the noise of 3 mV: 5.8e8/s exp(-12.5) = 2161/s.
    say(websq, command="SetAllTriggerLevels", value=[15, 25, 25])
    clicks = live(world, websq, 100)
    added = np.sum(count_lines(websq), axis=0)[1] - clicks["a1"]
    expected = 5.8e8 * math.exp(-12.5)
    assert abs(added - expected) < 5 * math.sqrt(expected)


@pytest.mark.parametrize("seed", range(2))
def test_the_world_clicks_at_the_rate_of_the_bias(seed: int) -> None:
    world = make_world(seed)
    websq = make_websq(world)
    say(websq, command="SetAllBiasCurrents", value=[10, 9, 8])
    clicks = live(world, websq, 100)
    for name, lower_ua in (("a1", 0), ("a2", 1), ("b1", 2)):
        # Without light: darks exp(-dI/1 µA), dead time 50 ns.
        rate_hz = DARKS_HZ * math.exp(-lower_ua)
        expected = rate_hz / (1 + rate_hz * 50e-9)
        assert abs(clicks[name] - expected) < 5 * math.sqrt(expected)


def test_a_latched_wire_is_silent_until_its_bias_was_off_for_a_while() -> None:
    world = make_world()
    websq = make_websq(world)
    say(websq, command="SetAllBiasCurrents", value=[13.5, 10, 10])
    say(websq, command="SetAllBiasCurrents", value=[10, 10, 10])
    assert live(world, websq, 5)["a1"] == 0
    (message,) = say(websq, request="BiasVoltage")
    # 10 µA through 50 ohm and 100 kohm.
    assert message["value"] == [1000.5, 0.5, 0.5]
    say(websq, command="SetAllBiasCurrents", value=[0, 10, 10])
    say(websq, command="SetAllBiasCurrents", value=[10, 10, 10])
    assert live(world, websq, 5)["a1"] == 0
    say(websq, command="SetAllBiasCurrents", value=[0, 10, 10])
    live(world, websq, 5)
    say(websq, command="SetAllBiasCurrents", value=[10, 10, 10])
    assert live(world, websq, 5)["a1"] > 0


def test_light_leads_the_automatic_bias_astray() -> None:
    world = make_world()
    world.pump.target_mw, world.pump.emitting = 5.0, True
    websq = make_websq(world)
    say(websq, command="DarkCountsAutoIV", value=[DARKS_HZ / 100] * 3)
    say(websq, command="AutoCaliBiasCurrents", value=True)
    live(world, websq, 300)
    assert not websq.values["StartAutoIV"]
    # 1000/s of darks need 10 µA - ln(100) µA = 5.4 µA. Light of 50 000/s at full efficiency gives
    # as many at 3.8 µA already, where erfc((6 - 3.8)/1.5)/2 = 0.02.
    assert max(websq.values["BiasCurrentAutoIV"]) <= 4.5


def test_a_client_that_does_not_read_loses_whole_lines_only() -> None:
    websq = make_websq()
    port = websq.companion_ports[COUNTS_PORT]
    for n in range(5000):
        port.send(b"%d,1,2,3\n" % n)
    lines = count_lines(websq)
    assert [line[0] for line in lines] == list(range(4096))


def test_an_instrument_may_start_with_its_sources_off() -> None:
    websq = make_websq(starts_biased=False)
    assert websq.values["BiasCurrent"] == [0.0] * 3
    assert websq.values["DetectorEnable"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detectors": ["a1", "a3"]}, r'detectors: "a3" is not a detector .* known: a1, a2, b1'),
        ({"detectors": ["a1", "a1"]}, '"a1" is on two channels'),
        ({"detectors": []}, "detectors: .*at least 1 item"),
        ({"detector": ["a1"]}, "detector: Extra inputs"),
        ({"nanowire": {"latching_ua": 5.0}}, "nominal_bias_ua = 10 must be between"),
        ({"nanowire": {"latching": 5.0}}, r"nanowire\.latching"),
    ],
)
def test_wrong_options_are_refused_with_their_place(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[simulation\.instruments\.snspd\] .*{message}"):
        make_websq(**options)


def test_light_too_bright_for_a_wire_near_its_limit_latches_it() -> None:
    world = make_world()
    websq = make_websq(world, nanowire={"latching_rate_hz": 1e5})
    # At 1e5 clicks per second the bias seems as near to latching as 13 of 13 uA at 10 uA.
    say(websq, command="SetAllBiasCurrents", label="BiasCurrent", value=[10.5, 9.0, 10.5])
    world.detectors["b1"].change(dark_rate_hz=1e3)
    live(world, websq, 5)
    assert [wire.is_latched for wire in websq.wires] == [True, False, False]
