"""Visibility of interference: fits of fringes, and the contrast of two rates.

A fringe N(θ) = A·(1 + V·cos k(θ - θ0)) is linear in c = (A, A·V·cos kθ0, A·V·sin kθ0), so the
fit needs no starting values and no search. Counts are Poisson: with weights 1/variance taken
from the fitted counts, not the observed ones, and repeated until they stay, weighted least
squares solves the likelihood equations Σ x·(n - m)/m = 0 of m = x·c. Weights 1/n would pull
the fit towards the low counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.estimate import Estimate

__all__ = ["Fringe", "contrast", "fit_fringe"]

_UNKNOWN = Estimate(math.nan, math.nan)
#: Weights settle by a factor of about sqrt(counts) per round; more rounds change nothing.
_ROUNDS = 50
_SETTLED = 1e-10
#: Design matrices whose smallest singular value is below this part of the largest are singular.
_SINGULAR = 1e-6

Values = NDArray[np.float64]


def contrast(maximum: Estimate, minimum: Estimate) -> Estimate:
    """Return (max - min)/(max + min) of two independent counts or rates of one unit.

    σ² = 4·(min²·σ_max² + max²·σ_min²)/(max + min)⁴, to first order; for two raw counts of sum N
    this is (1 - V²)/N. Name the two angles before measuring: the largest and smallest points of
    a scan are a biased choice, and `fit_fringe` uses all of them. The value is not cut at 1,
    which it may exceed by noise once accidentals are subtracted.

    Returns:
        nan ± nan if the sum is not positive.
    """
    total = maximum.value + minimum.value
    if not total > 0:
        return _UNKNOWN
    spread = math.hypot(minimum.value * maximum.sigma, maximum.value * minimum.sigma)
    return Estimate((maximum.value - minimum.value) / total, 2 * spread / total**2)


@dataclass(frozen=True, slots=True, eq=False)
class Fringe:
    """A fitted fringe N(θ) = mean·(1 + visibility·cos k(θ - θ0)), background not included.

    Attributes:
        visibility: V, never negative; may exceed 1 by noise.
        theta0_deg: angle of the maximum, within half a period of 0.
        mean: A, counts per point, or per second if live times were given (unit "hz").
        chi2: Pearson's Σ (n - m)²/variance.
        ndf: points minus the three parameters.
        bias: expectation of V minus the truth, to second order: σ_⊥²/(2·V) - Cov(V·A, A)/A²
            + V·σ_A²/A², where σ_⊥ is the relative uncertainty of the fringe's other quadrature.
            It is not subtracted: below a tenth of sigma as long as V > 5 sigma, and without
            meaning for smaller V.
        harmonic: k, periods of the fringe per turn of the angle.
    """

    visibility: Estimate
    theta0_deg: Estimate
    mean: Estimate
    chi2: float
    ndf: int
    bias: float
    harmonic: float

    def expected(self, angles_deg: ArrayLike) -> Values:
        """Return the fringe at these angles, in the unit of `mean`; flat if it has no angle."""
        angles = np.asarray(angles_deg, dtype=np.float64)
        if math.isnan(self.theta0_deg.value):
            return np.full(angles.shape, self.mean.value)
        waves: Values = np.cos(np.radians(self.harmonic * (angles - self.theta0_deg.value)))
        return self.mean.value * (1 + self.visibility.value * waves)


def fit_fringe(
    angles_deg: ArrayLike,
    counts: ArrayLike,
    *,
    live_s: ArrayLike | None = None,
    background: Sequence[Estimate] | None = None,
    harmonic: float = 2.0,
) -> Fringe:
    """Fit a fringe to Poisson counts by weighted linear least squares.

    The variance of a point is its fitted count, background included, and that of the background
    estimate; it is not taken below 1, so that empty points do not claim certainty (see
    `poisson_sigma`). The coefficients are unbiased to second order, as the residuals do not
    correlate with the fit; V = sqrt(c1² + c2²)/c0 and θ0 = atan2(c2, c1)/k have the variances
    gᵀ·C·g, C the covariance of the coefficients and g the gradient. Near V = 1 sigma follows the
    few counts of the minimum: with 5 there it is understated by a tenth.

    Args:
        angles_deg: (n,) analyser angles.
        counts: (n,) counts.
        live_s: duration of each point, one number or (n,); left out, the points are alike.
        background: accidentals expected in the counts of each point, independent of another.
        harmonic: k; 2 for a polarization analyser, 4 for the angle of a half-wave plate in
            front of a fixed one.

    Returns:
        A fringe whose visibility and theta0_deg are nan if there is nothing above background.

    Raises:
        ValueError: lengths differ, a negative count, a live time or harmonic that is not
            positive, or angles that do not determine the three parameters.
    """
    angles, seen = _columns(angles_deg, counts)
    durations = np.broadcast_to(np.asarray(1.0 if live_s is None else live_s, float), seen.shape)
    if not np.all(durations > 0):
        raise ValueError(f"live_s = {durations.min()} s is not positive")
    dark, dark_variance = _background(background, seen.size)
    design = _design(angles, harmonic) * durations[:, None]
    coefficients, covariance, variances = _solve(design, seen - dark, dark + dark_variance)
    residuals = seen - dark - design @ coefficients
    visibility, theta0, bias = _shape(coefficients, covariance, harmonic)
    mean = Estimate(
        float(coefficients[0]), math.sqrt(covariance[0, 0]), "" if live_s is None else "hz"
    )
    chi2 = float(np.sum(residuals**2 / variances))
    return Fringe(visibility, theta0, mean, chi2, seen.size - 3, bias, harmonic)


def _columns(angles_deg: ArrayLike, counts: ArrayLike) -> tuple[Values, Values]:
    angles = np.asarray(angles_deg, dtype=np.float64)
    seen = np.asarray(counts, dtype=np.float64)
    if angles.ndim != 1 or angles.shape != seen.shape:
        raise ValueError(
            f"angles_deg has shape {angles.shape} and counts {seen.shape}; give one count per angle"
        )
    if np.any(seen < 0):
        raise ValueError(f"a count is negative: {seen.min()}")
    return angles, seen


def _background(background: Sequence[Estimate] | None, points: int) -> tuple[Values, Values]:
    """Return the background of each point and its variance."""
    if background is None:
        return np.zeros(points), np.zeros(points)
    if len(background) != points:
        raise ValueError(f"background has {len(background)} entries for {points} points")
    values = np.array([estimate.value for estimate in background])
    return values, np.array([estimate.sigma**2 for estimate in background])


def _design(angles: Values, harmonic: float) -> Values:
    """Return the (n, 3) matrix of 1, cos kθ and sin kθ, if it has full rank."""
    if not harmonic > 0:
        raise ValueError(f"harmonic = {harmonic} is not positive")
    phases = np.radians(harmonic * angles)
    design: Values = np.column_stack((np.ones_like(phases), np.cos(phases), np.sin(phases)))
    scales = np.linalg.svd(design, compute_uv=False)
    if scales.size < design.shape[1] or scales[-1] < _SINGULAR * scales[0]:
        raise ValueError(
            f"{angles.size} angles {np.array2string(angles, threshold=6)} do not determine a "
            f"fringe of period {360 / harmonic:g}°; give at least three different ones within it"
        )
    return design


def _solve(
    design: Values, signal: Values, other_variance: Values
) -> tuple[Values, NDArray[Any], Values]:
    """Return coefficients, their covariance and the variances of the points at the fixed point."""
    variances: Values = np.ones_like(signal)
    coefficients: Values = np.zeros(design.shape[1])
    for _ in range(_ROUNDS):
        normal = design.T / variances
        updated = np.asarray(np.linalg.solve(normal @ design, normal @ signal), np.float64)
        variances = np.maximum(design @ updated + other_variance, 1.0)
        step = float(np.max(np.abs(updated - coefficients)))
        coefficients = updated
        if step <= _SETTLED * float(np.max(np.abs(updated))):
            break
    return coefficients, np.linalg.inv((design.T / variances) @ design), variances


def _shape(
    c: Values, covariance: NDArray[Any], harmonic: float
) -> tuple[Estimate, Estimate, float]:
    """Return visibility, angle of the maximum in degrees, and the bias of the visibility."""
    mean, amplitude = float(c[0]), math.hypot(float(c[1]), float(c[2]))
    if not mean > 0:
        return _UNKNOWN, Estimate(math.nan, math.nan, "deg"), math.nan
    visibility = amplitude / mean
    phase = math.atan2(float(c[2]), float(c[1]))
    along = np.array([0.0, math.cos(phase), math.sin(phase)])
    across = np.array([0.0, -math.sin(phase), math.cos(phase)])
    level = np.array([1.0, 0.0, 0.0])
    gradient = (along - visibility * level) / mean
    sigma = math.sqrt(float(gradient @ covariance @ gradient))
    across_variance = float(across @ covariance @ across)
    mixed = float(along @ covariance @ level)
    theta0 = Estimate(math.nan, math.nan, "deg")
    bias = math.nan
    if amplitude > 0:
        sigma_phase = math.degrees(math.sqrt(across_variance) / amplitude)
        theta0 = Estimate(math.degrees(phase) / harmonic, sigma_phase / harmonic, "deg")
        bias = across_variance / (2 * amplitude * mean) - mixed / mean**2
        bias += visibility * float(covariance[0, 0]) / mean**2
    return Estimate(visibility, sigma), theta0, bias
