"""Numbers out of stored results, and the scale in which to show them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.units import format_uncertain

__all__ = ["PICO", "Values", "columns", "number", "spoken", "time_scale"]

Values: TypeAlias = NDArray[np.float64]
Stored: TypeAlias = Mapping[str, Any] | None

#: Picoseconds in a unit, largest first.
PICO = ((1e12, "s"), (1e9, "ms"), (1e6, "µs"), (1e3, "ns"), (1.0, "ps"))


def number(stored: Stored) -> tuple[float, float]:
    """Return value and sigma of a stored estimate; what is missing or None is nan."""
    value = None if stored is None else stored.get("value")
    sigma = None if stored is None else stored.get("sigma")
    return (
        math.nan if value is None else float(value),
        math.nan if sigma is None else float(sigma),
    )


def columns(stored: Iterable[Stored], scale: float = 1.0) -> tuple[Values, Values]:
    """Return values and sigmas of stored estimates as (n,) arrays, in units of `scale`."""
    pairs = np.array([number(one) for one in stored], dtype=np.float64).reshape(-1, 2) / scale
    return pairs[:, 0], pairs[:, 1]


def spoken(stored: Stored, unit: str = "") -> str:
    """Return `value ± sigma` for people, or a dash."""
    value, sigma = number(stored)
    return "—" if math.isnan(value) else format_uncertain(value, sigma, unit)


def time_scale(largest_ps: float) -> tuple[float, str]:
    """Return the unit, in picoseconds and as a word, that suits times up to `largest_ps`.

    The largest value shown is at least 10, so that ticks stay short.
    """
    for pico, word in PICO:
        if largest_ps >= 10 * pico:
            return pico, word
    return PICO[-1]
