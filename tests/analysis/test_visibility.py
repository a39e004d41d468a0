"""Fringes: exact recovery, pulls and bias over drawn counts (5 sigma bounds), limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import Estimate, Fringe, contrast, fit_fringe

TRIALS = 2000
ANGLES = np.arange(0.0, 180.0, 15.0)


def fringe(mean: float, visibility: float, theta0_deg: float, k: float = 2) -> NDArray[np.float64]:
    values: NDArray[np.float64] = mean * (
        1 + visibility * np.cos(np.radians(k * (ANGLES - theta0_deg)))
    )
    return values


def assert_pulls_are_standard(pulls: NDArray[np.float64], bias: float = 0.0) -> None:
    assert abs(pulls.mean() - bias) < 5 / math.sqrt(pulls.size)
    assert abs(pulls.var() - 1) < 5 * math.sqrt(2 / pulls.size)


@given(
    mean=st.floats(100, 1e6),
    visibility=st.floats(0.01, 0.99),
    theta0=st.floats(-44, 44),
    harmonic=st.sampled_from([1.0, 2.0, 4.0]),
)
def test_a_fringe_without_noise_is_recovered(
    mean: float, visibility: float, theta0: float, harmonic: float
) -> None:
    fit = fit_fringe(ANGLES, fringe(mean, visibility, theta0, harmonic), harmonic=harmonic)
    assert fit.visibility.value == pytest.approx(visibility, rel=1e-6)
    assert fit.theta0_deg.value == pytest.approx(theta0, abs=1e-4)
    assert fit.mean.value == pytest.approx(mean, rel=1e-9)
    assert fit.chi2 == pytest.approx(0, abs=1e-6)
    assert fit.ndf == 9
    np.testing.assert_allclose(
        fit.expected(ANGLES), fringe(mean, visibility, theta0, harmonic), rtol=1e-6, atol=1e-3
    )


@pytest.mark.parametrize("background", [0.0, 100.0])
def test_pulls_chi2_and_likelihood(background: float) -> None:
    rng = np.random.default_rng(41)
    truth = fringe(2000, 0.9, 20)
    dark = [Estimate(background, 0.0)] * ANGLES.size
    fits = [
        fit_fringe(ANGLES, rng.poisson(truth + background), background=dark) for _ in range(TRIALS)
    ]
    assert_pulls_are_standard(pulls(fits, "visibility", 0.9))
    assert_pulls_are_standard(pulls(fits, "theta0_deg", 20))
    assert_pulls_are_standard(pulls(fits, "mean", 2000))
    chi2 = np.array([fit.chi2 for fit in fits])
    assert chi2.mean() == pytest.approx(9, abs=5 * math.sqrt(18 / TRIALS))


def test_pulls_with_a_measured_background_and_live_times() -> None:
    rng = np.random.default_rng(42)
    live_s = np.linspace(0.5, 2, ANGLES.size)
    rate, dark = fringe(1500, 0.8, -60), 200 * live_s
    fits = []
    for _ in range(TRIALS):
        windows = rng.poisson(4 * dark) / 4
        background = [Estimate(float(b), math.sqrt(b / 4)) for b in windows]
        counts = rng.poisson(rate * live_s + dark)
        fits.append(fit_fringe(ANGLES, counts, live_s=live_s, background=background))
    assert_pulls_are_standard(pulls(fits, "visibility", 0.8))
    assert_pulls_are_standard(pulls(fits, "theta0_deg", -60))
    assert fits[0].mean.unit == "hz"


def test_few_counts_bias_the_visibility_by_the_stated_amount() -> None:
    rng = np.random.default_rng(43)
    fits = [fit_fringe(ANGLES, rng.poisson(fringe(50, 0.4, 10))) for _ in range(2 * TRIALS)]
    values = np.array([fit.visibility.value for fit in fits])
    stated = np.mean([fit.bias for fit in fits])
    assert stated > 5 * values.std() / math.sqrt(values.size) / 2
    assert values.mean() - 0.4 == pytest.approx(stated, abs=5 * values.std() / math.sqrt(len(fits)))


def test_the_fit_is_the_maximum_of_the_likelihood() -> None:
    counts = np.random.default_rng(44).poisson(fringe(60, 0.7, 33))

    def log_likelihood(fit: Fringe, factor: float, shift_deg: float, extra: float) -> float:
        v = fit.visibility.value + extra
        waves = np.cos(np.radians(2 * (ANGLES - fit.theta0_deg.value - shift_deg)))
        model = factor * fit.mean.value * (1 + v * waves)
        return float(np.sum(counts * np.log(model) - model))

    fit = fit_fringe(ANGLES, counts)
    best = log_likelihood(fit, 1, 0, 0)
    for factor, shift, extra in ((1.01, 0, 0), (0.99, 0, 0), (1, 0.5, 0), (1, -0.5, 0)):
        assert log_likelihood(fit, factor, shift, extra) < best
    assert log_likelihood(fit, 1, 0, 0.01) < best > log_likelihood(fit, 1, 0, -0.01)


def test_contrast_of_two_counts_is_binomial() -> None:
    v = contrast(Estimate.of_count(975), Estimate.of_count(25))
    assert v.value == 0.95
    assert v.sigma == pytest.approx(math.sqrt((1 - 0.95**2) / 1000))
    assert contrast(Estimate.of_count(100), Estimate.of_count(0)) == Estimate(1, 0.02)
    assert math.isnan(contrast(Estimate(0, 1), Estimate(0, 1)).value)


def test_nothing_seen_gives_no_visibility() -> None:
    nothing = fit_fringe(ANGLES, np.zeros(ANGLES.size))
    assert math.isnan(nothing.visibility.value)
    assert math.isnan(nothing.theta0_deg.value)
    assert nothing.mean.value == 0
    assert nothing.mean.sigma > 0
    assert nothing.expected([0, 90]).tolist() == [0, 0]
    lost = fit_fringe(ANGLES, np.full(12, 5), background=[Estimate(50, 1)] * 12)
    assert math.isnan(lost.visibility.value)


def test_unsuitable_points_are_refused() -> None:
    with pytest.raises(ValueError, match="do not determine a fringe of period 180°"):
        fit_fringe([0, 90, 180, 270], [1, 2, 1, 2])
    with pytest.raises(ValueError, match="2 angles"):
        fit_fringe([0, 45], [1, 2])
    with pytest.raises(ValueError, match="one count per angle"):
        fit_fringe([0, 45, 90], [1, 2])
    with pytest.raises(ValueError, match="a count is negative"):
        fit_fringe([0, 45, 90], [1, -2, 3])
    with pytest.raises(ValueError, match=r"live_s = 0\.0 s"):
        fit_fringe([0, 45, 90], [1, 2, 3], live_s=0)
    with pytest.raises(ValueError, match="background has 1 entries for 3 points"):
        fit_fringe([0, 45, 90], [1, 2, 3], background=[Estimate(0, 0)])
    with pytest.raises(ValueError, match="harmonic = 0"):
        fit_fringe([0, 45, 90], [1, 2, 3], harmonic=0)


def pulls(fits: list[Fringe], name: str, truth: float) -> NDArray[np.float64]:
    estimates: list[Estimate] = [getattr(fit, name) for fit in fits]
    return np.array([(e.value - truth) / e.sigma for e in estimates])
