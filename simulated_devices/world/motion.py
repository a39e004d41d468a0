"""Motion of a motor axis at limited velocity and acceleration: position as a function of time.

A move accelerates, cruises and brakes at constant rates (a trapezoid of velocity), or turns
from accelerating to braking where the way is too short to cruise (a triangle). From rest over
the distance d it takes d/v + v/a, or 2 sqrt(d/a) where d < v^2/a.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Motion", "plan_move", "plan_stop"]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Constant acceleration from `start_s` on."""

    start_s: float
    position: float
    velocity: float
    acceleration: float

    def at(self, time_s: float) -> tuple[float, float]:
        """Return position and velocity."""
        since_s = time_s - self.start_s
        velocity = self.velocity + self.acceleration * since_s
        return self.position + (self.velocity + velocity) / 2.0 * since_s, velocity


@dataclass(frozen=True, slots=True)
class Motion:
    """A planned motion that begins at time 0 and ends at rest.

    Attributes:
        end: where it comes to rest, exactly.
        duration_s: when.
    """

    pieces: tuple[_Piece, ...]
    end: float
    duration_s: float

    def position(self, time_s: float) -> float:
        """Return the position at `time_s`; before the beginning and after the end it rests."""
        return self._at(time_s)[0]

    def velocity(self, time_s: float) -> float:
        """Return the velocity at `time_s`."""
        return self._at(time_s)[1]

    def _at(self, time_s: float) -> tuple[float, float]:
        if time_s >= self.duration_s:
            return self.end, 0.0
        time_s = max(0.0, time_s)
        piece = next(piece for piece in reversed(self.pieces) if piece.start_s <= time_s)
        return piece.at(time_s)


def plan_stop(position: float, velocity: float, acceleration: float) -> Motion:
    """Return the motion that brakes from `velocity` to rest."""
    duration_s = abs(velocity) / acceleration
    braking = -math.copysign(acceleration, velocity)
    return Motion(
        (_Piece(0.0, position, velocity, braking),),
        position + velocity * duration_s / 2.0,
        duration_s,
    )


def plan_move(
    position: float, velocity: float, target: float, max_velocity: float, acceleration: float
) -> Motion:
    """Return the fastest motion from `position`, passed at `velocity`, to rest at `target`.

    An axis that moves away from the target, or is too fast to stop there, brakes first.
    """
    if velocity:
        stop = plan_stop(position, velocity, acceleration)
        if (target - stop.end) * velocity < 0.0:
            back = plan_move(stop.end, 0.0, target, max_velocity, acceleration)
            return _joined(stop, back)
    way = abs(target - position)
    direction = math.copysign(1.0, target - position)
    speed = abs(velocity)
    peak = min(max_velocity, math.sqrt(acceleration * way + speed**2 / 2.0))
    speeding_s = abs(peak - speed) / acceleration
    braking_s = peak / acceleration
    cruise = way - (speed + peak) / 2.0 * speeding_s - peak * braking_s / 2.0
    cruising_s = max(0.0, cruise) / peak if peak else 0.0
    first = _Piece(
        0.0, position, direction * speed, direction * math.copysign(acceleration, peak - speed)
    )
    second = _Piece(speeding_s, *first.at(speeding_s), 0.0)
    third_s = speeding_s + cruising_s
    third = _Piece(third_s, *second.at(third_s), -direction * acceleration)
    return Motion((first, second, third), target, third_s + braking_s)


def _joined(first: Motion, second: Motion) -> Motion:
    later = tuple(
        _Piece(p.start_s + first.duration_s, p.position, p.velocity, p.acceleration)
        for p in second.pieces
    )
    return Motion((*first.pieces, *later), second.end, first.duration_s + second.duration_s)
