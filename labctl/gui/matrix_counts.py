"""Coincidences of all detectors as one matrix, and what is known of one cell of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import accidentals, effective_window_ps
from labctl.analysis.estimate import Estimate, poisson_sigma

__all__ = ["MatrixCounts", "matrix_counts"]

_NONE = Estimate(math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class MatrixCounts:
    """Coincidence rates between detectors, and what they were counted with.

    Attributes:
        names: detectors of all taggers.
        rates_hz: float64 (n, n); nan on the diagonal and between taggers.
        live_s: live time of the tagger of each detector, in seconds.
        windows: full window and resolution in ps of the tagger of each detector.
    """

    names: tuple[str, ...]
    rates_hz: NDArray[np.float64]
    live_s: tuple[float, ...]
    windows: tuple[tuple[int, int | None], ...]

    def cell(self, row: int, column: int) -> Estimate:
        """Return the rate of a pair with its standard deviation."""
        rate, live_s = float(self.rates_hz[row, column]), self.live_s[row]
        if not math.isfinite(rate):
            return _NONE
        return Estimate(rate, poisson_sigma(round(rate * live_s)) / live_s)

    def accidentals(
        self, row: int, column: int, singles_hz: Mapping[str, float], delays_ps: Mapping[str, int]
    ) -> Estimate:
        """Return the rate of accidentals of a pair, from the singles of the same moment."""
        if row == column or not math.isfinite(self.rates_hz[row, column]):
            return _NONE
        a, b, live_s = self.names[row], self.names[column], self.live_s[row]
        if a not in singles_hz or b not in singles_hz:
            return _NONE
        window_ps = effective_window_ps(
            *self.windows[row], delays_ps.get(b, 0) - delays_ps.get(a, 0)
        )
        expected = accidentals(singles_hz[a] * live_s, singles_hz[b] * live_s, live_s, window_ps)
        return Estimate(expected.value / live_s, expected.sigma / live_s)


def matrix_counts(data: Mapping[str, Any]) -> MatrixCounts:
    """Return an update of `matrix` as one matrix over all taggers."""
    names: list[str] = []
    live_s: list[float] = []
    windows: list[tuple[int, int | None]] = []
    blocks: list[NDArray[np.float64]] = []
    for tagger in data.get("taggers", {}).values():
        here = tagger["names"]
        live = tagger["live_s"]
        is_known = live > 0 and not tagger.get("error")
        counts = np.array(tagger["counts"], dtype=np.float64).reshape(len(here), len(here))
        block = counts / live if is_known else np.full_like(counts, math.nan)
        np.fill_diagonal(block, math.nan)
        blocks.append(block)
        names += here
        live_s += [live] * len(here)
        windows += [(tagger["window_full_ps"], tagger.get("resolution_ps"))] * len(here)
    rates = np.full((len(names), len(names)), math.nan)
    start = 0
    for block in blocks:
        stop = start + len(block)
        rates[start:stop, start:stop] = block
        start = stop
    return MatrixCounts(tuple(names), rates, tuple(live_s), tuple(windows))
