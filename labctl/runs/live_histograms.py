"""Histograms of lags as a live display is told of them: counts, accidentals and fitted peaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import Correlation, Peak, Rates, accidentals, find_peak, fit_peak
from labctl.analysis.estimate import Estimate

__all__ = ["Begun", "finite", "told_histograms"]

#: Digits of what is expected in a bin; the curve is drawn, not read.
_DIGITS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """What a stream had counted when a histogram was begun: live time and singles by channel."""

    live_s: float
    singles: NDArray[np.int64]


def told_histograms(
    correlation: Correlation,
    rates: Rates,
    begun: Sequence[Begun],
    delays_ps: NDArray[np.int64],
    resolution_ps: int | None,
) -> dict[str, Any]:
    """Return the histograms as JSON carries them.

    Args:
        correlation: the histograms.
        rates: of the stream as a whole.
        begun: what the stream had when each histogram was begun.
        delays_ps: subtracted from the times of each channel.
        resolution_ps: step of the tagger.
    """
    live_s = [rates.live_s - since.live_s for since in begun]
    singles = [
        [int(rates.counts[channel] - since.singles[channel]) for channel in pair]
        for pair, since in zip(correlation.pairs, begun, strict=True)
    ]
    expected = [
        accidentals(a, b, seconds, correlation.bin_ps).value
        for (a, b), seconds in zip(singles, live_s, strict=True)
    ]
    found = [_peak_of(correlation, row, resolution_ps) for row in range(len(begun))]
    return {
        "first_lag_ps": int(correlation.lags_ps[0]),
        "bin_ps": correlation.bin_ps,
        "counts": correlation.counts.tolist(),
        "pairs_live_s": live_s,
        "resolution_ps": resolution_ps,
        "singles": singles,
        "accidentals_per_bin": [finite(value) for value in expected],
        "peaks": [_told_peak(peak) for peak in found],
        "fits": [
            _told_fit(correlation, row, peak, int(delays_ps[a] - delays_ps[b]), resolution_ps)
            for row, (peak, (a, b)) in enumerate(zip(found, correlation.pairs, strict=True))
        ],
    }


def finite(value: float) -> float | None:
    """Return the value as JSON allows it, where infinity and nan do not exist."""
    return float(value) if math.isfinite(value) else None


def _peak_of(correlation: Correlation, row: int, resolution_ps: int | None) -> Peak | None:
    """Return the peak; None for a histogram that is too short to have bins beside it."""
    try:
        return find_peak(
            correlation.counts[row],
            correlation.lags_ps,
            correlation.bin_ps,
            resolution_ps=resolution_ps,
        )
    except ValueError:
        return None


def _told_peak(peak: Peak | None) -> dict[str, Any] | None:
    if peak is None or not peak.is_found:
        return None
    return {
        "position_ps": _estimate(peak.position),
        "fwhm_ps": _estimate(peak.fwhm),
        "counts": _estimate(peak.counts),
        "background": _estimate(peak.background),
        "significance": finite(peak.significance),
    }


def _told_fit(
    correlation: Correlation,
    row: int,
    peak: Peak | None,
    offset_ps: int,
    resolution_ps: int | None,
) -> dict[str, Any]:
    """Return the fit, or of one that was not made only its problem."""
    if peak is None:
        return {"problem": "the range has too few bins beside a peak; take a wider one"}
    fit = fit_peak(
        correlation.counts[row],
        correlation.lags_ps,
        correlation.bin_ps,
        peak,
        resolution_ps=resolution_ps,
        lag_offset_ps=offset_ps,
    )
    if not fit.expected.size:
        return {"problem": fit.problem}
    return {
        "problem": fit.problem,
        "position_ps": _estimate(fit.position),
        "fwhm_ps": _estimate(fit.fwhm),
        "counts": _estimate(fit.counts),
        "background": _estimate(fit.background),
        "chi2": finite(fit.chi2),
        "freedom": fit.freedom,
        "first_bin": fit.first,
        "expected": [float(f"{value:.{_DIGITS}g}") for value in fit.expected.tolist()],
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": finite(estimate.value), "sigma": finite(estimate.sigma)}
