from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from drivers.single_quantum_websq import CountsLine, SingleQuantumWebSq
from labctl.device import Detector, parse_text
from labctl.errors import InstrumentError, InterlockError, LimitError, LinkError, ProtocolError
from simulated_devices.world import expected_singles_hz

Rig = Any
MakeRig = Callable[..., Rig]
Change = tuple[str, Any, str]


def commands(rig: Rig, name: str) -> list[Any]:
    """The values of all commands of that name that the driver has sent."""
    sent = [json.loads(data) for data in rig.written if data.startswith(b'{"command"')]
    return [item["value"] for item in sent if item["command"] == name]


def changes_of(rig: Rig) -> list[Change]:
    changes: list[Change] = []
    rig.websq.on_change = lambda *change: changes.append(change)
    return changes


def as_detector(websq: SingleQuantumWebSq) -> Detector:
    """The type checker compares the driver with its kind here."""
    return websq


def test_it_is_a_detector(rig: Rig) -> None:
    assert SingleQuantumWebSq.kinds == ("detector",)
    assert as_detector(rig.websq).detector_count == 4
    assert str(rig.websq.identify()) == "Single Quantum WebSQ with 4 detectors"


def test_another_instrument_is_not_taken_for_it(rig: Rig) -> None:
    del rig.instrument.values["NumberOfDetectors"]
    with pytest.raises(ProtocolError, match="NumberOfDetectors"):
        rig.websq.identify()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trigger_level_mv", (23.0, 24.0, 25.0, 26.0)),
        ("measurement_period_ms", 20.0),
        ("detectors_enabled", False),
        ("bias_ua", (9.5, 10.0, 0.0, 12.0)),
    ],
)
def test_a_setting_reads_back_what_was_set(rig: Rig, name: str, value: Any) -> None:
    changes = changes_of(rig)
    setattr(rig.websq, name, value)
    assert getattr(rig.websq, name) == value
    assert [change[:2] for change in changes] == [(name, value)]


def test_the_snapshot_holds_every_setting_and_reading(rig: Rig) -> None:
    assert rig.websq.snapshot() == {
        "bias_ua": (10.0,) * 4,
        "trigger_level_mv": (25.0,) * 4,
        "detectors_enabled": True,
        "measurement_period_ms": 100.0,
        # 10 µA through 50 ohm.
        "bias_voltage_mv": (0.5,) * 4,
        "auto_bias_is_running": False,
        "detector_count": 4,
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bias_ua", (10.0, 10.0), "has 4 detectors, 2 values"),
        ("bias_ua", (10.0, 10.0, 91.0, 10.0), "of channel 3 = 91 µA is outside 0 to 90.9 µA"),
        ("bias_ua", (10.0, -1.0, 10.0, 10.0), "of channel 2 = -1 µA"),
        ("bias_ua", 10.0, "is not a list of numbers"),
        ("trigger_level_mv", (1.0,), "has 4 detectors, 1 values"),
        ("measurement_period_ms", 9.0, "outside 10 to 60000 ms"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_sent(
    rig: Rig, name: str, value: Any, message: str
) -> None:
    with pytest.raises(LimitError, match=message):
        setattr(rig.websq, name, value)
    assert not [data for data in rig.written if data.startswith(b'{"command"')]


def test_the_configuration_narrows_the_limit_of_every_channel(make_rig: MakeRig) -> None:
    rig = make_rig(limits={"bias_ua": (0.0, 12.0)})
    with pytest.raises(LimitError, match=r"channel 4 = 13 µA .*narrowed by \[instruments.snspd"):
        rig.websq.bias_ua = (10.0, 10.0, 10.0, 13.0)
    with pytest.raises(LimitError, match="narrowed"):
        rig.websq.ramp_bias((13.0,) * 4)


def test_an_operator_writes_one_number_per_channel() -> None:
    text = "10, 10,10,12.5"
    value = parse_text(SingleQuantumWebSq.bias_ua, text, name="snspd")
    assert value == (10.0, 10.0, 10.0, 12.5)


def test_setting_the_bias_never_sends_a_large_step(rig: Rig) -> None:
    rig.websq.bias_ua = (0.0, 11.3, 10.0, 4.0)
    rig.websq.bias_ua = (12.0, 11.3, 10.0, 9.0)
    path = [[10.0] * 4, *commands(rig, "SetAllBiasCurrents")]
    steps = [abs(b - a) for c, d in itertools.pairwise(path) for a, b in zip(c, d, strict=True)]
    assert max(steps) <= 0.5 + 1e-9
    assert path[-1] == [12.0, 11.3, 10.0, 9.0]
    # 10 to 0 takes 20 steps, 0 to 12 takes 24.
    assert len(path) == 1 + 20 + 24


def test_a_value_that_is_already_set_sends_nothing(rig: Rig) -> None:
    rig.websq.bias_ua = (10.0,) * 4
    assert commands(rig, "SetAllBiasCurrents") == []


def test_unasked_messages_and_old_lists_disturb_no_reading(rig: Rig) -> None:
    rig.instrument.tell("BiasVoltage", [7.0] * 4)
    rig.instrument.tell("InptMeasurementPeriod", 9999)
    rig.instrument.port.host_write(b'{"request": "labelProps", "value": "None"}')
    rig.websq.measurement_period_ms = 50
    for _ in range(3):
        assert rig.websq.bias_voltage_mv == (0.5,) * 4
        assert rig.websq.measurement_period_ms == 50.0


def test_a_reported_fault_is_told_once_and_the_next_reading_is_sound(rig: Rig) -> None:
    rig.instrument.tell("CryoError", "compressor stopped")
    with pytest.raises(InstrumentError, match="CryoError: compressor stopped"):
        _ = rig.websq.bias_ua
    assert rig.websq.bias_ua == (10.0,) * 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bias_ua", (9.0,) * 4),
        ("trigger_level_mv", (30.0,) * 4),
        ("measurement_period_ms", 20),
        ("detectors_enabled", False),
    ],
)
def test_an_instrument_that_does_not_follow_is_an_error(rig: Rig, name: str, value: Any) -> None:
    rig.instrument.ignores_commands = True
    with pytest.raises(InstrumentError, match=f"snspd.{name} was set to .* reads back"):
        setattr(rig.websq, name, value)


def test_detectors_are_not_enabled_onto_a_standing_bias(rig: Rig) -> None:
    rig.websq.detectors_enabled = False
    with pytest.raises(InterlockError, match="the bias would jump to 10, 10, 10, 10 µA"):
        rig.websq.detectors_enabled = True
    rig.websq.bias_ua = (0.0,) * 4
    rig.websq.detectors_enabled = True
    assert rig.websq.detectors_enabled


def test_counts_are_taken_once_and_all(rig: Rig) -> None:
    rig.websq.measurement_period_ms = 10
    rig.lab.wait(0.255)
    assert len(rig.websq.latest_rates_hz()) == 4
    lines = rig.websq.read_counts()
    # 0.255 s is 26 slices of 10 ms; world time 0 is 1.7e9 s.
    assert [line.unix_time_s for line in lines] == pytest.approx(
        [1.7e9 + 0.01 * n for n in range(1, 27)], abs=1e-6
    )
    assert rig.websq.read_counts() == []
    rig.lab.wait(0.01)
    assert [line.unix_time_s for line in rig.websq.read_counts(0.1)] == [1_700_000_000.27]


def test_there_is_no_rate_before_the_first_period(rig: Rig) -> None:
    assert rig.websq.latest_rates_hz() == ()


def test_the_rates_are_those_of_the_world(rig: Rig) -> None:
    rig.lab.world.pump.target_mw = 5.0
    rig.lab.world.pump.emitting = True
    rig.websq.measurement_period_ms = 1000
    rig.lab.wait(2.0)
    for name, rate_hz in zip(rig.lab.world.detectors, rig.websq.latest_rates_hz(), strict=True):
        expected_hz = expected_singles_hz(rig.lab.world, name)
        assert abs(rate_hz - expected_hz) < 5 * math.sqrt(expected_hz)


def test_a_damaged_line_loses_no_other(rig: Rig) -> None:
    counts_port = rig.instrument.companion_ports[12345]
    counts_port.send(b"1,1,1,1,1\n2,x\n3,3,")
    counts_port.send(b"3,3,3\n")
    with pytest.raises(ProtocolError, match=r"damaged.*2,x.*12345"):
        rig.websq.read_counts()
    assert rig.websq.read_counts() == [
        CountsLine(1.0, (1, 1, 1, 1)),
        CountsLine(3.0, (3, 3, 3, 3)),
    ]


def test_counts_go_on_with_a_whole_line_after_the_cable_was_out(rig: Rig) -> None:
    counts_port = rig.instrument.companion_ports[12345]
    counts_port.send(b"1700000000.1,12")
    assert rig.websq.read_counts() == []
    counts_port.unplug()
    with pytest.raises(LinkError):
        rig.websq.read_counts()
    counts_port.plug()
    rig.websq.companions["counts"].reconnect()
    counts_port.send(b"1700000000.3,1,2,3,4\n")
    assert rig.websq.read_counts() == [CountsLine(1_700_000_000.3, (1, 2, 3, 4))]
