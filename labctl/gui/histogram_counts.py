"""Histograms of lags as they are drawn, and what is inside a window of one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import accidentals, bin_warning, car
from labctl.analysis.estimate import Estimate, poisson_sigma

__all__ = ["Inside", "PairHistogram", "pair_histograms"]


@dataclass(frozen=True, slots=True)
class Inside:
    """What a window of a histogram holds.

    Attributes:
        counts: of the bins whose centers are inside.
        accidentals: expected among them, from the singles.
        car: coincidence-to-accidental ratio.
        width_ps: of these bins together; the width that counts.
    """

    counts: Estimate
    accidentals: Estimate
    car: Estimate
    width_ps: int


@dataclass(frozen=True, slots=True)
class PairHistogram:
    """The lags t_b - t_a of one pair since its histogram was begun.

    Attributes:
        lags_ps: centers of the bins.
        counts: of each bin.
        live_s: for how long it was counted.
        expected: accidentals per bin; nan without live time.
        singles: tags of a and of b in the live time.
        peak: as the service found it, or None.
        fit: as the service fitted it; without a fit only its `problem`.
        warning: what is wrong with the width of the bins; empty when nothing is.
    """

    name: str
    lags_ps: NDArray[np.int64]
    bin_ps: int
    counts: NDArray[np.int64]
    live_s: float
    expected: float
    singles: tuple[int, int]
    peak: dict[str, Any] | None
    fit: dict[str, Any]
    warning: str

    def edges_ps(self) -> NDArray[np.float64]:
        """Return the edges of the bins, one more than bins."""
        first = float(self.lags_ps[0]) - self.bin_ps / 2
        return first + self.bin_ps * np.arange(self.lags_ps.size + 1, dtype=np.float64)

    def g2(self) -> NDArray[np.float64]:
        """Return counts over the accidentals expected per bin; nan where none are."""
        if not self.expected > 0:
            return np.full(self.counts.size, math.nan)
        return self.counts / self.expected

    def fitted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lags of the bins that were fitted, and what is expected in them."""
        expected = np.array(self.fit.get("expected", ()), dtype=np.float64)
        first = int(self.fit.get("first_bin", 0))
        return self.lags_ps[first : first + expected.size].astype(np.float64), expected

    def inside(self, low_ps: float, high_ps: float) -> Inside:
        """Return what the bins hold whose centers are from `low_ps` to `high_ps`."""
        chosen = (self.lags_ps >= low_ps) & (self.lags_ps <= high_ps)
        width_ps = int(np.count_nonzero(chosen)) * self.bin_ps
        counts = int(self.counts[chosen].sum())
        a, b = self.singles
        expected = accidentals(a, b, self.live_s, width_ps, coincidences=counts)
        ratio = Estimate(math.nan, math.nan)
        if math.isfinite(expected.value):
            ratio = car(counts, expected, singles=(a, b))
        return Inside(Estimate(counts, poisson_sigma(counts)), expected, ratio, width_ps)


def pair_histograms(data: Mapping[str, Any]) -> dict[str, PairHistogram]:
    """Return an update of `histogram` by names of pairs; taggers without live data are left out."""
    found = {}
    for tagger in data.get("taggers", {}).values():
        if "counts" not in tagger:
            continue
        bin_ps = tagger["bin_ps"]
        warning = bin_warning(bin_ps, tagger.get("resolution_ps")) or ""
        for row, name in enumerate(tagger["pairs"]):
            counts = np.array(tagger["counts"][row], dtype=np.int64)
            expected = tagger["accidentals_per_bin"][row]
            found[name] = PairHistogram(
                name,
                tagger["first_lag_ps"] + bin_ps * np.arange(counts.size, dtype=np.int64),
                bin_ps,
                counts,
                tagger["pairs_live_s"][row],
                math.nan if expected is None else expected,
                tuple(tagger["singles"][row]),
                tagger["peaks"][row],
                tagger["fits"][row],
                warning,
            )
    return found
