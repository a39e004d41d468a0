"""A Gaussian peak on a flat background, fitted to a histogram of lags.

Expected counts are integrals over the bins, not values at their centers, and the counts are
Poisson: the likelihood is maximized by Fisher scoring with Levenberg's damping, and the
uncertainties are those of the inverse information (Cramér and Rao). Least squares weighted by the
counts would be biased where bins are nearly empty, as they are beside a good peak.

A tagger of step r rounds both times: of a true lag d = (k + f)·r the part f is seen at k + 1 and
1 - f at k. The part of a peak below a lag is then the mean of the normal distribution over one
step, and that is fitted, so that a peak narrower than the step keeps an unbiased position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis._peak_likelihood import (
    NARROWEST,
    PeakBins,
    PeakTerms,
    most_likely,
    peak_terms,
    peak_variances,
)
from labctl.analysis.estimate import Estimate
from labctl.analysis.peaks import Peak

__all__ = ["PeakFit", "fit_peak"]

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
#: Fewer counts say little more of a peak than that it is there.
_FEWEST = 25
#: The fit reaches over so many widths of the peak on either side, and no less bins.
_WIDTHS = 8.0
#: The range is chosen anew for a peak that is so much wider than it seemed.
_WIDER = 1.3
_LEAST_BINS = 12
#: A side peak, or a chi square, is believed from so many standard deviations on.
_SIGNIFICANT = 5.0
#: Bins are joined until so many counts are expected, where a chi square begins to hold.
_FILLED = 5.0
#: In bins or steps of the tagger: a width that none can be told from, and the one at which widths
#: that cannot be told from zero are judged.
_NARROW, _JUDGED = 0.15, 0.3
#: Three standard deviations, as difference of the logarithms of likelihoods.
_UNLIKELY = 4.5

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PeakFit:
    """A fitted peak; without a fit the estimates are nan and `problem` says why.

    Attributes:
        position: of the peak (ps).
        fwhm: its full width at half maximum (ps), without that of bins and tagger; where it is
            not told from zero, sigma is the bound.
        counts: in the peak.
        background: per bin.
        chi2: Pearson's, of bins joined to five expected counts or more.
        freedom: degrees of freedom of `chi2`.
        first: number of the first bin that was fitted.
        expected: counts expected in that bin and those after it.
        problem: what speaks against the fit, for people; empty when nothing does. If it is
            chi2, all sigmas are larger by its root.
    """

    position: Estimate
    fwhm: Estimate
    counts: Estimate
    background: Estimate
    chi2: float
    freedom: int
    first: int
    expected: Values
    problem: str


def fit_peak(
    counts: ArrayLike,
    lags_ps: ArrayLike,
    bin_ps: int,
    peak: Peak,
    *,
    resolution_ps: int | None = None,
    lag_offset_ps: int = 0,
) -> PeakFit:
    """Return the fit of a Gaussian on a flat background to the largest peak of a histogram.

    Of a comb of pulses only that peak is fitted: the bins used end before the next one rises.

    Args:
        counts: (n,) histogram, as a row of `Correlation.counts`.
        lags_ps: (n,) bin centers, equally spaced.
        bin_ps: width of a bin.
        peak: what `find_peak` says of this histogram.
        resolution_ps: step of the tagger; without it lags are taken as continuous.
        lag_offset_ps: lags are multiples of the step plus this, as delays make it.
    """
    seen = np.asarray(counts, dtype=np.float64)
    lags = np.asarray(lags_ps, dtype=np.float64)
    if not peak.is_found:
        return _none(f"no peak: its excess is {peak.significance:.1f} σ, 5 σ are needed")
    if peak.counts.value < _FEWEST:
        return _none(f"too few counts: {peak.counts.value:.0f} in the peak, {_FEWEST} are needed")
    coarse_ps = float(max(bin_ps, resolution_ps or 0))
    width_ps = max(peak.fwhm.value / _FWHM_PER_SIGMA, _JUDGED * coarse_ps)
    start = np.array(
        [peak.counts.value, peak.position.value, width_ps, max(peak.background.value, 1e-3)]
    )
    first, last = _range(seen, lags, bin_ps, start)
    bins = _bins(seen[first:last], lags[first:last], bin_ps, resolution_ps, lag_offset_ps)
    found, terms, has_converged = most_likely(bins, start)
    if found[2] > _WIDER * width_ps:
        # The peaks of a comb hide the background that the width was estimated with.
        first, last = _range(seen, lags, bin_ps, found)
        bins = _bins(seen[first:last], lags[first:last], bin_ps, resolution_ps, lag_offset_ps)
        found, terms, has_converged = most_likely(bins, found)
    return _judged(bins, found, terms, first, _problem(peak, has_converged=has_converged))


def _none(problem: str) -> PeakFit:
    unknown = Estimate(math.nan, math.nan)
    in_ps = Estimate(math.nan, math.nan, "ps")
    return PeakFit(in_ps, in_ps, unknown, unknown, math.nan, 0, 0, np.empty(0), problem)


def _problem(peak: Peak, *, has_converged: bool) -> str:
    if not has_converged:
        return "the fit does not converge"
    return "the range cuts the peak; take a wider one" if peak.is_at_edge else ""


def _range(seen: Values, lags: Values, bin_ps: int, peak: Values) -> tuple[int, int]:
    """Return the first bin to fit and the one after the last: up to where another peak rises."""
    position_ps, width_ps = float(peak[1]), float(peak[2])
    center = int(np.clip(round((position_ps - lags[0]) / bin_ps), 0, seen.size - 1))
    reach = max(_LEAST_BINS, math.ceil(_WIDTHS * _FWHM_PER_SIGMA * width_ps / bin_ps))
    own = math.ceil(2 * width_ps / bin_ps)
    right = _valley(seen[center : center + reach + 1], own)
    left = _valley(seen[max(center - reach, 0) : center + 1][::-1], own)
    return center - left, center + right + 1


def _valley(side: Values, own: int) -> int:
    """Return how many bins a side of the peak, seen from its center, has before the next peak.

    Sums over `own` bins are compared, about one standard deviation on either side.
    """
    if side.size <= own + 1:
        return side.size - 1
    below = np.concatenate(([0.0], np.cumsum(side)))
    sums = below[own:] - below[:-own]
    lowest = np.minimum.accumulate(sums)
    scatter = np.sqrt(np.maximum(sums + lowest, 1.0))
    rises = sums - lowest > _SIGNIFICANT * scatter
    if not rises.any():
        return side.size - 1
    foot = int(np.argmax(rises))
    flat = np.flatnonzero(sums[:foot] - lowest[foot] <= 2 * scatter[:foot])
    return int(flat[-1])


def _bins(
    seen: Values, lags: Values, bin_ps: int, resolution_ps: int | None, offset_ps: int
) -> PeakBins:
    """Return where each bin ends: on the last lag of the tagger's grid that lies below its edge."""
    edges = lags[0] - bin_ps // 2 + bin_ps * np.arange(seen.size + 1, dtype=np.float64)
    if not resolution_ps:
        edges += bin_ps // 2 - bin_ps / 2
        return PeakBins(seen, edges, 0.0, np.ones(seen.size), float(bin_ps))
    bounds = (np.ceil((edges - offset_ps) / resolution_ps) - 1) * resolution_ps + offset_ps
    shares = np.diff(bounds) / bin_ps
    return PeakBins(seen, bounds, float(resolution_ps), shares, float(max(bin_ps, resolution_ps)))


def _is_resolved(bins: PeakBins, peak: Values, terms: PeakTerms) -> bool:
    """Return whether a peak that is narrow for these bins is much less likely."""
    sigma_ps = math.sqrt(float(peak_variances(terms.information)[2]))
    if peak[2] > max(_JUDGED * bins.coarse_ps, _SIGNIFICANT * sigma_ps):
        return True
    # Steps as wide as bins show how wide a peak at their edge is; other bins do not.
    narrow = NARROWEST if bins.step_ps == bins.coarse_ps else _NARROW
    _, terms_then, _ = most_likely(bins, peak, min(float(peak[2]), narrow * bins.coarse_ps))
    return terms.likelihood - terms_then.likelihood > _UNLIKELY


def _judged(bins: PeakBins, peak: Values, terms: PeakTerms, first: int, problem: str) -> PeakFit:
    """Return the fit with its uncertainties."""
    total, position_ps, width_ps, background = (float(value) for value in peak)
    is_resolved = _is_resolved(bins, peak, terms)
    # The likelihood of a peak far narrower than a bin is flat: it is judged where it is not.
    judged_ps = width_ps if is_resolved else max(width_ps, _JUDGED * bins.coarse_ps)
    at = np.array([total, position_ps, judged_ps, background])
    sigmas = np.sqrt(peak_variances(peak_terms(bins, at).information))
    chi2, freedom = _chi_square(bins.seen, terms.expected)
    if freedom > 0 and chi2 - freedom > _SIGNIFICANT * math.sqrt(2 * freedom):
        sigmas = sigmas * math.sqrt(chi2 / freedom)
        problem = problem or (
            f"χ²/ν = {chi2 / freedom:.1f}: no Gaussian on a flat background, sigmas are scaled"
        )
    position_sigma_ps, fwhm_sigma_ps = float(sigmas[1]), _FWHM_PER_SIGMA * float(sigmas[2])
    if not is_resolved:
        position_sigma_ps = _sigma_of_narrow(bins, terms)
        spread = 2 * judged_ps * float(sigmas[2])
        fwhm_sigma_ps = _FWHM_PER_SIGMA * math.sqrt(width_ps**2 + spread)
    # An empty background is known to one count in all bins.
    empty = 1 / float(bins.shares.sum())
    return PeakFit(
        Estimate(position_ps, position_sigma_ps, "ps"),
        Estimate(_FWHM_PER_SIGMA * width_ps, fwhm_sigma_ps, "ps"),
        Estimate(total, float(sigmas[0])),
        Estimate(background, max(float(sigmas[3]), empty)),
        chi2,
        freedom,
        first,
        terms.expected,
        problem,
    )


def _sigma_of_narrow(bins: PeakBins, terms: PeakTerms) -> float:
    """Return the uncertainty of the position of a peak whose width is not told from zero.

    Inside a bin that is wider than the tagger's step it may be anywhere.
    """
    hidden_ps = math.sqrt(max(bins.coarse_ps**2 - bins.step_ps**2, 0.0) / 12)
    told = float(terms.information[1, 1])
    counted_ps = 1 / math.sqrt(told) if told > 0 else math.inf
    return math.hypot(min(counted_ps, bins.coarse_ps / math.sqrt(12)), hidden_ps)


def _chi_square(seen: Values, expected: Values) -> tuple[float, int]:
    """Return Pearson's chi square of joined bins, and its degrees of freedom."""
    group = np.floor(np.cumsum(expected) / _FILLED).astype(np.int64)
    # What is left at the end is too little for a group of its own.
    group = np.minimum(group, max(int(group[-1]) - 1, 0))
    _, number = np.unique(group, return_inverse=True)
    counts = np.bincount(number, weights=seen)
    means = np.bincount(number, weights=expected)
    return float(np.sum((counts - means) ** 2 / means)), counts.size - 4
