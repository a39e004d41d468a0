"""A motorized rotation mount without end stops: moves, homing to a switch, a wave plate.

The motor is a stepper without an encoder: the controller counts the steps it orders. Where
something holds the plate they are lost, and the controller does not notice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from enum import Enum

from simulated_devices.world.arm import Arm
from simulated_devices.world.motion import Motion, plan_move, plan_stop
from simulated_devices.world.optics.wave_plate import WavePlate
from simulated_devices.world.slices import PS_PER_S

__all__ = ["Arrival", "RotationMount"]

#: Rounding of angles over many turns; far below a microstep of 7e-6 degree.
_AT_SWITCH_DEG = 1e-6


class Arrival(Enum):
    """How a motion ended."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    HOMED = "homed"


class RotationMount:
    """The mechanics of a mount; its controller moves it, `advance` lets time pass.

    Attributes:
        zero_deg: the motor's angle from which positions count: that of power-up until it is homed.
        is_blocked: whether something holds the plate while the motor turns.
        is_homed: whether it has found its zero.
        max_velocity_deg_s: cruising velocity of moves.
        home_velocity_deg_s: velocity on the way to the switch.
        acceleration_deg_s2: how fast it speeds up and brakes.
        home_offset_deg: the way from the switch, at `switch_deg`, to the zero.
    """

    def __init__(self, *, switch_deg: float, unhomed_at_deg: float | None = None) -> None:
        self._motor_deg = self.zero_deg = unhomed_at_deg or 0.0
        #: What the plate is ahead of the motor.
        self._slipped_deg = 0.0
        self.is_blocked = False
        self._is_stuck = False
        self.is_homed = unhomed_at_deg is None
        self.max_velocity_deg_s = 10.0
        self.home_velocity_deg_s = 10.0
        self.acceleration_deg_s2 = 10.0
        self.home_offset_deg = -switch_deg
        self._switch_deg = switch_deg
        self._turn: Callable[[float], None] | None = None
        self._plate_zero_deg = 0.0
        self._now_ps = 0
        self._start_ps = 0
        self._motion: Motion | None = None
        self._target_deg = 0.0
        self._legs: deque[float] = deque()
        self._arrival = Arrival.COMPLETED

    def carry_half_wave_plate(self, arm: Arm, zero_offset_deg: float) -> None:
        """Put a half-wave plate in front of the arm's analyzer.

        `zero_offset_deg` is the mount's angle at which the plate's fast axis is at H.
        """

        # A half-wave plate at x turns the analyzed polarization by 2x.
        def turn(angle_deg: float) -> None:
            arm.analyzer_angle_deg = 2.0 * angle_deg

        arm.moved = frozenset({"analyzer_angle_deg"})
        self._hold(turn, zero_offset_deg)

    def carry(self, plate: WavePlate, zero_offset_deg: float) -> None:
        """Put a plate of the optics into the mount; its fast axis is at H at `zero_offset_deg`."""

        def turn(angle_deg: float) -> None:
            plate.angle_deg = angle_deg

        plate.moved = frozenset({"angle_deg"})
        self._hold(turn, zero_offset_deg)

    def _hold(self, turn: Callable[[float], None], zero_offset_deg: float) -> None:
        self._turn, self._plate_zero_deg = turn, zero_offset_deg
        self._show_plate()

    @property
    def angle_deg(self) -> float:
        """Where the plate really stands, against the zero that homing finds."""
        return self._motor_deg + self._slipped_deg

    @property
    def is_stuck(self) -> bool:
        """True while motor and plate stand still, and a move under way does not end."""
        return self._is_stuck

    @is_stuck.setter
    def is_stuck(self, is_stuck: bool) -> None:
        if self._is_stuck and not is_stuck and self._motion is not None:
            # It goes on to where it was sent, from rest.
            self._begin(self._target_deg, 0.0, self._now_ps)
        self._is_stuck = is_stuck

    def lose_home(self) -> None:
        """Forget the zero, as after a failure of the power: positions count from here."""
        self.halt()
        self.is_homed = False
        self.zero_deg = self._motor_deg

    @property
    def is_moving(self) -> bool:
        """True while it turns."""
        return self._motion is not None

    @property
    def is_homing(self) -> bool:
        """True on the way to the switch and from there to the zero."""
        return self.is_moving and self._arrival is Arrival.HOMED

    @property
    def position_deg(self) -> float:
        """The angle as the controller counts it."""
        return self._motor_deg - self.zero_deg

    @property
    def from_switch_deg(self) -> float:
        """The angle ahead of the switch, between -180 and 180."""
        return (self.angle_deg - self._switch_deg + 180.0) % 360.0 - 180.0

    def move_to(self, position_deg: float) -> None:
        """Start a move, from a move under way too; while homing it is ignored."""
        if not self.is_homing:
            velocity = self._velocity()
            self._arrival = Arrival.COMPLETED
            self._begin(self.zero_deg + position_deg, velocity, self._now_ps)

    def home(self) -> None:
        """Start for the switch in reverse, then for the zero."""
        velocity = self._velocity()
        self.is_homed = False
        self._arrival = Arrival.HOMED
        self._search(velocity, self._now_ps)

    def brake(self) -> None:
        """Come to rest at the set deceleration."""
        velocity = self._velocity()
        self._legs.clear()
        self._arrival = Arrival.STOPPED
        self._target_deg = self._motor_deg
        self._start_ps = self._now_ps
        self._motion = plan_stop(self._motor_deg, velocity, self.acceleration_deg_s2)

    def halt(self) -> None:
        """Stand still at once, without an arrival."""
        self._legs.clear()
        self._motion = None

    def advance(self, now_ps: int) -> Arrival | None:
        """Turn until `now_ps` of world time; return how a motion ended, if one did."""
        self._now_ps = now_ps
        arrival = None
        while self._motion is not None and not self._is_stuck:
            self._turn_motor_to(self._motion.position(self._elapsed_s()))
            if self._elapsed_s() < self._motion.duration_s:
                break
            arrival = self._end_leg(self._motion)
        self._show_plate()
        return arrival

    def _end_leg(self, motion: Motion) -> Arrival | None:
        self._motion = None
        if self._legs:
            end_ps = self._start_ps + round(motion.duration_s * PS_PER_S)
            if abs(self.from_switch_deg) > _AT_SWITCH_DEG:
                self._search(0.0, end_ps)
            else:
                self._begin(self._legs.popleft(), 0.0, end_ps)
            return None
        if self._arrival is Arrival.HOMED:
            self.zero_deg = self._motor_deg
            self.is_homed = True
        return self._arrival

    def _search(self, velocity_deg_s: float, start_ps: int) -> None:
        """Start for the switch, in reverse; it is not found as long as the plate is held."""
        turns = math.floor((self.angle_deg - self._switch_deg) / 360.0)
        switch_deg = self._switch_deg + 360.0 * turns - self._slipped_deg
        self._legs = deque([switch_deg + self.home_offset_deg])
        self._begin(switch_deg, velocity_deg_s, start_ps)

    def _turn_motor_to(self, motor_deg: float) -> None:
        if self.is_blocked:
            self._slipped_deg -= motor_deg - self._motor_deg
        self._motor_deg = motor_deg

    def _begin(self, angle_deg: float, velocity_deg_s: float, start_ps: int) -> None:
        homing = self._arrival is Arrival.HOMED
        self._start_ps = start_ps
        self._target_deg = angle_deg
        self._motion = plan_move(
            self._motor_deg,
            velocity_deg_s,
            angle_deg,
            self.home_velocity_deg_s if homing else self.max_velocity_deg_s,
            self.acceleration_deg_s2,
        )

    def _velocity(self) -> float:
        if self._motion is None or self._is_stuck:
            return 0.0
        return self._motion.velocity(self._elapsed_s())

    def _elapsed_s(self) -> float:
        return (self._now_ps - self._start_ps) / PS_PER_S

    def _show_plate(self) -> None:
        # The world looks once a slice, so light in a slice sees the plate as it stood at the
        # slice's beginning.
        if self._turn is not None:
            self._turn(self.angle_deg - self._plate_zero_deg)
