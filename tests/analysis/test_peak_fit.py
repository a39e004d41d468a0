"""The fitted peak against histograms drawn from a known one: pulls, and a slow fit by a grid."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.analysis import PeakFit, find_peak, fit_peak

FWHM_PER_SIGMA = 2.354820045
TRIALS = 200


@dataclass(frozen=True)
class Truth:
    """A Gaussian peak on a flat background, as a tagger of a step sees it (0: none)."""

    counts: int
    position_ps: float
    sigma_ps: float
    background: float
    bins_per_side: int
    bin_ps: int
    step_ps: int = 0
    offset_ps: int = 0

    @property
    def lags_ps(self) -> NDArray[np.int64]:
        return self.bin_ps * np.arange(-self.bins_per_side, self.bins_per_side + 1)

    def histogram(self, rng: np.random.Generator) -> NDArray[np.int64]:
        size = self.lags_ps.size
        reach_ps = (size / 2 + 4) * self.bin_ps
        lags = np.concatenate(
            [
                rng.normal(self.position_ps, self.sigma_ps, rng.poisson(self.counts)),
                rng.uniform(-reach_ps, reach_ps, rng.poisson(self.background * (size + 8))),
            ]
        )
        if self.step_ps:
            # Both times are rounded down to the step; where the first lies in its step is chance.
            first = rng.uniform(0, self.step_ps, lags.size)
            lags = (first + lags - self.offset_ps) // self.step_ps * self.step_ps + self.offset_ps
        half_ps = self.bin_ps // 2 if self.step_ps else self.bin_ps / 2
        bins = ((lags - self.lags_ps[0] + half_ps) // self.bin_ps).astype(np.int64)
        return np.bincount(bins[(bins >= 0) & (bins < size)], minlength=size)

    def fit(self, seen: NDArray[np.int64]) -> PeakFit:
        peak = find_peak(seen, self.lags_ps, self.bin_ps, resolution_ps=self.step_ps or None)
        return fit_peak(
            seen,
            self.lags_ps,
            self.bin_ps,
            peak,
            resolution_ps=self.step_ps or None,
            lag_offset_ps=self.offset_ps,
        )


FINE = Truth(2000, 137.0, 200.0, 5.0, 100, 100)
#: Bins as narrow as the peak, of a tagger whose steps are no part of them.
UNEVEN = Truth(3000, 300.0, 400.0, 5.0, 100, 300, 200, 70)
#: Bins of one step, half as wide as the peak.
COARSE = Truth(5000, 900.0, 900.0, 20.0, 100, 2000, 2000, 500)
#: A peak far narrower than a step, but at the edge of one.
NARROW = Truth(5000, 137.0, 150.0, 20.0, 100, 2000, 2000)
#: Another inside a step, where its width changes nothing.
INSIDE = Truth(3000, -700.0, 40.0, 20.0, 100, 2000, 2000)


def assert_standard_normal(pulls: list[float]) -> None:
    """The mean and the variance of so many pulls, within five of their standard deviations."""
    count = len(pulls)
    assert abs(np.mean(pulls)) < 5 / math.sqrt(count)
    assert abs(np.var(pulls) - 1) < 5 * math.sqrt(2 / count)


@pytest.mark.parametrize("truth", [FINE, UNEVEN, COARSE], ids=["fine", "uneven", "coarse"])
def test_errors_are_as_large_as_they_are_told(truth: Truth) -> None:
    rng = np.random.default_rng(20_261_123)
    fits = [truth.fit(truth.histogram(rng)) for _ in range(TRIALS)]
    assert [fit.problem for fit in fits if fit.problem] == []
    for name, true in (
        ("position", truth.position_ps),
        ("fwhm", FWHM_PER_SIGMA * truth.sigma_ps),
        ("counts", truth.counts),
        ("background", truth.background),
    ):
        found = [getattr(fit, name) for fit in fits]
        assert_standard_normal([(one.value - true) / one.sigma for one in found])
    # A chi square of ν degrees of freedom has mean ν and variance 2ν.
    freedom = sum(fit.freedom for fit in fits)
    assert abs(sum(fit.chi2 for fit in fits) - freedom) < 5 * math.sqrt(2 * freedom)


def test_a_peak_far_narrower_than_a_step_keeps_its_position_and_at_an_edge_its_width() -> None:
    rng = np.random.default_rng(3)
    fits = [NARROW.fit(NARROW.histogram(rng)) for _ in range(TRIALS)]
    assert_standard_normal([(f.position.value - 137.0) / f.position.sigma for f in fits])
    known = [f for f in fits if f.fwhm.sigma < f.fwhm.value / 5]
    assert len(known) > 0.9 * TRIALS
    assert_standard_normal([(f.fwhm.value - FWHM_PER_SIGMA * 150) / f.fwhm.sigma for f in known])


def test_a_width_that_changes_nothing_is_bounded() -> None:
    rng = np.random.default_rng(4)
    fits = [INSIDE.fit(INSIDE.histogram(rng)) for _ in range(TRIALS // 4)]
    assert_standard_normal([(f.position.value + 700.0) / f.position.sigma for f in fits])
    bounds_ps = [f.fwhm.value + 2 * f.fwhm.sigma for f in fits]
    assert min(bounds_ps) > FWHM_PER_SIGMA * 40
    # No bound is wider than a step: a peak of its width fills three of them.
    assert max(f.fwhm.sigma for f in fits) < 2000


def test_inside_a_bin_wider_than_the_step_a_narrow_peak_may_be_anywhere() -> None:
    truth = Truth(3000, 40.0, 5.0, 5.0, 100, 100, 1)
    rng = np.random.default_rng(4)
    for _ in range(20):
        fit = truth.fit(truth.histogram(rng))
        assert fit.position.sigma >= 100 / math.sqrt(12) - 1
        assert abs(fit.position.value - 40.0) < 2 * fit.position.sigma
        assert fit.fwhm.value < 2 * fit.fwhm.sigma


def test_no_other_peak_is_more_likely() -> None:
    """The slow oracle: bins by the error function, and the likelihood on a grid around the fit."""
    rng = np.random.default_rng(5)
    seen = FINE.histogram(rng)
    fit = FINE.fit(seen)
    used = slice(fit.first, fit.first + fit.expected.size)

    def likelihood(total: float, position: float, sigma: float, background: float) -> float:
        edges = np.append(FINE.lags_ps[used], FINE.lags_ps[used][-1] + 100) - 50
        below = [0.5 * (1 + math.erf((e - position) / sigma / math.sqrt(2))) for e in edges]
        means = total * np.diff(below) + background
        return float(np.sum(seen[used] * np.log(means) - means))

    best = np.array(
        [
            fit.counts.value,
            fit.position.value,
            fit.fwhm.value / FWHM_PER_SIGMA,
            fit.background.value,
        ]
    )
    sigmas = np.array(
        [
            fit.counts.sigma,
            fit.position.sigma,
            fit.fwhm.sigma / FWHM_PER_SIGMA,
            fit.background.sigma,
        ]
    )
    top = likelihood(*best)
    for place, sigma in enumerate(sigmas):
        for steps in (-1.0, -0.1, 0.1, 1.0):
            other = best.copy()
            other[place] += steps * sigma
            assert likelihood(*other) < top
    # Correlated with nothing but the background, position and width fall off as half a square.
    for place in (1, 2):
        other = best.copy()
        other[place] += sigmas[place]
        assert likelihood(*other) - top == pytest.approx(-0.5, abs=0.1)
    assert fit.expected.sum() == pytest.approx(seen[used].sum(), rel=1e-4)


def test_of_a_comb_only_the_central_peak_is_fitted() -> None:
    rng = np.random.default_rng(6)
    lags = 100 * np.arange(-400, 401)
    means = np.full(lags.size, 3.0)
    for number in range(-3, 4):
        height = 300.0 if number == 0 else 60.0
        means += height * np.exp(-0.5 * ((lags - 70.0 - 12_000 * number) / 300.0) ** 2)
    seen = rng.poisson(means)
    # Bins are a third of the width: values at their centers are integrals to 0.5 %.
    fit = fit_peak(seen, lags, 100, find_peak(seen, lags, 100))
    assert fit.problem == ""
    assert fit.position.value == pytest.approx(70.0, abs=5 * fit.position.sigma)
    assert fit.fwhm.value == pytest.approx(300 * FWHM_PER_SIGMA, abs=5 * fit.fwhm.sigma)
    assert fit.background.value == pytest.approx(3.0, abs=5 * fit.background.sigma)
    # The next peaks, 12 ns away, are left out.
    assert 70 < fit.expected.size < 2 * 120


@pytest.mark.parametrize(
    ("counts", "background", "said"),
    [
        (0, 5.0, r"no peak: its excess is \d\.\d σ, 5 σ are needed"),
        (18, 0.01, r"too few counts: \d+ in the peak, 25 are needed"),
    ],
)
def test_where_there_is_no_fit_it_says_why(counts: int, background: float, said: str) -> None:
    truth = Truth(counts, 0.0, 100.0, background, 100, 100)
    fit = truth.fit(truth.histogram(np.random.default_rng(7)))
    assert math.isnan(fit.position.value)
    assert fit.expected.size == 0
    assert re.fullmatch(said, fit.problem)


def test_a_peak_of_another_shape_is_told_and_its_errors_are_larger() -> None:
    rng = np.random.default_rng(8)
    lags = 100 * np.arange(-100, 101)
    # Two peaks in one: a detector with a tail.
    means = 5 + 400 * np.exp(-0.5 * (lags / 200) ** 2) + 150 * np.exp(-np.abs(lags) / 900)
    seen = rng.poisson(means)
    fit = fit_peak(seen, lags, 100, find_peak(seen, lags, 100))
    assert fit.problem.startswith("χ²/ν = ")
    assert "no Gaussian on a flat background" in fit.problem
    # By counts alone a centroid of so many would be known to σ/√N.
    width_ps = fit.fwhm.value / FWHM_PER_SIGMA
    assert fit.position.sigma > 1.5 * width_ps / math.sqrt(fit.counts.value)


def test_a_peak_at_the_edge_of_the_range_is_told() -> None:
    truth = Truth(5000, 9900.0, 300.0, 5.0, 100, 100)
    fit = truth.fit(truth.histogram(np.random.default_rng(9)))
    assert fit.problem == "the range cuts the peak; take a wider one"
