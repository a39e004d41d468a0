"""Row 10, the device's half: trip, interlock, key, drift: dark, confirmed, and never lit again."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.errors import InterlockError
from labctl.runs import LabSession

FORBIDDING: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("interlock", {"is_open": True}, {"is_open": False}, "interlock is open"),
    ("key", {"is_removed": True}, {"is_removed": False}, "key switch is off"),
]


def light_up(lab: LabSession) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.clock.wait(0.5)
    assert lab.get("pump.output_mw") == pytest.approx(5.0, rel=0.01)


@pytest.mark.parametrize(("kind", "broken", "mended", "reason"), FORBIDDING)
def test_what_forbids_light_ends_it_and_its_end_does_not_restore_it(
    lab: LabSession, kind: str, broken: dict[str, Any], mended: dict[str, Any], reason: str
) -> None:
    light_up(lab)
    lab.simulation.fault("pump", kind, **broken)
    assert lab.get("pump.emission") is False
    assert lab.get("pump.output_mw") == 0.0
    with pytest.raises(InterlockError, match=reason):
        lab.set("pump.emission", value=True, arm=True)
    lab.simulation.fault("pump", kind, **mended)
    lab.clock.wait(1.0)
    assert lab.get("pump.emission") is False
    assert not lab.simulation.world.pump.emitting


@pytest.mark.parametrize(
    ("number", "told"), [(1, "temperature error"), (4, "constant power timeout")]
)
def test_a_trip_ends_the_light_and_holds_it_until_it_is_cleared_and_armed(
    lab: LabSession, number: int, told: str
) -> None:
    light_up(lab)
    lab.simulation.fault("pump", "trip", fault=number)
    assert lab.get("pump.emission") is False
    assert lab.get("pump.fault").value == told
    assert lab.get("pump.mode").value == "fault"
    with pytest.raises(InterlockError, match=told):
        lab.set("pump.emission", value=True, arm=True)
    lab.devices["pump"].clear_fault()  # type: ignore[attr-defined]  # a Cobolt's
    lab.clock.wait(0.5)
    assert lab.get("pump.emission") is False
    light_up(lab)


def test_an_open_interlock_cannot_be_cleared_away(lab: LabSession) -> None:
    lab.simulation.fault("pump", "interlock")
    lab.devices["pump"].clear_fault()  # type: ignore[attr-defined]  # a Cobolt's
    assert lab.get("pump.fault").value == "interlock error"


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_drifting_power_is_seen_by_photodiode_and_meter_and_not_in_the_set_point(
    lab: LabSession, factor: float
) -> None:
    light_up(lab)
    meter_mw = lab.get("pump_meter.power_mw")
    lab.simulation.fault("pump", "power_drift", factor=factor)
    lab.clock.wait(1.0)
    assert lab.get("pump.power_mw") == pytest.approx(5.0)
    # The pump's noise is 0.1 % rms: 5 sigma of a difference are 0.7 %.
    assert lab.get("pump.output_mw") == pytest.approx(5.0 * factor, rel=0.007)
    assert lab.get("pump_meter.power_mw") == pytest.approx(meter_mw * factor, rel=0.007)
    lab.simulation.fault("pump", "power_drift", factor=1.0)
    lab.clock.wait(1.0)
    assert lab.get("pump.output_mw") == pytest.approx(5.0, rel=0.007)


def test_a_set_point_given_while_the_power_drifts_drifts_too(lab: LabSession) -> None:
    lab.simulation.fault("pump", "power_drift", factor=0.5)
    lab.set("pump.power_mw", 8.0)
    assert lab.get("pump.power_mw") == pytest.approx(8.0)
    lab.set("pump.emission", value=True, arm=True)
    lab.clock.wait(1.0)
    assert lab.get("pump.output_mw") == pytest.approx(4.0, rel=0.007)


@pytest.mark.parametrize("kind", ["interlock", "trip"])
def test_safe_confirms_a_laser_dark_that_stopped_by_itself(lab: LabSession, kind: str) -> None:
    light_up(lab)
    lab.simulation.fault("pump", kind)
    assert lab.make_safe().is_safe
