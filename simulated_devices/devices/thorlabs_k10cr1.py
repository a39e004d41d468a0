"""A Thorlabs K10CR1 rotation mount that carries a half-wave plate: APT messages, real moves.

Written from what public clients say of Thorlabs' APT protocol and observed on real mounts: qmi
0.54 (thorlabs/k10crx.py), pnpq 0.2.1 (waveplate_thorlabs_k10cr1.py), pylablib 1.4
(Thorlabs/kinesis.py), thorlabs-apt-protocol 29.0.0. Where these differ it serves all of them.

- 409 600 microsteps turn the mount by 3 degrees. Velocities travel in units of 1/7 329 109
  degree/s, accelerations in 1/1502 degree/s^2 (pylablib's 53.68 and 204.94e-6 give these).
- After power-up it moves at 10 degree/s and 10 degree/s^2, and homes at the same velocity, in
  reverse to a switch, then 4 degrees forward to the zero: the values that the maker's program
  sets (pnpq). The slow second approach to the switch and backlash are left out.
- While it turns, both moving bits are set, whichever the direction (qmi).
- MOVE_COMPLETED and MOVE_STOPPED carry 14 bytes of status, MOVE_HOMED none (pnpq).
- Status updates come once a second after START_UPDATEMSGS (pnpq), and end when 50 of them
  were not acknowledged; that number is from memory, no public source was found.
- A disabled motor ignores moves. pnpq disables it with the channel mask 0, others with 2.
- The position wraps at 32 bits; there are no end stops. What it does not know it ignores.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

from simulated_devices.devices.k10cr1_mounting import mounted
from simulated_devices.instrument import Fault, Surroundings
from simulated_devices.wire import Port
from simulated_devices.world import Slice
from simulated_devices.world.rotation_mount import Arrival, RotationMount
from simulated_devices.world.slices import PS_PER_S

__all__ = ["K10cr1", "build"]

_STEPS_PER_DEG = 409_600 / 3
_VELOCITY_UNITS = _STEPS_PER_DEG * 53.68
_ACCELERATION_UNITS = _VELOCITY_UNITS * 204.94e-6
_SWITCH_DEG = -4.0
#: Assumed: the switch is felt over this angle to either side.
_SWITCH_WIDTH_DEG = 0.2

_MOUNT, _HOST, _WITH_DATA = 0x50, 0x01, 0x80
_HEADER = struct.Struct("<HHBB")
#: No message has more (thorlabs-apt-protocol 29.0.0, unpacker.py, quoting the document).
_MAX_DATA_BYTES = 255
_CHANNEL = b"\x01\x00"
_IMMEDIATE = 1
_UPDATE_PERIOD_PS = PS_PER_S
_MAX_UNACKNOWLEDGED = 50

_REVERSE_LIMIT, _MOVING_EITHER_WAY, _CONNECTED = 0x2, 0x30, 0x100
_HOMING, _HOMED, _ENABLED = 0x200, 0x400, 0x8000_0000
_ARRIVALS = {Arrival.COMPLETED: 0x0464, Arrival.STOPPED: 0x0466, Arrival.HOMED: 0x0444}


class K10cr1:
    """The mount's controller; `mount` is its mechanics.

    The thread that steps the world and the host's thread call it, one at a time.
    """

    is_streaming = False
    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, name: str, mount: RotationMount) -> None:
        self.port = Port(self._receive)
        self.mount = mount
        self.is_enabled = True
        self._serial = 55_000_000 + zlib.crc32(name.encode()) % 1_000_000
        self._lock = threading.Lock()
        self._pending = b""
        self._now_ps = 0
        self._next_update_ps: int | None = None
        self._unacknowledged = 0
        self.faults: Mapping[str, Fault] = MappingProxyType(
            {"stick": self._stick, "block": self._block, "lose_home": self._lose_home}
        )

    def advance(self, slice_: Slice) -> None:
        """Turn on for one slice and say what ended meanwhile."""
        with self._lock:
            self._now_ps = slice_.stop_ps
            arrival = self.mount.advance(slice_.stop_ps)
            if arrival is not None:
                is_homed = arrival is Arrival.HOMED
                data = b"" if is_homed else self._motor_status()
                self._send(_ARRIVALS[arrival], data)
            if self._next_update_ps is not None and self._now_ps >= self._next_update_ps:
                self._send_update()

    def _send_update(self) -> None:
        if self._unacknowledged >= _MAX_UNACKNOWLEDGED:
            self._next_update_ps = None
            return
        self._unacknowledged += 1
        self._next_update_ps = self._now_ps + _UPDATE_PERIOD_PS
        self._send(0x0481, self._counter_status())

    def _receive(self, data: bytes) -> None:
        with self._lock:
            self._pending += data
            while len(self._pending) >= _HEADER.size:
                message_id, length, destination, source = _HEADER.unpack_from(self._pending)
                length *= bool(destination & _WITH_DATA)
                is_ours = destination & ~_WITH_DATA == _MOUNT and source == _HOST
                if not is_ours or length > _MAX_DATA_BYTES:
                    self._pending = self._pending[1:]
                    continue
                end = _HEADER.size + length
                if len(self._pending) < end:
                    return
                body = self._pending[_HEADER.size : end] or self._pending[2:4]
                self._pending = self._pending[end:]
                size, handle = self._handlers.get(message_id, (0, None))
                if handle is not None and len(body) == size:
                    handle(self, body)

    def _say_info(self, _: bytes) -> None:
        # Serial, model, type, firmware 1.0.3 (minor first), notes, hardware, state, channels.
        values = (self._serial, b"K10CR1", 16, 3, 0, 1, 0, b"", 1, 0, 1)
        self._send(0x0006, struct.pack("<I8sH4B60sHHH", *values))

    def _say_enabled(self, _: bytes) -> None:
        self._send(0x0212, parameters=b"\x01\x01" if self.is_enabled else b"\x01\x02")

    def _say_counter(self, _: bytes) -> None:
        self._send(0x0412, _CHANNEL + struct.pack("<i", self._counter()))

    def _say_velocity(self, _: bytes) -> None:
        acceleration = round(self.mount.acceleration_deg_s2 * _ACCELERATION_UNITS)
        velocity = round(self.mount.max_velocity_deg_s * _VELOCITY_UNITS)
        self._send(0x0415, _CHANNEL + struct.pack("<3i", 0, acceleration, velocity))

    def _say_status_bits(self, _: bytes) -> None:
        self._send(0x042A, _CHANNEL + struct.pack("<I", self._status()))

    def _say_homing(self, _: bytes) -> None:
        velocity = round(self.mount.home_velocity_deg_s * _VELOCITY_UNITS)
        offset = round(self.mount.home_offset_deg * _STEPS_PER_DEG)
        self._send(0x0442, _CHANNEL + struct.pack("<HHii", 2, 1, velocity, offset))

    def _say_status(self, _: bytes) -> None:
        self._send(0x0481, self._counter_status())

    def _say_motor_status(self, _: bytes) -> None:
        self._send(0x0491, self._motor_status())

    def _start_updates(self, _: bytes) -> None:
        self._next_update_ps, self._unacknowledged = self._now_ps, 0

    def _stop_updates(self, _: bytes) -> None:
        self._next_update_ps = None

    def _acknowledge(self, _: bytes) -> None:
        self._unacknowledged = 0

    def _enable(self, body: bytes) -> None:
        self.is_enabled = body == b"\x01\x01"
        if not self.is_enabled:
            self.mount.halt()

    def _set_velocity(self, body: bytes) -> None:
        _, _, acceleration, velocity = struct.unpack("<H3i", body)
        self.mount.acceleration_deg_s2 = max(1, acceleration) / _ACCELERATION_UNITS
        self.mount.max_velocity_deg_s = max(1, velocity) / _VELOCITY_UNITS

    def _set_homing(self, body: bytes) -> None:
        *_, velocity, offset = struct.unpack("<HHHii", body)
        self.mount.home_velocity_deg_s = max(1, velocity) / _VELOCITY_UNITS
        self.mount.home_offset_deg = offset / _STEPS_PER_DEG

    def _move_home(self, _: bytes) -> None:
        if self.is_enabled:
            self.mount.home()

    def _move_absolute(self, body: bytes) -> None:
        if self.is_enabled:
            self.mount.move_to(struct.unpack("<Hi", body)[1] / _STEPS_PER_DEG)

    def _move_relative(self, body: bytes) -> None:
        if self.is_enabled:
            way_deg = struct.unpack("<Hi", body)[1] / _STEPS_PER_DEG
            self.mount.move_to(self.mount.position_deg + way_deg)

    def _stop(self, body: bytes) -> None:
        if body[1] == _IMMEDIATE:
            self.mount.halt()
        self.mount.brake()

    #: Id of a message from the host -> bytes behind the id or header, and what it does.
    _handlers: ClassVar[Mapping[int, tuple[int, Callable[[K10cr1, bytes], None]]]] = {
        0x0005: (2, _say_info),
        0x0011: (2, _start_updates),
        0x0012: (2, _stop_updates),
        0x0210: (2, _enable),
        0x0211: (2, _say_enabled),
        0x0411: (2, _say_counter),
        0x0413: (14, _set_velocity),
        0x0414: (2, _say_velocity),
        0x0429: (2, _say_status_bits),
        0x0440: (14, _set_homing),
        0x0441: (2, _say_homing),
        0x0443: (2, _move_home),
        0x0448: (6, _move_relative),
        0x0453: (6, _move_absolute),
        0x0465: (2, _stop),
        0x0480: (2, _say_status),
        0x0490: (2, _say_motor_status),
        0x0492: (2, _acknowledge),
    }

    def _stick(self, *, is_stuck: bool = True) -> None:
        """Let the mount stand still: moves, once started, do not end; or let it go on."""
        self.mount.is_stuck = is_stuck

    def _block(self, *, is_blocked: bool = True) -> None:
        """Hold the plate: the motor loses steps and counts on, its angles are wrong from then."""
        self.mount.is_blocked = is_blocked

    def _lose_home(self) -> None:
        """Fail the mount's power for a moment: it stops and does not know its zero."""
        self.mount.lose_home()

    def _counter(self) -> int:
        steps = round(self.mount.position_deg * _STEPS_PER_DEG)
        return (steps + 2**31) % 2**32 - 2**31

    def _status(self) -> int:
        at_switch = abs(self.mount.from_switch_deg) < _SWITCH_WIDTH_DEG
        return (
            _CONNECTED
            | _MOVING_EITHER_WAY * self.mount.is_moving
            | _HOMING * self.mount.is_homing
            | _HOMED * self.mount.is_homed
            | _ENABLED * self.is_enabled
            | _REVERSE_LIMIT * at_switch
        )

    def _counter_status(self) -> bytes:
        return _CHANNEL + struct.pack("<iiI", self._counter(), 0, self._status())

    def _motor_status(self) -> bytes:
        return _CHANNEL + struct.pack("<ihhI", self._counter(), 0, 0, self._status())

    def _send(self, message_id: int, data: bytes = b"", parameters: bytes = _CHANNEL) -> None:
        if data:
            header = _HEADER.pack(message_id, len(data), _HOST | _WITH_DATA, _MOUNT)
            self.port.send(header + data)
        else:
            first, second = parameters
            self.port.send(struct.pack("<HBBBB", message_id, first, second, _HOST, _MOUNT))


def build(surroundings: Surroundings) -> K10cr1:
    """Return a mount with the plate that the options name.

    Raises:
        ConfigError: the options are wrong, or the world has no such part.
    """
    return K10cr1(surroundings.name, mounted(surroundings, switch_deg=_SWITCH_DEG))
