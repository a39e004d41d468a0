"""E and S of a CHSH run from the points taken so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from labctl.analysis import (
    Estimate,
    correlation_from_rates,
    correlation_value,
    quadrature,
    setting_rate,
    unswapped_rates,
)

__all__ = ["NAMES", "SIGNS", "Correlation", "correlations_of", "live_correlation", "sums_of"]

#: Pairs of angles in the order in which they are measured, and their sign in S.
NAMES: Final = ("ab", "ab'", "a'b'", "a'b")
SIGNS: Final = (1, -1, 1, 1)
#: What a point has beside the counts of the pairs of detectors.
_OTHERS: Final = ("number", "total", "alice_deg", "bob_deg", "live_s", "peak_ps")
_OUTPUTS: Final = 4
#: Turning one analyzer by 90° changes the sign of E: (a, b), (a, b⊥), (a⊥, b), (a⊥, b⊥).
_SWAPS: Final = (1, -1, -1, 1)


@dataclass(frozen=True, slots=True)
class Correlation:
    """E of one pair of angles."""

    name: str
    sign: int
    alice_deg: float
    bob_deg: float
    e: Estimate


def correlations_of(rows: Sequence[Mapping[str, Any]]) -> list[Correlation]:
    """Return E, accidentals included, of every pair of angles that has all its settings."""
    per_name = _settings_per_name(rows)
    found = []
    for place, (name, sign) in enumerate(zip(NAMES, SIGNS, strict=True)):
        group = rows[place * per_name : (place + 1) * per_name]
        if len(group) < per_name:
            break
        alice, bob = float(group[0]["alice_deg"]), float(group[0]["bob_deg"])
        found.append(Correlation(name, sign, alice, bob, _correlation(group)))
    return found


def live_correlation(live: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Estimate | None:
    """Return E of the setting that is being counted; None where its outputs do not give it."""
    names = [key.removesuffix("_sigma_hz") for key in live if key.endswith("_sigma_hz")]
    if len(names) != _OUTPUTS:
        return None
    rates = [(live.get(f"{name}_hz"), live[f"{name}_sigma_hz"]) for name in names]
    known = [Estimate(rate, sigma) for rate, sigma in rates if rate is not None]
    if len(known) < _OUTPUTS:
        return None
    e = correlation_from_rates(known)
    swap = _SWAPS[len(rows) % _OUTPUTS] if _settings_per_name(rows) > 1 else 1
    return Estimate(swap * e.value, e.sigma) if math.isfinite(e.value) else None


def sums_of(correlations: Sequence[Correlation]) -> list[Estimate]:
    """Return the sums of the signed E after each pair of angles; the fourth is S."""
    sums = []
    value, sigma = 0.0, 0.0
    for one in correlations:
        value += one.sign * one.e.value
        sigma = quadrature(sigma, one.e.sigma)
        sums.append(Estimate(value, sigma))
    return sums


def _settings_per_name(rows: Sequence[Mapping[str, Any]]) -> int:
    total = int(rows[0].get("total") or len(NAMES)) if rows else len(NAMES)
    return max(1, total // len(NAMES))


def _correlation(group: Sequence[Mapping[str, Any]]) -> Estimate:
    counts = [[int(v) for key, v in row.items() if key not in _OTHERS] for row in group]
    if len(group) == 1:
        return correlation_value(counts[0])
    rates = [
        [setting_rate(n, float(row["live_s"])) for n in seen]
        for row, seen in zip(group, counts, strict=True)
    ]
    if len(rates[0]) == 1:
        return correlation_from_rates([only[0] for only in rates])
    return correlation_from_rates(unswapped_rates(rates))
