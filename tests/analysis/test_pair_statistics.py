"""Estimates: closed forms, limits, and pulls over simulated counts (5 sigma bounds)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.analysis import Estimate, accidentals, car, heralding, poisson_sigma, quadrature

TRIALS = 4000


def test_accidentals_are_the_product_of_singles_and_window() -> None:
    # CW source (Neumann et al., PRA 104 022406): S = 100100 per second, t = 100 ps -> 1.002001.
    estimate = accidentals(100_100, 100_100, 1.0, 100)
    assert estimate.value == pytest.approx(1.002001, rel=1e-12)
    assert accidentals(1e5, 2e5, 2.0, 1000).value == pytest.approx(10)
    assert accidentals(1e4, 4e4, 1.0, 1000).sigma == pytest.approx(
        0.4 * math.sqrt(1e-4 + 0.25e-4), rel=1e-4
    )


def test_car_and_heralding_have_their_closed_forms() -> None:
    assert car(110, Estimate(10, 0)).value == 10
    assert car(110, Estimate(10, 0)).sigma == pytest.approx(math.sqrt(110) / 10)
    binomial = heralding(2500, 10_000)
    assert binomial.value == 0.25
    assert binomial.sigma == pytest.approx(math.sqrt(0.25 * 0.75 / 10_000))
    corrected = heralding(2600, 10_100, accidentals=Estimate(100, 0), darks=Estimate(100, 0))
    assert corrected.value == 0.25


def test_counts_of_zero_claim_neither_certainty_nor_a_bound() -> None:
    assert poisson_sigma(0) == 1
    assert poisson_sigma(np.array([0, 1, 4])).tolist() == [1, 1, 2]
    unseen = accidentals(0, 10_000, 1.0, 1000)
    assert unseen.value == 0
    assert unseen.sigma == pytest.approx(1e-5, rel=1e-4)
    assert car(5, Estimate(0, 1)) == Estimate(math.inf, math.inf)
    nothing = car(0, Estimate(0, 1))
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.sigma)
    assert car(0, Estimate(4, 0)) == Estimate(-1, 0.25)
    assert heralding(0, 100) == Estimate(0, 0.01)
    assert heralding(100, 100) == Estimate(1, 0.01)
    assert math.isnan(heralding(0, 0).value)
    assert math.isnan(heralding(1, 10, darks=Estimate(10, 1)).value)
    assert math.isnan(accidentals(0, 0, 0.0, 1000).value)


@pytest.mark.parametrize("name", ["singles_a", "singles_b", "live_s", "window_effective_ps"])
def test_negative_numbers_are_refused(name: str) -> None:
    good = {"singles_a": 1.0, "singles_b": 1.0, "live_s": 1.0, "window_effective_ps": 1.0}
    with pytest.raises(ValueError, match=f"{name} = -1"):
        accidentals(**{**good, name: -1.0})
    with pytest.raises(ValueError, match="coincidences = -1"):
        car(-1, Estimate(1, 1))
    with pytest.raises(ValueError, match="a count is negative"):
        poisson_sigma(-1)
    with pytest.raises(ValueError, match="sigma = -1"):
        Estimate(1, -1)


def test_estimates_add_in_quadrature_and_print_with_their_unit() -> None:
    assert quadrature(3, 4) == 5
    assert Estimate(10, 3).minus(Estimate(4, 4)) == Estimate(6, 5)
    assert Estimate(10, 3).scaled(-2, "hz") == Estimate(-20, 6, "hz")
    assert Estimate.of_count(16) == Estimate(16, 4)
    assert str(Estimate(12.5, 0.25, "hz")) == "12.5 ± 0.25 hz"


def assert_pulls_are_standard(pulls: NDArray[np.float64]) -> None:
    assert abs(pulls.mean()) < 5 / math.sqrt(pulls.size)
    assert abs(pulls.var() - 1) < 5 * math.sqrt(2 / pulls.size)


class Draws:
    """Counts of the model in pair_statistics: common pairs, lone tags, accidentals."""

    def __init__(self, pairs: float, lone_a: float, lone_b: float, factor: float) -> None:
        rng = np.random.default_rng(20)
        common = rng.poisson(pairs, TRIALS)
        self.n_a = common + rng.poisson(lone_a, TRIALS)
        self.n_b = common + rng.poisson(lone_b, TRIALS)
        self.c = common + rng.poisson(factor * self.n_a * self.n_b)
        self.windows = rng.poisson(8 * factor * self.n_a * self.n_b) / 8
        self.factor = factor
        self.mean_a, self.mean_b = pairs + lone_a, pairs + lone_b
        self.accidentals = factor * self.mean_a * self.mean_b
        self.darks = rng.poisson(0.1 * lone_b * 10, TRIALS) / 10
        self.pairs = pairs

    def by_product(self, k: int) -> Estimate:
        window_ps = self.factor * 1e12
        first = accidentals(self.n_a[k], self.n_b[k], 1.0, window_ps)
        return accidentals(
            self.n_a[k],
            self.n_b[k],
            1.0,
            window_ps,
            coincidences=max(self.c[k] - first.value, 0),
        )

    def by_delay(self, k: int) -> Estimate:
        """The variance that DelayedAccidentalsAnalyzer documents, for 8 windows."""
        shot = self.windows[k] / 8
        return Estimate(self.windows[k], math.sqrt(shot + self.by_product(k).sigma ** 2))


# 25 % and 40 % heralding; accidentals a tenth of the pairs.
@pytest.fixture(scope="module")
def draws() -> Draws:
    return Draws(pairs=200_000, lone_a=600_000, lone_b=300_000, factor=5e-8)


def test_pulls_of_accidentals_by_product(draws: Draws) -> None:
    estimates = [draws.by_product(k) for k in range(TRIALS)]
    assert_pulls_are_standard(
        np.array([(e.value - draws.accidentals) / e.sigma for e in estimates])
    )


@pytest.mark.parametrize("method", ["by_product", "by_delay"])
def test_pulls_of_car(draws: Draws, method: str) -> None:
    truth = draws.pairs / draws.accidentals
    pulls = []
    for k in range(TRIALS):
        singles = (float(draws.n_a[k]), float(draws.n_b[k]))
        estimate = car(draws.c[k], getattr(draws, method)(k), singles=singles)
        pulls.append((estimate.value - truth) / estimate.sigma)
    assert_pulls_are_standard(np.array(pulls))


def test_without_singles_the_uncertainty_of_car_is_too_large() -> None:
    """At 25 % on both sides and few accidentals: 1/sqrt(1 - 1/4 - 1/4 + 1/8) against 1.375."""
    by_product = accidentals(4e6, 4e6, 1.0, 100, coincidences=1e6)
    assert by_product.value == pytest.approx(1600)
    careful = car(1_001_600, by_product, singles=(4e6, 4e6)).sigma
    careless = car(1_001_600, by_product).sigma
    assert careless / careful == pytest.approx(math.sqrt(1.625 / 0.625), rel=0.01)


def test_pulls_of_raw_heralding() -> None:
    draws = Draws(pairs=200_000, lone_a=600_000, lone_b=300_000, factor=5e-10)
    truth = (draws.pairs + draws.accidentals) / draws.mean_b
    estimates = [heralding(draws.c[k], draws.n_b[k]) for k in range(TRIALS)]
    assert_pulls_are_standard(np.array([(e.value - truth) / e.sigma for e in estimates]))


@pytest.mark.parametrize("method", ["by_product", "by_delay"])
def test_pulls_of_corrected_heralding(draws: Draws, method: str) -> None:
    dark_mean = 0.1 * 300_000
    truth = draws.pairs / (draws.mean_b - dark_mean)
    pulls = []
    for k in range(TRIALS):
        darks = Estimate(draws.darks[k], math.sqrt(draws.darks[k] / 10))
        estimate = heralding(
            draws.c[k], draws.n_b[k], accidentals=getattr(draws, method)(k), darks=darks
        )
        pulls.append((estimate.value - truth) / estimate.sigma)
    assert_pulls_are_standard(np.array(pulls))
