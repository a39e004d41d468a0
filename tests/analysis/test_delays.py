"""Peaks and delays: pulls over drawn lags (5 sigma bounds), noise, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.analysis import Estimate, Peak, channel_delays, find_peak

TRIALS = 1000
FWHM = math.sqrt(8 * math.log(2))

Histogram = tuple[NDArray[np.int64], NDArray[np.int64]]


class Lags:
    """Draws histograms of a Gaussian peak over a flat background."""

    def __init__(self, seed: int, bin_ps: int, bins_per_side: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.bin_ps = bin_ps
        self.lags_ps = np.arange(-bins_per_side, bins_per_side + 1) * bin_ps

    def histogram(self, lags: NDArray[np.float64], background: float) -> Histogram:
        edges = np.append(self.lags_ps, self.lags_ps[-1] + self.bin_ps) - self.bin_ps / 2
        counts = np.histogram(lags, edges)[0] + self.rng.poisson(background, self.lags_ps.size)
        return counts.astype(np.int64), self.lags_ps

    def fine(self, delay: float, sigma: float, pairs: int, background: float) -> Histogram:
        return self.histogram(self.rng.normal(delay, sigma, pairs), background)

    def coarse(
        self, delay: float, sigma: float, pairs: int, background: float, step: int
    ) -> Histogram:
        """Photons at any time, both tags rounded down to steps."""
        a = self.rng.uniform(0, 1e9, pairs)
        b = a + self.rng.normal(delay, sigma, pairs)
        return self.histogram((np.floor(b / step) - np.floor(a / step)) * step, background)


def position_pulls(peaks: list[tuple[float, Peak]]) -> NDArray[np.float64]:
    assert all(peak.is_found for _, peak in peaks)
    return np.array([(p.position.value - truth) / p.position.sigma for truth, p in peaks])


def assert_pulls_are_standard(pulls: NDArray[np.float64]) -> None:
    assert abs(pulls.mean()) < 5 / math.sqrt(pulls.size)
    assert abs(pulls.var() - 1) < 5 * math.sqrt(2 / pulls.size)


@pytest.mark.parametrize(("pairs", "background"), [(2000, 5.0), (400, 1.0)])
def test_pulls_of_position_and_width_on_a_fine_tagger(pairs: int, background: float) -> None:
    lags = Lags(51, 100, 300)
    peaks = []
    for _ in range(TRIALS):
        delay = lags.rng.uniform(-5000, 5000)
        peaks.append((delay, find_peak(*lags.fine(delay, 300, pairs, background), 100)))
    assert_pulls_are_standard(position_pulls(peaks))
    widths = np.array([peak.fwhm.value for _, peak in peaks])
    assert widths.mean() == pytest.approx(300 * FWHM, rel=0.02)
    assert widths.std() == pytest.approx(np.mean([p.fwhm.sigma for _, p in peaks]), rel=0.2)


@pytest.mark.parametrize(("pairs", "background"), [(20_000, 200.0), (300, 3.0)])
def test_pulls_on_a_tagger_of_two_nanoseconds(pairs: int, background: float) -> None:
    """60 ps of jitter per detector: one to three bins are filled, and the centroid is right."""
    lags = Lags(52, 2000, 50)
    peaks = []
    for _ in range(TRIALS):
        delay = lags.rng.uniform(-9000, 9000)
        counts = lags.coarse(delay, 36, pairs, background, 2000)
        peaks.append((delay, find_peak(*counts, 2000, resolution_ps=2000)))
    assert_pulls_are_standard(position_pulls(peaks))


def test_a_single_filled_bin_of_a_coarse_tagger_is_known_to_a_count_in_the_next() -> None:
    counts = np.zeros(101)
    counts[50] = 400
    lags_ps = np.arange(-50, 51) * 2000
    coarse = find_peak(counts, lags_ps, 2000, resolution_ps=2000)
    assert coarse.position == Estimate(0, 5, "ps")
    assert coarse.background == Estimate(0, 1 / 92)
    assert coarse.counts.value == 400
    fine = find_peak(counts, lags_ps, 2000, resolution_ps=1)
    assert fine.position.sigma == pytest.approx(2000 / math.sqrt(12), rel=1e-3)
    assert fine.fwhm.value == 0
    assert fine.fwhm.sigma == pytest.approx(FWHM * 2000 / math.sqrt(12))


def test_a_peak_narrower_than_a_bin_is_not_placed_better_than_binning_allows() -> None:
    lags = Lags(53, 1000, 50)
    errors = []
    for _ in range(TRIALS):
        delay = lags.rng.uniform(-5000, 5000)
        peak = find_peak(*lags.fine(delay, 60, 5000, 5), 1000, resolution_ps=1)
        errors.append((peak.position.value - delay) / peak.position.sigma)
    assert np.max(np.abs(errors)) < 2
    assert 0.3 < np.var(errors) < 1.2


def test_bins_of_an_even_number_of_steps_are_centred_half_a_step_lower() -> None:
    lags = Lags(54, 4000, 60)
    peaks = []
    for _ in range(TRIALS):
        delay = lags.rng.uniform(-4000, 4000)
        counts = lags.coarse(delay, 9000, 2000, 1, 2000)
        peaks.append((delay, find_peak(*counts, 4000, resolution_ps=2000)))
    assert_pulls_are_standard(position_pulls(peaks))


def test_a_time_shift_moves_the_peak_and_nothing_else() -> None:
    lags = Lags(55, 100, 300)
    counts, centres = lags.fine(700, 300, 2000, 5)
    here, there = find_peak(counts, centres, 100), find_peak(counts, centres + 12_345, 100)
    assert there.position.value == pytest.approx(here.position.value + 12_345)
    assert there.position.sigma == pytest.approx(here.position.sigma)
    assert there.significance == here.significance


@pytest.mark.parametrize("background", [0.02, 0.3, 20.0])
def test_noise_is_significant_no_more_often_than_it_may(background: float) -> None:
    rng = np.random.default_rng(56)
    lags_ps = np.arange(-500, 501)
    found = np.array(
        [
            find_peak(rng.poisson(background, 1001), lags_ps, 1).significance
            for _ in range(2 * TRIALS)
        ]
    )
    for z in (1.0, 2.0):
        allowed = math.erfc(z / math.sqrt(2)) / 2
        bound = allowed + 5 * math.sqrt(allowed / found.size)
        assert np.mean(found > z) < bound
    assert np.all(found < 5)


def test_a_weak_peak_is_refused_and_a_longer_measurement_finds_it() -> None:
    lags = Lags(57, 100, 500)
    weak = find_peak(*lags.fine(2000, 200, 20, 3), 100)
    assert not weak.is_found
    assert math.isnan(weak.position.value)
    assert weak.position.unit == "ps"
    assert weak.significance < 5
    longer = find_peak(*lags.fine(2000, 200, 2000, 300), 100)
    assert longer.is_found
    assert longer.position.value == pytest.approx(2000, abs=5 * longer.position.sigma)
    assert longer.background.value == pytest.approx(300, abs=5 * longer.background.sigma)


def test_a_comb_of_equal_pulses_has_no_peak() -> None:
    counts = np.where(np.arange(-100, 101) % 10 == 0, 45, 0)
    assert not find_peak(counts, np.arange(-100, 101), 1).is_found


def test_an_empty_histogram_has_no_peak() -> None:
    empty = find_peak(np.zeros(201), np.arange(-100, 101), 1)
    assert not empty.is_found
    assert empty.significance == 0
    assert empty.background == Estimate(0, 1 / 192)


def test_a_peak_at_the_end_of_the_range_is_marked() -> None:
    lags = Lags(58, 100, 100)
    assert find_peak(*lags.fine(9900, 200, 2000, 1), 100).is_at_edge
    assert not find_peak(*lags.fine(0, 200, 2000, 1), 100).is_at_edge


def test_unsuitable_histograms_are_refused() -> None:
    with pytest.raises(ValueError, match="one count per lag"):
        find_peak([1, 2], [0], 1)
    with pytest.raises(ValueError, match="not the spacing"):
        find_peak(np.ones(20), np.arange(20) * 100, 50)
    with pytest.raises(ValueError, match="a count is negative"):
        find_peak(-np.ones(20), np.arange(20), 1)
    for bins in (0, 1, 5):
        with pytest.raises(ValueError, match="leave no background"):
            find_peak(np.ones(bins), np.arange(bins), 1)
    with pytest.raises(ValueError, match="leave no background"):
        find_peak(100 * np.eye(50)[25], np.arange(50), 1, half_width_ps=20)


def test_delays_of_a_tree_are_sums_of_its_positions() -> None:
    peaks = {(1, 2): Estimate(350, 3), (3, 2): Estimate(100, 4)}
    fit = channel_delays(peaks, [1, 2, 3], 1)
    assert fit.delays[1] == Estimate(0, 0, "ps")
    assert fit.delays[2].value == pytest.approx(350)
    assert fit.delays[2].sigma == pytest.approx(3)
    assert fit.delays[3].value == pytest.approx(250)
    assert fit.delays[3].sigma == pytest.approx(5)
    assert fit.ndf == 0
    assert fit.chi2 == pytest.approx(0, abs=1e-12)


def test_two_ways_are_averaged_by_their_weights() -> None:
    """Direct 10 ± 1, and by way of channel 3: 16 ± sqrt(2); chi2 = 36/3."""
    peaks = {(1, 2): Estimate(10, 1), (1, 3): Estimate(8, 1), (3, 2): Estimate(8, 1)}
    fit = channel_delays(peaks, [1, 2, 3], 1)
    assert fit.delays[2].value == pytest.approx((10 / 1 + 16 / 2) / (1 + 1 / 2))
    assert fit.delays[2].sigma == pytest.approx(math.sqrt(2 / 3))
    assert fit.ndf == 1
    assert fit.chi2 == pytest.approx(12)


def test_pulls_of_delays_and_their_chi2() -> None:
    rng = np.random.default_rng(59)
    truth = {1: 0.0, 2: 500.0, 3: -2300.0, 4: 1200.0}
    sigmas = {(1, 3): 5.0, (1, 4): 8.0, (2, 3): 3.0, (2, 4): 20.0}
    pulls, chi2 = [], []
    for _ in range(TRIALS):
        peaks = {
            (a, b): Estimate(rng.normal(truth[b] - truth[a], s), s) for (a, b), s in sigmas.items()
        }
        fit = channel_delays(peaks, list(truth), 1)
        pulls.append([(fit.delays[c].value - truth[c]) / fit.delays[c].sigma for c in (2, 3, 4)])
        chi2.append(fit.chi2)
    for column in np.array(pulls).T:
        assert_pulls_are_standard(column)
    assert np.mean(chi2) == pytest.approx(1, abs=5 * math.sqrt(2 / TRIALS))


def test_only_the_reference_needs_no_peak() -> None:
    assert channel_delays({}, [7], 7).delays == {7: Estimate(0, 0, "ps")}


def test_channels_without_a_connection_are_named() -> None:
    lost = Estimate(math.nan, math.nan)
    peaks = {(1, 2): Estimate(5, 1), (3, 4): Estimate(5, 1), (2, 3): lost}
    with pytest.raises(ValueError, match=r"channels \[3, 4\] are not connected with channel 1"):
        channel_delays(peaks, [1, 2, 3, 4], 1)
    with pytest.raises(ValueError, match="reference = 9"):
        channel_delays(peaks, [1, 2], 9)
    with pytest.raises(ValueError, match=r"pair \(3, 4\) is not two of"):
        channel_delays(peaks, [1, 2], 1)
    with pytest.raises(ValueError, match="sigma = 0 ps"):
        channel_delays({(1, 2): Estimate(5, 0)}, [1, 2], 1)
