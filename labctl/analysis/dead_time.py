"""Rates as they were before the dead time of the detector: both models, with uncertainty.

A nonparalyzable detector is blind for a fixed time after each click; a paralyzable one is blind
until there was a whole dead time without light. For Poissonian light of rate n they click at
m = n/(1 + n tau) and m = n exp(-n tau) (G. F. Knoll, Radiation Detection and Measurement, 4.VII).
"""

from __future__ import annotations

import math
from typing import Literal

from labctl.analysis.estimate import Estimate

__all__ = ["DeadTimeModel", "live_fraction", "without_dead_time"]

DeadTimeModel = Literal["nonparalyzable", "paralyzable"]

_MOST_ITERATIONS = 200


def without_dead_time(
    rate: Estimate, dead_time_ns: float, model: DeadTimeModel = "nonparalyzable"
) -> Estimate:
    """Return the rate that a detector without dead time would have measured.

    `rate` is in clicks per second. The uncertainty is carried over to first order, dn/dm times
    sigma; that of a Poissonian count is somewhat too large for m, whose scatter the dead time
    reduces. Of the two rates that a paralyzable detector cannot tell apart, the lower is meant.

    Raises:
        ValueError: a negative argument, or a rate that a detector of this dead time cannot
            reach: 1/tau, and 1/(e tau) for the paralyzable one.
    """
    dead_s = _dead_s(dead_time_ns)
    share = _checked_share(rate.value, dead_s, model)
    if dead_s == 0.0 or rate.value == 0.0:
        return rate
    if model == "nonparalyzable":
        live = 1.0 - share
        return Estimate(rate.value / live, rate.sigma / live**2, rate.unit)
    occupied = _occupied(share)
    true_hz = occupied / dead_s
    slope = math.exp(-occupied) * (1.0 - occupied)
    return Estimate(true_hz, rate.sigma / slope if slope > 0.0 else math.inf, rate.unit)


def live_fraction(
    rate_hz: float, dead_time_ns: float, model: DeadTimeModel = "nonparalyzable"
) -> float:
    """Return the part of the light that a detector clicks at, from its measured rate.

    Raises:
        ValueError: as `without_dead_time`.
    """
    share = _checked_share(rate_hz, _dead_s(dead_time_ns), model)
    return 1.0 - share if model == "nonparalyzable" else math.exp(-_occupied(share))


def _dead_s(dead_time_ns: float) -> float:
    if not (math.isfinite(dead_time_ns) and dead_time_ns >= 0.0):
        raise ValueError(f"dead_time_ns = {dead_time_ns} is no time; give 0 or more")
    return dead_time_ns * 1e-9


def _checked_share(rate_hz: float, dead_s: float, model: DeadTimeModel) -> float:
    """Return m tau, if a detector can have it."""
    share = rate_hz * dead_s
    limit = 1.0 if model == "nonparalyzable" else 1.0 / math.e
    if not 0.0 <= share < limit:
        most = f"{limit / dead_s:.6g}" if dead_s else "any"
        raise ValueError(
            f"a rate of {rate_hz:g} Hz is outside 0 to {most} Hz, which a {model} detector with "
            f"a dead time of {dead_s * 1e9:g} ns can have"
        )
    return share


def _occupied(share: float) -> float:
    """Return x below 1 with x exp(-x) = share, by Newton's method from below.

    x exp(-x) rises and is concave below 1, so the steps never overshoot.
    """
    x = share
    for _ in range(_MOST_ITERATIONS):
        step = (share * math.exp(x) - x) / (1.0 - x)
        x += step
        if abs(step) <= 1e-16 * max(x, 1e-300):
            break
    return x
