"""The likelihood of a Gaussian peak on a flat background, and its maximum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _kernels

__all__ = ["NARROWEST", "PeakBins", "PeakTerms", "most_likely", "peak_terms", "peak_variances"]

#: No less width is tried, in bins or steps of the tagger.
NARROWEST = 0.001
_STEPS = 200
_CLOSE = 1e-6

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PeakBins:
    """The bins that are fitted; the arguments of the kernel `peak_terms`.

    Attributes:
        coarse_ps: width of a bin, or the step of the tagger where that is larger.
    """

    seen: Values
    bounds_ps: Values
    step_ps: float
    shares: Values
    coarse_ps: float


@dataclass(frozen=True, slots=True, eq=False)
class PeakTerms:
    """Likelihood, expected counts, score and information at one peak."""

    likelihood: float
    expected: Values
    score: Values
    information: Values


def peak_terms(bins: PeakBins, peak: Values) -> PeakTerms:
    """Return what is known at a peak: counts, position, standard deviation, background per bin."""
    expected = np.empty(bins.seen.size)
    score, information = np.empty(4), np.empty((4, 4))
    likelihood = _kernels.peak_terms(
        bins.seen, bins.bounds_ps, bins.step_ps, bins.shares, peak, expected, score, information
    )
    return PeakTerms(float(likelihood), expected, score, information)


def most_likely(
    bins: PeakBins, start: Values, width_ps: float | None = None
) -> tuple[Values, PeakTerms, bool]:
    """Return the most likely peak, or that of a given width, its terms, and if it was found."""
    span_ps = float(bins.bounds_ps[-1] - bins.bounds_ps[0])
    low = np.array([0.0, bins.bounds_ps[0], NARROWEST * bins.coarse_ps, 1e-6])
    high = np.array([np.inf, bins.bounds_ps[-1] + bins.step_ps, span_ps, np.inf])
    if width_ps is not None:
        low[2] = high[2] = width_ps
    peak = np.clip(start, low, high)
    terms = peak_terms(bins, peak)
    damping = 1e-3
    for _ in range(_STEPS):
        step = _step(terms, damping, has_width=width_ps is None)
        # A width changes by no more than a factor: far off the likelihood says nothing.
        limit = np.array([np.inf, peak[2], 0.5 * peak[2], np.inf])
        trial = np.clip(peak + np.clip(step, -limit, limit), low, high)
        trial_terms = peak_terms(bins, trial)
        gain = trial_terms.likelihood - terms.likelihood
        if gain >= 0:
            peak, terms = trial, trial_terms
            damping = max(damping / 10, 1e-9)
            if gain < _CLOSE:
                return peak, terms, True
        else:
            damping *= 10
            if damping > 1e9:  # noqa: PLR2004  no step of any size leads up: it is the top
                return peak, terms, True
    return peak, terms, False


def _step(terms: PeakTerms, damping: float, *, has_width: bool) -> Values:
    """Return Fisher's step; parameters are scaled, so that none drowns in another's unit."""
    free = np.array([True, True, has_width, True])
    scale = np.sqrt(np.maximum(terms.information.diagonal(), 1e-100))
    scaled = np.where(np.outer(free, free), terms.information / np.outer(scale, scale), 0.0)
    scaled += (damping + ~free) * np.eye(4)
    found: Values = np.linalg.solve(scaled, terms.score * free / scale) / scale
    return found


def peak_variances(information: Values) -> Values:
    """Return the variances of the four parameters, by Cramér and Rao."""
    scale = np.sqrt(np.maximum(information.diagonal(), 1e-100))
    scaled = information / np.outer(scale, scale) + 1e-12 * np.eye(4)
    found: Values = np.linalg.inv(scaled).diagonal() / scale**2
    return np.maximum(found, 0.0)
