"""Actions by name: a fault cleared, a mount homed; never light."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labctl.errors import ConfigError, InstrumentError, LinkError
from labctl.lab import Lab, bench_path, find_open_labs


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(bench_path("default"), simulated=True, seed=1, speed=0) as opened:
        yield opened


def test_a_fault_is_cleared_and_the_laser_stays_dark(lab: Lab) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.simulation.fault("pump", "trip", fault=1)
    assert lab.get("pump.fault").value == "temperature error"
    lab.act("pump.clear_fault")
    assert lab.get("pump.fault").value == "none"
    assert lab.get("pump.emission") is False


def test_a_mount_is_homed(lab: Lab) -> None:
    lab.simulation.fault("alice_hwp", "lose_home")
    assert lab.get("alice_hwp.is_homed") is False
    lab.act("alice_hwp.home")
    while lab.get("alice_hwp.is_moving"):
        lab.clock.wait(0.5)
    assert lab.get("alice_hwp.is_homed") is True


def test_latched_detectors_are_armed_again_step_by_step(lab: Lab) -> None:
    lab.simulation.fault("snspd", "latch", channel=2)
    assert lab.devices["snspd"].latched_channels() == (2,)  # type: ignore[attr-defined]  # a detector
    before_s = lab.clock.now_s()
    lab.act("snspd.rearm_latched")
    assert lab.devices["snspd"].latched_channels() == ()  # type: ignore[attr-defined]  # a detector
    # Half a second at zero bias, then 20 steps of 0.5 µA, 50 ms apart.
    assert lab.clock.now_s() - before_s == pytest.approx(0.5 + 20 * 0.05, abs=0.1)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("pump", "is not INSTRUMENT.ACTION"),
        ("pmp.clear_fault", 'unknown instrument "pmp" (did you mean "pump"?)'),
        ("pump.clear_falt", 'no action "clear_falt" (did you mean "clear_fault"?)'),
        ("pump.make_safe", "it has: clear_fault"),
        ("pump_meter.home", "it has: none"),
    ],
)
def test_what_is_no_action_is_refused_with_what_there_is(lab: Lab, path: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        lab.act(path)
    assert told in str(refused.value)


def test_a_lost_instrument_is_told_as_such(lab: Lab) -> None:
    lab.simulation.fault("alice_hwp", "unplug")
    with pytest.raises(LinkError, match="alice_hwp"):
        lab.act("alice_hwp.home")
    lab.simulation.fault("alice_hwp", "plug")


def test_light_that_an_action_lets_out_is_switched_off_and_said(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    pump = lab.devices["pump"]

    def light_up(_: object) -> None:
        lab.simulation.world.pump.emitting = True
        pump.execute(type(pump).parameters["emission"].set_request(True))  # type: ignore[union-attr]

    monkeypatch.setattr(type(pump), "clear_fault", light_up)
    with pytest.raises(InstrumentError, match="emission go on, which no action may"):
        lab.act("pump.clear_fault")
    assert lab.get("pump.emission") is False


def test_other_processes_ask_for_actions_too(lab: Lab) -> None:
    lab.simulation.fault("pump", "trip", fault=1)
    (found,) = find_open_labs(lab.loaded.path, simulated=True)
    found.ask("do", timeout_s=10.0, path="pump.clear_fault")
    assert lab.get("pump.fault").value == "none"
