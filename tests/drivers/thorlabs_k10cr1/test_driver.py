"""The driver on its simulator, in stepped time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from drivers.thorlabs_k10cr1 import K10cr1
from labctl.device import Rotator
from labctl.errors import InterlockError, LimitError, LinkError
from simulated_devices.lab import SimulatedLab

Start = Callable[..., SimulatedLab]
Connect = Callable[[SimulatedLab], K10cr1]
STEP_DEG = 3 / 409_600
SLICE_S = 0.01


def wait_for_rest(lab: SimulatedLab, rotator: Rotator) -> float:
    """Let world time pass until the rotator rests; return the seconds it took."""
    start_s = lab.now_s()
    while rotator.is_moving:
        lab.wait(SLICE_S)
    return lab.now_s() - start_s


def test_it_identifies_itself_by_model_serial_number_and_firmware(
    start_mount: Start, plate_of: Connect
) -> None:
    identity = plate_of(start_mount()).identify()
    assert (identity.manufacturer, identity.model) == ("Thorlabs", "K10CR1")
    # pylablib: serial numbers of K10CR1 begin with 55.
    assert len(identity.serial) == 8
    assert identity.serial.startswith("55")
    assert identity.firmware == "1.0.3"


def test_a_move_takes_the_world_time_of_its_trapezoid_and_no_wall_time(
    start_mount: Start, plate_of: Connect
) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    began_s = time.monotonic()
    plate.start_move(45.0)
    # 10 degree/s reached at 10 degree/s^2: d/v + v/a.
    assert wait_for_rest(lab, plate) == pytest.approx(45.0 / 10.0 + 1.0, abs=SLICE_S)
    assert plate.angle_deg == pytest.approx(45.0, abs=STEP_DEG)
    assert time.monotonic() - began_s < 2.0


def test_the_angle_can_be_read_during_a_move(start_mount: Start, plate_of: Connect) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    plate.angle_deg = -90.0
    assert plate.is_moving
    lab.wait(3.0)
    assert plate.angle_deg == pytest.approx(-25.0, abs=1e-3)


def test_starting_a_move_does_not_wait_and_the_link_stays_free(
    start_mount: Start, plate_of: Connect
) -> None:
    plate = plate_of(start_mount())
    plate.start_move(180.0)
    answers: list[bool] = []
    other = threading.Thread(target=lambda: answers.append(plate.is_moving))
    other.start()
    other.join(2.0)
    assert answers == [True]


def test_stop_brakes_and_keeps_the_zero(start_mount: Start, plate_of: Connect) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    plate.start_move(90.0)
    lab.wait(2.0)
    plate.stop()
    # From 10 degree/s at 10 degree/s^2: 1 s, 5 degree beyond the 15 reached before.
    assert wait_for_rest(lab, plate) == pytest.approx(1.0, abs=SLICE_S)
    assert plate.angle_deg == pytest.approx(20.0, abs=1e-3)
    assert plate.is_homed


def test_the_message_at_the_end_of_a_move_never_shifts_a_reply(
    start_mount: Start, plate_of: Connect
) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    for angle_deg in (11.25, 22.5, 0.0, 33.75):
        plate.start_move(angle_deg)
        lab.wait(6.0)
        assert plate.angle_deg == pytest.approx(angle_deg, abs=STEP_DEG)
        assert plate.identify().model == "K10CR1"


def test_status_updates_that_another_program_left_on_are_ended(
    start_mount: Start, plate_of: Connect
) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    plate.link.write_raw(bytes.fromhex("11 00 00 00 50 01"))
    lab.wait(5.0)
    assert plate.angle_deg == pytest.approx(0.0)
    plate.identify()
    lab.wait(5.0)
    assert lab.instruments["plate"].port.host_read(100, 0.0) == b""


def test_a_mount_that_was_powered_up_must_be_homed_first(
    start_mount: Start, plate_of: Connect
) -> None:
    lab = start_mount(unhomed_at_deg=30.0)
    plate = plate_of(lab)
    assert plate.snapshot()["is_homed"] is False
    with pytest.raises(InterlockError, match=r"has not been homed.*plate\.home\(\)"):
        plate.start_move(10.0)
    plate.home()
    with pytest.raises(InterlockError, match="is homing"):
        plate.start_move(10.0)
    # 34 degree in reverse to the switch, 4 forward: trapezoid and triangle.
    took_s = wait_for_rest(lab, plate)
    assert took_s == pytest.approx(34.0 / 10.0 + 1.0 + 2.0 * 0.4**0.5, abs=2 * SLICE_S)
    assert plate.is_homed
    assert plate.angle_deg == pytest.approx(0.0, abs=STEP_DEG)
    plate.start_move(10.0)


def test_a_motor_that_another_program_switched_off_is_switched_on(
    start_mount: Start, plate_of: Connect
) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    plate.link.write_raw(bytes.fromhex("10 02 00 01 50 01"))  # as pnpq does after each move
    plate.start_move(5.0)
    wait_for_rest(lab, plate)
    assert plate.angle_deg == pytest.approx(5.0, abs=STEP_DEG)


@pytest.mark.parametrize("angle_deg", [15_480.1, -15_480.1, float("nan"), True])
def test_an_angle_outside_the_limits_moves_nothing(
    start_mount: Start, plate_of: Connect, angle_deg: float
) -> None:
    plate = plate_of(start_mount())
    with pytest.raises(LimitError, match=r"plate\.angle_deg"):
        plate.start_move(angle_deg)
    assert not plate.is_moving


def test_a_started_move_is_announced_with_its_target(start_mount: Start, plate_of: Connect) -> None:
    plate = plate_of(start_mount())
    changes: list[tuple[str, float, str]] = []
    plate.on_change = lambda *change: changes.append(change)
    plate.start_move(22.5)
    assert changes == [("angle_deg", 22.5, "°")]


def test_making_safe_leaves_a_move_alone(start_mount: Start, plate_of: Connect) -> None:
    plate = plate_of(start_mount())
    plate.start_move(22.5)
    plate.make_safe()
    assert plate.is_moving


def test_a_snapshot_tells_where_the_mount_is(start_mount: Start, plate_of: Connect) -> None:
    snapshot = plate_of(start_mount()).snapshot()
    assert snapshot == {"angle_deg": 0.0, "is_moving": False, "is_homed": True}


def test_a_cable_pulled_during_a_move_is_survived(start_mount: Start, plate_of: Connect) -> None:
    lab = start_mount()
    plate = plate_of(lab)
    plate.start_move(45.0)
    lab.wait(1.0)
    port = lab.instruments["plate"].port
    port.unplug()
    with pytest.raises(LinkError):
        _ = plate.angle_deg
    lab.wait(10.0)
    port.plug()
    plate.link.reconnect()
    assert plate.identify().model == "K10CR1"
    assert plate.angle_deg == pytest.approx(45.0, abs=STEP_DEG)


def test_in_running_time_a_move_takes_its_world_time(start_mount: Start, plate_of: Connect) -> None:
    lab = start_mount(speed=20.0)
    plate = plate_of(lab)
    start_ps = lab.world.time_ps
    plate.start_move(10.0)
    deadline_s = time.monotonic() + 30.0
    while plate.is_moving and time.monotonic() < deadline_s:
        lab.wait(0.05)
    # The mount may be one slice behind the world when it is told to start.
    assert lab.world.time_ps - start_ps >= (10.0 / 10.0 + 1.0 - SLICE_S) * 1e12
    assert plate.angle_deg == pytest.approx(10.0, abs=STEP_DEG)
