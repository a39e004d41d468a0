"""Stuck, blocked and lost rotation mounts; a meter without its sensor or with errors."""

from __future__ import annotations

import pytest

from labctl.device import Rotator
from labctl.errors import InstrumentError, InterlockError
from labctl.runs import LabSession
from simulated_devices.world.rotation_mount import RotationMount

#: A microstep turns the mount by 7e-6 degree.
STEP_DEG = 1e-5


@pytest.fixture
def mount(lab: LabSession) -> Rotator:
    return lab.bench.rotators["alice_hwp"]


@pytest.fixture
def plate(lab: LabSession) -> RotationMount:
    found: RotationMount = lab.simulation.instruments["alice_hwp"].mount
    return found


def arrive(lab: LabSession, mount: Rotator) -> None:
    while mount.is_moving:
        lab.clock.wait(0.1)


def test_a_stuck_mount_moves_for_ever_and_goes_on_once_it_is_free(
    lab: LabSession, mount: Rotator
) -> None:
    mount.start_move(20.0)
    lab.clock.wait(1.0)
    lab.simulation.fault("alice_hwp", "stick")
    stuck_at_deg = mount.angle_deg
    assert 0.0 < stuck_at_deg < 20.0
    lab.clock.wait(20.0)
    assert mount.is_moving
    assert mount.angle_deg == stuck_at_deg
    lab.simulation.fault("alice_hwp", "stick", is_stuck=False)
    arrive(lab, mount)
    assert mount.angle_deg == pytest.approx(20.0, abs=STEP_DEG)


def test_a_blocked_plate_stands_while_the_controller_counts_on_and_homing_puts_it_right(
    lab: LabSession, mount: Rotator, plate: RotationMount
) -> None:
    mount.start_move(10.0)
    arrive(lab, mount)
    lab.simulation.fault("alice_hwp", "block")
    mount.start_move(30.0)
    arrive(lab, mount)
    assert mount.angle_deg == pytest.approx(30.0, abs=STEP_DEG)
    assert plate.angle_deg == pytest.approx(10.0, abs=STEP_DEG)
    lab.simulation.fault("alice_hwp", "block", is_blocked=False)
    mount.start_move(40.0)
    arrive(lab, mount)
    assert plate.angle_deg == pytest.approx(20.0, abs=STEP_DEG)
    mount.home()
    arrive(lab, mount)
    assert mount.is_homed
    assert mount.angle_deg == pytest.approx(0.0, abs=STEP_DEG)
    assert plate.angle_deg == pytest.approx(0.0, abs=STEP_DEG)


def test_a_blocked_mount_never_finds_its_zero_and_does_once_it_is_free(
    lab: LabSession, mount: Rotator, plate: RotationMount
) -> None:
    mount.start_move(10.0)
    arrive(lab, mount)
    lab.simulation.fault("alice_hwp", "block")
    mount.home()
    lab.clock.wait(20.0)
    assert mount.is_moving
    assert lab.get("alice_hwp.is_homed") is False
    lab.simulation.fault("alice_hwp", "block", is_blocked=False)
    arrive(lab, mount)
    assert mount.is_homed
    assert plate.angle_deg % 360.0 == pytest.approx(0.0, abs=STEP_DEG)


def test_a_mount_that_lost_its_zero_refuses_to_move_until_it_was_homed(
    lab: LabSession, mount: Rotator, plate: RotationMount
) -> None:
    mount.start_move(10.0)
    arrive(lab, mount)
    lab.simulation.fault("alice_hwp", "lose_home")
    assert lab.get("alice_hwp.is_homed") is False
    with pytest.raises(InterlockError, match="has not been homed"):
        mount.start_move(20.0)
    assert plate.angle_deg == pytest.approx(10.0, abs=STEP_DEG)
    mount.home()
    arrive(lab, mount)
    mount.start_move(20.0)
    arrive(lab, mount)
    assert plate.angle_deg == pytest.approx(20.0, abs=STEP_DEG)


def test_a_meter_without_its_sensor_says_so_and_measures_again_with_it(lab: LabSession) -> None:
    before = lab.get("pump_meter.sensor_model")
    lab.simulation.fault("pump_meter", "remove_sensor")
    with pytest.raises(InstrumentError, match="no sensor"):
        lab.get("pump_meter.sensor_model")
    with pytest.raises(InstrumentError):
        lab.get("pump_meter.power_mw")
    lab.simulation.fault("pump_meter", "remove_sensor", is_removed=False)
    assert lab.get("pump_meter.sensor_model") == before
    assert abs(lab.get("pump_meter.power_mw")) < 1e-4


@pytest.mark.parametrize("code", [-240, -310, -350])
def test_an_error_in_the_queue_is_told_to_the_next_who_sets_something_and_to_no_other(
    lab: LabSession, code: int
) -> None:
    lab.simulation.fault("pump_meter", "report_error", code=code)
    assert lab.get("pump_meter.wavelength_nm") == 405.0
    with pytest.raises(InstrumentError, match=f"{code} "):
        lab.set("pump_meter.wavelength_nm", 500.0)
    lab.set("pump_meter.wavelength_nm", 600.0)
    assert lab.get("pump_meter.wavelength_nm") == 600.0
