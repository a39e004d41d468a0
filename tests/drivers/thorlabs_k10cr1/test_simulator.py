"""The simulated mount at its bytes, as the public clients use it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError
from labctl.transport import parse_address
from simulated_devices.devices import thorlabs_k10cr1
from simulated_devices.devices.thorlabs_k10cr1 import K10cr1
from simulated_devices.lab import InstrumentSeat, SimulatedLab
from simulated_devices.world.optics import WavePlate
from simulated_devices.world.rotation_mount import RotationMount

Start = Callable[..., SimulatedLab]
TEN_DEG_STEPS = 1_365_333
MOVE_TEN_DEG = bytes.fromhex("53 04 06 00 d0 01 01 00 55 d5 14 00")
REQUEST_STATUS_BITS = bytes.fromhex("29 04 01 00 50 01")


def exchange(lab: SimulatedLab, data: bytes, wait_s: float = 0.0) -> bytes:
    """Write `data` to the mount and return what it says within `wait_s` of world time."""
    port = lab.instruments["plate"].port
    port.host_write(data)
    lab.wait(wait_s)
    return port.host_read(10_000, 0.0)


def status_bits(lab: SimulatedLab) -> int:
    return int(struct.unpack("<I", exchange(lab, REQUEST_STATUS_BITS)[8:])[0])


def test_a_move_ends_with_the_20_bytes_that_pnpq_waits_for(start_mount: Start) -> None:
    message = exchange(start_mount(), MOVE_TEN_DEG, 3.0)
    header, data = message[:6], message[6:]
    assert header == bytes.fromhex("64 04 0e 00 81 50")
    channel, position, _, _, bits = struct.unpack("<HihhI", data)
    assert (channel, position) == (1, TEN_DEG_STEPS)
    assert bits & 0x8000_0700 == 0x8000_0500  # enabled, homed, connected, not homing


def test_a_homing_ends_with_6_bytes(start_mount: Start) -> None:
    lab = start_mount(unhomed_at_deg=-3.0)
    assert exchange(lab, bytes.fromhex("43 04 01 00 50 01"), 5.0) == bytes.fromhex(
        "44 04 01 00 01 50"
    )
    assert status_bits(lab) & 0x600 == 0x400


def test_a_stop_is_answered_when_the_mount_rests(start_mount: Start) -> None:
    lab = start_mount()
    exchange(lab, MOVE_TEN_DEG, 0.5)
    assert exchange(lab, bytes.fromhex("65 04 01 02 50 01"), 0.3) == b""
    assert exchange(lab, b"", 0.3)[:6] == bytes.fromhex("66 04 0e 00 81 50")


def test_an_immediate_stop_does_not_brake(start_mount: Start) -> None:
    lab = start_mount()
    exchange(lab, MOVE_TEN_DEG, 0.5)
    message = exchange(lab, bytes.fromhex("65 04 01 01 50 01"), 0.01)
    # a t^2 / 2 of the 0.5 s that it accelerated.
    position = struct.unpack_from("<i", message, 8)[0] / (409_600 / 3)
    assert position == pytest.approx(0.5 * 10.0 * 0.5**2, abs=1e-3)


def test_while_it_turns_both_moving_bits_are_set(start_mount: Start) -> None:
    lab = start_mount()
    exchange(lab, MOVE_TEN_DEG, 0.5)
    assert status_bits(lab) & 0x30 == 0x30


def test_velocity_and_acceleration_travel_in_the_units_of_the_protocol(start_mount: Start) -> None:
    lab = start_mount()
    reply = exchange(lab, bytes.fromhex("14 04 01 00 50 01"))
    _, minimum, acceleration, velocity = struct.unpack("<H3i", reply[6:])
    # qmi, pnpq: 7329109 for 1 degree/s and 1502 for 1 degree/s^2.
    assert minimum == 0
    assert acceleration == pytest.approx(10 * 1502, rel=1e-4)
    assert velocity == pytest.approx(10 * 7_329_109, rel=1e-6)
    body = struct.pack("<H3i", 1, 0, 5 * 1502, 5 * 7_329_109)
    exchange(lab, bytes.fromhex("13 04 0e 00 d0 01") + body)
    # 10 degrees at 5 degree/s and 5 degree/s^2: 10/5 + 5/5 s.
    assert exchange(lab, MOVE_TEN_DEG, 2.97) == b""
    assert exchange(lab, b"", 0.06)[:2] == b"\x64\x04"


def test_updates_come_once_a_second_until_50_were_not_acknowledged(start_mount: Start) -> None:
    lab = start_mount()
    update = bytes.fromhex("81 04 0e 00 81 50")
    assert exchange(lab, bytes.fromhex("11 00 00 00 50 01"), 9.5).count(update) == 10
    assert exchange(lab, b"", 60.0).count(update) == 40
    assert exchange(lab, b"", 10.0) == b""


def test_acknowledged_updates_go_on(start_mount: Start) -> None:
    lab = start_mount()
    exchange(lab, bytes.fromhex("11 00 00 00 50 01"), 40.0)
    exchange(lab, bytes.fromhex("92 04 00 00 50 01"), 40.0)
    assert exchange(lab, b"", 9.5) != b""


@pytest.mark.parametrize("disable", ["10 02 01 02 50 01", "10 02 00 01 50 01"])
def test_a_disabled_motor_ignores_moves(start_mount: Start, disable: str) -> None:
    lab = start_mount()
    exchange(lab, bytes.fromhex(disable))
    assert status_bits(lab) & 0x8000_0000 == 0
    assert exchange(lab, MOVE_TEN_DEG, 3.0) == b""
    assert exchange(lab, bytes.fromhex("11 02 01 00 50 01")) == bytes.fromhex("12 02 01 02 01 50")


def test_a_relative_move_adds_to_the_position(start_mount: Start) -> None:
    lab = start_mount()
    exchange(lab, MOVE_TEN_DEG, 3.0)
    exchange(lab, bytes.fromhex("48 04 06 00 d0 01 01 00 55 d5 14 00"), 3.0)
    reply = exchange(lab, bytes.fromhex("11 04 01 00 50 01"))
    assert struct.unpack("<i", reply[8:])[0] == 2 * TEN_DEG_STEPS


def test_all_status_requests_agree(start_mount: Start) -> None:
    lab = start_mount()
    exchange(lab, MOVE_TEN_DEG, 3.0)
    of_steps = struct.unpack("<HiiI", exchange(lab, bytes.fromhex("80 04 01 00 50 01"))[6:])
    of_motor = struct.unpack("<HihhI", exchange(lab, bytes.fromhex("90 04 01 00 50 01"))[6:])
    assert of_steps[1] == of_motor[1] == TEN_DEG_STEPS
    assert of_steps[3] == of_motor[4] == status_bits(lab)


def test_the_plate_turns_what_the_analyzer_sees_by_twice_its_angle(start_mount: Start) -> None:
    lab = start_mount(arm="bob", zero_offset_deg=2.0)
    arm = lab.world.arms["bob"]
    assert arm.analyzer_angle_deg == pytest.approx(2.0 * (0.0 - 2.0) % 360.0)
    exchange(lab, MOVE_TEN_DEG, 1.0)
    # Half a second of acceleration, half a way: 5 degree after 1 s.
    assert arm.analyzer_angle_deg == pytest.approx(2.0 * (5.0 - 2.0), abs=1e-3)
    lab.wait(2.0)
    assert arm.analyzer_angle_deg == pytest.approx(2.0 * (10.0 - 2.0), abs=1e-3)
    assert lab.world.arms["alice"].analyzer_angle_deg == 0.0


def test_a_mount_turns_a_plate_of_the_optics(start_mount: Start) -> None:
    lab = start_mount(plate="turner", zero_offset_deg=2.0)
    exchange(lab, MOVE_TEN_DEG, 3.0)
    plate = lab.world.optics["turner"]
    assert isinstance(plate, WavePlate)
    assert plate.angle_deg == pytest.approx(10.0 - 2.0, abs=1e-3)


def test_two_mounts_cannot_turn_one_plate() -> None:
    table = {
        "source": {"signal": "turner", "idler": "b"},
        "optics": {"turner": {"kind": "wave_plate", "to": "a"}},
        "detectors": {"a": {}, "b": {}},
        "instruments": {name: {"plate": "turner"} for name in ("plate", "second")},
    }
    seats = [
        InstrumentSeat(name, parse_address(f"serial:///dev/tty{name}"), thorlabs_k10cr1.build, {})
        for name in ("plate", "second")
    ]
    with pytest.raises(ConfigError, match="turner is moved by plate already"):
        SimulatedLab(table, seats, speed=0.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"arm": "alcie"}, r'\[simulation\.instruments\.plate\] arm = "alcie".*mean "alice"'),
        (
            {"plate": "half"},
            r'plate = "half" is no wave plate of the simulated.*plates are: turner',
        ),
        ({"plate": "turner", "arm": "bob"}, r"exclude each other"),
        ({"zero_ofset_deg": 1.0}, r"zero_ofset_deg.*options are: arm, plate, zero_offset"),
        ({"zero_offset_deg": "two"}, r"zero_offset_deg.*got 'two'"),
        ({"zero_offset_deg": float("nan")}, r"zero_offset_deg"),
    ],
)
def test_wrong_options_are_told_with_their_place(
    start_mount: Start, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        start_mount(**options)


@given(st.binary(max_size=200))
def test_garbage_does_not_disturb_the_controller(garbage: bytes) -> None:
    device = K10cr1("plate", RotationMount(switch_deg=-4.0))
    device.port.host_write(garbage)
    # A header in the garbage may wait for up to 255 bytes of data.
    device.port.host_write(bytes(261))
    device.port.discard()
    device.port.host_write(REQUEST_STATUS_BITS)
    assert device.port.host_read(100, 0.0)[:6] == bytes.fromhex("2a 04 06 00 81 50")
