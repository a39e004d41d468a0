"""A Thorlabs K10CR1 rotation mount that carries a half-wave plate: APT messages, real moves.

Written from the APT protocol document (issue 25) and what its public clients observed on real
mounts: qmi 0.54 (thorlabs/k10crx.py), pnpq 0.2.1 (waveplate_thorlabs_k10cr1.py), pylablib 1.4
(Thorlabs/kinesis.py), thorlabs-apt-protocol 29.0.0. Where these differ it serves all of them.

- 409 600 microsteps turn the mount by 3 degrees. Velocities travel in units of 1/7 329 109
  degree/s, accelerations in 1/1502 degree/s^2.
- Power-up profile: 10 degree/s and 10 degree/s^2, homing in reverse at the same velocity to a
  switch, then 4 degrees forward to the zero: the values the maker's program sets (pnpq). The
  slow second approach to the switch is left out.
- While it turns, both moving bits are set, whichever the direction (qmi).
- MOVE_COMPLETED and MOVE_STOPPED carry 14 bytes of status, MOVE_HOMED none (pnpq).
- Status updates (0x0481) come once a second after START_UPDATEMSGS (pnpq), and end when 50
  of them were not acknowledged with 0x0492. The number is from memory of the protocol
  document; clients acknowledge every second.
- A disabled motor ignores moves. The bit mask of pnpq (channel 0 enabled) disables it too.
- There are no end stops; the position wraps at 32 bits.
- Messages it does not know are ignored, and so are bytes that are no message.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field

from labctl.errors import ConfigError, nearest
from simulated_devices.instrument import Surroundings
from simulated_devices.options import InstrumentOptions, checked_options
from simulated_devices.wire import Port
from simulated_devices.world import Arm, Slice
from simulated_devices.world.motion import Motion, plan_move, plan_stop

__all__ = ["K10cr1", "PlateOptions", "build"]

_STEPS_PER_DEG = 409_600 / 3
_VELOCITY_UNITS = 7_329_109.33
_ACCELERATION_UNITS = 1_502.03
_MOUNT, _HOST = 0x50, 0x01
_HEADER = struct.Struct("<HHBB")
_PS = 1e-12
#: The switch is a magnet; it is felt over about this angle.
_SWITCH_WIDTH_DEG = 0.2
_UPDATE_PERIOD_PS = 1_000_000_000_000
_MAX_UNACKNOWLEDGED = 50
_HOMED_MESSAGE, _COMPLETED_MESSAGE, _STOPPED_MESSAGE = 0x0444, 0x0464, 0x0466
_REVERSE_LIMIT, _MOVING, _CONNECTED = 0x2, 0x30, 0x100
_HOMING, _HOMED, _ENABLED = 0x200, 0x400, 0x8000_0000


class PlateOptions(InstrumentOptions):
    """`[simulation.instruments.NAME]` of a rotation mount."""

    arm: str | None = Field(
        None, description="Arm of the world whose analyzer looks through the mount's plate."
    )
    zero_offset_deg: float = Field(
        0.0,
        ge=-360.0,
        le=360.0,
        description="Mount angle at which the plate's fast axis is at 0: its mounting error.",
    )
    unhomed_at_deg: float | None = Field(
        None,
        ge=-360.0,
        le=360.0,
        description="The mount was just powered up with its plate here; left out: it is homed.",
    )


class K10cr1:
    """The mount's controller and mechanics; its plate is in front of an arm's analyzer.

    The thread that steps the world and the host's thread call it, one at a time.

    Attributes:
        mount_deg: where the mount really stands, whatever its counter says.
    """

    is_streaming = False
    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, surroundings: Surroundings, options: PlateOptions) -> None:
        self.port = Port(self._receive)
        self.serial = 55_000_000 + zlib.crc32(surroundings.name.encode()) % 1_000_000
        self.is_homed = options.unhomed_at_deg is None
        self.is_enabled = True
        self.mount_deg = options.unhomed_at_deg or 0.0
        self._arm: Arm | None = surroundings.world.arms[options.arm] if options.arm else None
        self._zero_offset_deg = options.zero_offset_deg
        self._counted_from_deg = self.mount_deg
        self._lock = threading.Lock()
        self._pending = b""
        self._now_ps = surroundings.world.time_ps
        self._motion: Motion | None = None
        self._motion_start_ps = 0
        self._legs: deque[float] = deque()
        self._finish = _COMPLETED
        self._velocity = _TEN_DEG_PER_S
        self._acceleration = _TEN_DEG_PER_S2
        self._home = (_REVERSE, _REVERSE_SWITCH, _TEN_DEG_PER_S, _HOME_OFFSET_STEPS)
        self._next_update_ps: int | None = None
        self._unacknowledged = 0
        self._turn_plate()

    def advance(self, slice_: Slice) -> None:
        """Turn on for one slice of world time; the plate's angle acts on the next."""
        with self._lock:
            self._now_ps = slice_.stop_ps
            while self._motion is not None:
                self.mount_deg = self._motion.position(self._elapsed_s())
                if self._elapsed_s() < self._motion.duration_s:
                    break
                self._end_leg(self._motion)
            self._turn_plate()
            if self._next_update_ps is not None and self._now_ps >= self._next_update_ps:
                self._send_update(self._next_update_ps)

    @property
    def counter(self) -> int:
        """Microsteps since the zero, or since power-up; wraps at 32 bits."""
        steps = round((self.mount_deg - self._counted_from_deg) * _STEPS_PER_DEG)
        return (steps + 2**31) % 2**32 - 2**31

    @property
    def status(self) -> int:
        """The status bits, as REQ_STATUSBITS gives them."""
        is_homing = self._motion is not None and self._finish == _HOMED
        beyond_switch_deg = (self.mount_deg - _SWITCH_DEG + 180.0) % 360.0 - 180.0
        return (
            _CONNECTED_BIT
            | _MOVING_BITS * (self._motion is not None)
            | _HOMING_BIT * is_homing
            | _HOMED_BIT * self.is_homed
            | _ENABLED_BIT * self.is_enabled
            | _REVERSE_LIMIT_BIT * (abs(beyond_switch_deg) < _SWITCH_WIDTH_DEG)
        )

    def _elapsed_s(self) -> float:
        return (self._now_ps - self._motion_start_ps) * _S_PER_PS

    def _turn_plate(self) -> None:
        """Show the world the plate: a half-wave plate at x turns what is analyzed by 2x."""
        if self._arm is not None:
            self._arm.analyzer_angle_deg = 2.0 * (self.mount_deg - self._zero_offset_deg)

    def _end_leg(self, motion: Motion) -> None:
        self._motion = None
        end_ps = self._motion_start_ps + round(motion.duration_s / _S_PER_PS)
        if self._legs:
            self._begin_leg(self._legs.popleft(), 0.0, end_ps)
        elif self._finish == _HOMED:
            self._counted_from_deg = self.mount_deg
            self.is_homed = True
            self._send(_HOMED, b"\x01\x00")
        else:
            self._send(self._finish, self._motor_status())

    def _begin_leg(self, target_deg: float, velocity: float, start_ps: int) -> None:
        limit = self._home[2] if self._finish == _HOMED else self._velocity
        self._motion_start_ps = start_ps
        self._motion = plan_move(
            self.mount_deg,
            velocity,
            target_deg,
            limit / _VELOCITY_UNITS,
            self._acceleration / _ACCELERATION_UNITS,
        )

    def _present_velocity(self) -> float:
        return self._motion.velocity(self._elapsed_s()) if self._motion is not None else 0.0

    def _move(self, target_steps: int) -> None:
        is_homing = self._motion is not None and self._finish == _HOMED
        if self.is_enabled and not is_homing:
            self._finish = _COMPLETED
            target_deg = self._counted_from_deg + target_steps / _STEPS_PER_DEG
            self._begin_leg(target_deg, self._present_velocity(), self._now_ps)

    def _move_home(self) -> None:
        if self.is_enabled:
            velocity = self._present_velocity()
            turns = math.floor((self.mount_deg - _SWITCH_DEG) / 360.0)
            switch_deg = _SWITCH_DEG + 360.0 * turns
            self.is_homed = False
            self._finish = _HOMED
            self._legs = deque([switch_deg + self._home[3] / _STEPS_PER_DEG])
            self._begin_leg(switch_deg, velocity, self._now_ps)

    def _stop(self, mode: int) -> None:
        velocity = 0.0 if mode == _IMMEDIATELY else self._present_velocity()
        self._legs.clear()
        self._finish = _STOPPED
        self._motion_start_ps = self._now_ps
        self._motion = plan_stop(
            self.mount_deg, velocity, self._acceleration / _ACCELERATION_UNITS
        )

    def _enable(self, channels: int, state: int) -> None:
        self.is_enabled = channels == 1 and state == 1
        if not self.is_enabled:
            self._motion = None
            self._legs.clear()

    def _receive(self, data: bytes) -> None:
        with self._lock:
            self._pending += data
            while len(self._pending) >= _HEADER.size:
                message_id, length, destination, source = _HEADER.unpack_from(self._pending)
                if destination & ~_LONG != _MOUNT or source != _HOST:
                    self._pending = self._pending[1:]
                    continue
                end = _HEADER.size + (length if destination & _LONG else 0)
                if len(self._pending) < end:
                    return
                body = self._pending[_HEADER.size : end] or self._pending[2:4]
                self._pending = self._pending[end:]
                self._execute(message_id, body)

    def _execute(self, message_id: int, body: bytes) -> None:
        if message_id in _REPLIES:
            self._reply(message_id)
        elif message_id == 0x0453 and len(body) == 6:  # noqa: PLR2004  MOVE_ABSOLUTE
            self._move(int.from_bytes(body[2:], "little", signed=True))
