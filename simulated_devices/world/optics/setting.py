"""Limits of what instruments set often, checked without building a new model."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.errors import LimitError

__all__ = ["each_within", "within"]


def within(name: str, value: float, minimum: float, maximum: float) -> float:
    """Return the value as a float.

    Raises:
        LimitError: the value is outside minimum to maximum, or not a number.
    """
    if not minimum <= value <= maximum:
        raise LimitError(f"{name} = {value:g} is outside {minimum:g} to {maximum:g}")
    return float(value)


def each_within(
    name: str, values: Sequence[float], count: int, limits: tuple[float, float]
) -> tuple[float, ...]:
    """Return `count` values as floats; `limits` are the least and the greatest allowed.

    Raises:
        LimitError: there are more or fewer values, or one is outside the limits.
    """
    if len(values) != count:
        raise LimitError(f"{name} has {len(values)} values; give {count}")
    return tuple(
        within(f"{name}[{position}]", value, *limits) for position, value in enumerate(values)
    )
