"""The peak of a cross-correlation histogram: whether there is one, and where.

A peak is looked for with boxcars of 1, 3, 9, … bins, against the mean of the bins far from it.
Its significance is that of n_on counts on the boxcar over n_off counts beside it (Li and Ma,
ApJ 272 317, eq. 17), which stays finite for an empty background. If the bins beside the peak
scatter more than Poisson counts do (a comb of pulses), it is divided by their excess.

Looking at N = lags x boxcars places finds large excesses by chance: the probability is at most N
times that of one place. With z the significance at one place, sqrt(z² - 2·ln N) has a normal tail
probability of at least N times that of z, so it is a lower bound of the corrected significance;
this is what is reported and must reach 5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.estimate import Estimate, poisson_sigma, quadrature

__all__ = ["SIGNIFICANT", "Peak", "find_peak"]

#: Standard deviations, after the look-elsewhere correction, from which a peak counts as found.
SIGNIFICANT = 5.0
_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_UNKNOWN_PS = Estimate(math.nan, math.nan, "ps")
#: The window of the centroid moves at most so often.
_MOVES = 10

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Peak:
    """The peak of a cross-correlation histogram.

    Attributes:
        is_found: whether `significance` reaches 5; if not, position and fwhm are nan.
        position: lag of the peak (ps), see `find_peak`.
        fwhm: width of a Gaussian of the peak's variance (ps), bins' own width removed; jitter of
            both channels and, for a coarse tagger, its steps. The window of the centroid cuts
            tails off, which makes it small by up to 1.4 %.
        counts: counts of the peak within the window of the centroid, background subtracted.
        background: mean counts per bin away from the peak.
        significance: excess over the background in standard deviations, corrected for N places.
        places: N, lags times boxcars looked at.
        is_at_edge: the histogram ends inside the window of the centroid; take a wider range.
    """

    is_found: bool
    position: Estimate
    fwhm: Estimate
    counts: Estimate
    background: Estimate
    significance: float
    places: int
    is_at_edge: bool


def find_peak(
    counts: ArrayLike,
    lags_ps: ArrayLike,
    bin_ps: int,
    *,
    resolution_ps: int | None = None,
    half_width_ps: int | None = None,
) -> Peak:
    """Return the largest peak of a histogram, with the centroid of its window as position.

    x = Σ (n_i - b)·x_i / S over the bins within ±half_width_ps, S = Σ (n_i - b); the window
    follows the centroid. σ² = Σ n_i·(x_i - x)²/S² + σ_b²·(Σ (x_i - x))²/S² + σ_q², and the first
    term is not below bin²/S², one count in a neighbouring bin. σ_q is what binning may hide:

    - If lags are finer than bins (`resolution_ps` less than `bin_ps`, or None), a peak inside
      one or two bins may lie anywhere between: σ_q² = (bin² - resolution²)/12. For a Gaussian of
      standard deviation s the error shrinks as exp(-2π²·s²/bin²), and with v the variance of the
      histogram s² is at least v - bin²/4, which two bins cannot reach.
    - If a bin is one step of a coarse tagger, σ_q = 0: times of photons do not depend on the
      tagger's clock, so a lag of d = (k + f) steps is counted as k + 1 with probability f, and
      the centroid of one to three filled bins is unbiased. (Not so for pulses locked to that
      clock: then the error is up to a step.) The scatter f·(1 - f)·step² is in the first term.

    Args:
        counts: (n,) histogram, as a row of `Correlation.counts`.
        lags_ps: (n,) bin centres, equally spaced.
        bin_ps: width of a bin.
        resolution_ps: step of the tagger.
        half_width_ps: half of the centroid's window; left out, two widths of the boxcar that
            saw the peak best, at least three standard deviations of a Gaussian peak.

    Raises:
        ValueError: lengths differ, a negative count, bin_ps is not the spacing of the lags, or
            the histogram has fewer than two bins away from the peak.
    """
    seen, lags = _columns(counts, lags_ps, bin_ps)
    widths = _boxcars(seen.size)
    index, boxcar = _best_place(seen, widths)
    reach = 2 * boxcar if half_width_ps is None else max(1, round(half_width_ps / bin_ps))
    beside = np.abs(np.arange(seen.size) - index) > max(2 * reach, boxcar // 2)
    bins_beside = _enough_beside(beside, bin_ps, reach)
    places = seen.size * len(widths)
    significance = _significance(seen, beside, index, boxcar, places)
    off = float(seen[beside].sum())
    level = Estimate(off, poisson_sigma(off)).scaled(1 / bins_beside)
    centre, inside = _follow(seen, index, reach, level.value)
    at_edge = centre - reach < 0 or centre + reach >= seen.size
    signal = float(np.sum(seen[inside] - level.value))
    spread = quadrature(poisson_sigma(float(seen[inside].sum())), inside.size * level.sigma)
    if significance < SIGNIFICANT or not signal > 0:
        position, fwhm = _UNKNOWN_PS, _UNKNOWN_PS
    else:
        step = min(resolution_ps or 0, bin_ps)
        position, fwhm = _centroid(seen[inside], lags[inside], bin_ps, step, level)
    found = not math.isnan(position.value)
    return Peak(
        found, position, fwhm, Estimate(signal, spread), level, significance, places, at_edge
    )


def _enough_beside(beside: NDArray[np.bool_], bin_ps: int, reach: int) -> int:
    """Return how many bins lie beside the peak; their scatter is needed, so two at least."""
    bins = int(np.count_nonzero(beside))
    if bins < 2:  # noqa: PLR2004
        raise ValueError(
            f"{beside.size} bins of {bin_ps} ps leave no background beside a peak window of "
            f"±{reach * bin_ps} ps; take a wider range or smaller bins"
        )
    return bins


def _columns(counts: ArrayLike, lags_ps: ArrayLike, bin_ps: int) -> tuple[Values, Values]:
    seen = np.asarray(counts, dtype=np.float64)
    lags = np.asarray(lags_ps, dtype=np.float64)
    if seen.ndim != 1 or seen.shape != lags.shape:
        raise ValueError(
            f"counts has shape {seen.shape} and lags_ps {lags.shape}; give one count per lag"
        )
    if bin_ps <= 0 or np.any(np.diff(lags) != bin_ps):
        raise ValueError(f"bin_ps = {bin_ps} ps is not the spacing of lags_ps")
    if np.any(seen < 0):
        raise ValueError(f"a count is negative: {seen.min()}")
    return seen, lags


def _boxcars(bins: int) -> list[int]:
    """Return 1, 3, 9, … while half of the bins remain outside ±4 widths."""
    widths = [1]
    while 2 * (8 * 3 * widths[-1] + 1) <= bins:
        widths.append(3 * widths[-1])
    return widths


def _best_place(seen: Values, widths: Sequence[int]) -> tuple[int, int]:
    """Return the bin and the boxcar with the largest excess over the mean of all bins."""
    total = float(seen.sum())
    below = np.concatenate(([0.0], np.cumsum(seen)))
    places = np.arange(seen.size)
    best = (0.0, seen.size // 2, 1)
    for width in widths if seen.size else ():
        half = width // 2
        last = np.minimum(places + half + 1, seen.size)
        sums = below[last] - below[np.maximum(places - half, 0)]
        index = int(np.argmax(sums))
        on = float(sums[index])
        excess = _li_ma(on, total - on, width / (seen.size - width or 1))
        if excess > best[0]:
            best = (excess, index, width)
    return best[1], best[2]


def _li_ma(on: float, off: float, ratio: float) -> float:
    """Return the significance of an excess of `on` counts over ratio·off; 0 if there is none."""
    if on <= ratio * off:
        return 0.0
    total = on + off
    signal = on * math.log((1 + ratio) / ratio * on / total)
    rest = off * math.log((1 + ratio) * off / total) if off else 0.0
    return math.sqrt(2 * max(signal + rest, 0.0))


def _significance(
    seen: Values, beside: NDArray[np.bool_], index: int, boxcar: int, places: int
) -> float:
    """Return the excess at the place in standard deviations, corrected for all places."""
    others = seen[beside]
    first, last = max(index - boxcar // 2, 0), index + boxcar // 2 + 1
    on = float(seen[first:last].sum())
    mean = float(others.mean())
    local = _li_ma(on, float(others.sum()), seen[first:last].size / others.size)
    excess = max(1.0, float(others.var()) / mean) if mean else 1.0
    return math.sqrt(max(local**2 / excess - 2 * math.log(places), 0.0))


def _follow(seen: Values, index: int, reach: int, level: float) -> tuple[int, NDArray[np.intp]]:
    """Return the central bin of the window that follows its centroid, and its bins."""
    for _ in range(_MOVES):
        inside = np.arange(max(index - reach, 0), min(index + reach + 1, seen.size))
        weights = seen[inside] - level
        total = float(weights.sum())
        centre = round(float(weights @ inside) / total) if total > 0 else index
        # Noise around a vanishing sum throws the centroid out of its own window.
        if centre == index or not inside[0] <= centre <= inside[-1]:
            break
        index = centre
    return index, inside


def _centroid(
    seen: Values, lags: Values, bin_ps: int, step_ps: int, level: Estimate
) -> tuple[Estimate, Estimate]:
    """Return position and width of a peak; the formulae are in `find_peak`."""
    weights = seen - level.value
    signal = float(weights.sum())
    position = float(weights @ lags) / signal
    offsets = lags - position
    variance = float(weights @ offsets**2) / signal
    scatter = max(float(seen @ offsets**2), float(bin_ps) ** 2) / signal**2
    scatter += (level.sigma * float(offsets.sum()) / signal) ** 2
    hidden = (bin_ps**2 - step_ps**2) / 12
    blurred = max(variance / bin_ps**2 - 0.25, 0.0)
    sigma = math.sqrt(scatter + hidden * math.exp(-4 * math.pi**2 * blurred))
    # A bin [c - bin/2, c + bin/2) of an even number of steps holds steps with mean c - step/2.
    if step_ps and bin_ps % (2 * step_ps) == 0:
        position -= step_ps / 2
    width = _width(variance - hidden, float(seen @ (offsets**2 - variance) ** 2), signal, bin_ps)
    return Estimate(position, sigma, "ps"), width


def _width(variance: float, fourth: float, signal: float, bin_ps: int) -> Estimate:
    """Return the FWHM of a Gaussian of this variance, whose own variance is fourth/signal².

    A peak that fills one bin is narrower than it: 0 with the FWHM of a uniform bin as sigma.
    """
    sigma_variance = math.sqrt(fourth) / signal
    if variance <= sigma_variance:
        bound = math.sqrt(max(variance, 0.0) + sigma_variance + bin_ps**2 / 12)
        return Estimate(
            _FWHM_PER_SIGMA * math.sqrt(max(variance, 0.0)), _FWHM_PER_SIGMA * bound, "ps"
        )
    s = math.sqrt(variance)
    return Estimate(_FWHM_PER_SIGMA * s, _FWHM_PER_SIGMA * sigma_variance / (2 * s), "ps")
