"""How far an actuator goes with one press of a key: steps of 1, 2 and 5 times powers of ten."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["next_step", "rounded", "step_ladder", "stepped"]

_MANTISSAS: Final = (1, 2, 5)
_RUNGS: Final = 9
_ALMOST: Final = 1 + 1e-9
#: Limits so much wider than the value say nothing about a good step.
_WIDE: Final = 1000.0


def step_ladder(limits: tuple[float, float] | None, value: float) -> tuple[float, ...]:
    """Return nine steps from fine to coarse; the coarsest is at most a tenth of the limits.

    Without limits, or with very wide ones, the value takes their place.
    """
    span = abs(value) or 1.0
    if limits is not None:
        width = limits[1] - limits[0]
        if value == 0 or width <= _WIDE * abs(value):
            span = width
    exponent = _rung_below(span / 10 if span > 0 else 1.0)
    return tuple(_rung(exponent - i) for i in reversed(range(_RUNGS)))


def next_step(step: float, direction: int) -> float:
    """Return the next coarser (1) or finer (-1) step of 1, 2 and 5 times a power of ten."""
    rung = _rung_below(step)
    if direction < 0 and step > _rung(rung) * _ALMOST:
        return _rung(rung)
    return _rung(rung + direction)


def stepped(
    value: float, step: float, count: int, limits: tuple[float, float] | None
) -> float | None:
    """Return the value after so many steps, within the limits; None where it cannot move."""
    wanted = rounded(value + count * step, step)
    if limits is not None:
        wanted = min(max(wanted, limits[0]), limits[1])
    return None if wanted == value else wanted


def rounded(value: float, step: float) -> float:
    """Return the value to a thousandth of a step or finer: sums and read-backs have noise."""
    return round(value, max(0, 3 - math.floor(math.log10(step))))


def _rung_below(step: float) -> int:
    """Return the number of the largest rung that is not above the step."""
    decade = math.floor(math.log10(step * _ALMOST))
    mantissa = step * _ALMOST / 10.0**decade
    return 3 * decade + sum(mantissa >= m for m in _MANTISSAS) - 1


def _rung(number: int) -> float:
    decade, place = divmod(number, 3)
    # The text of a decimal fraction gives the nearest double; a product does not always.
    return float(f"{_MANTISSAS[place]}e{decade}")
