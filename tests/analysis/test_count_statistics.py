"""Counts of random streams against closed forms and the shelf's table, within 5 sigma."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.analysis import accidentals, coincidence_matrix, count_pairs, count_rates


def poisson_tags(
    rates_hz: list[float], span_s: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    sizes = rng.poisson(np.array(rates_hz) * span_s)
    times = rng.integers(0, int(span_s * 1e12), sizes.sum())
    channels = np.repeat(np.arange(len(rates_hz), dtype=np.uint8), sizes)
    order = np.argsort(times, kind="stable")
    return times[order], channels[order]


@pytest.mark.parametrize("delays", [None, [0, 200_000_000]])
def test_accidentals_of_poisson_streams_follow_the_product(delays: list[int] | None) -> None:
    tags = poisson_tags([3e5, 5e5], 1.0, seed=11)
    window = 20_001  # odd: exactly this many differences in whole picoseconds
    matrix = coincidence_matrix(*tags, 2, window, delays)
    singles = count_rates(*tags, 2).counts
    expected = accidentals(singles[0], singles[1], matrix.live_s, window)
    # The expectation is conditional on the singles, so only the count itself scatters.
    assert abs(matrix.counts[0, 1] - expected.value) < 5 * np.sqrt(expected.value)
    # Unordered pairs within a channel: half the product.
    same = singles[1] ** 2 * window * 1e-12 / 2
    assert abs(matrix.counts[1, 1] - same) < 5 * np.sqrt(same)


def test_a_coarse_tagger_counts_by_the_effective_window() -> None:
    times, channels = poisson_tags([3e5, 3e5], 1.0, seed=12)
    times -= times % 2000
    singles = count_rates(times, channels, 2).counts
    for window, effective in ((4000, 6000), (6000, 6000), (2000, 2000)):
        matrix = coincidence_matrix(times, channels, 2, window, None, 2000)
        assert matrix.window_effective_ps[0, 1] == effective
        expected = singles[0] * singles[1] * effective * 1e-12 / matrix.live_s
        assert abs(matrix.counts[0, 1] - expected) < 5 * np.sqrt(expected)
    nominal = singles[0] * singles[1] * 4000e-12
    counted = coincidence_matrix(times, channels, 2, 4000).counts[0, 1]
    assert counted / nominal == pytest.approx(1.5, abs=5 * 1.5 / np.sqrt(counted))


@pytest.mark.parametrize("difference", [500, 999, 1000, 1001, -3000])
def test_a_coarse_tagger_with_delays_counts_by_the_remainder(difference: int) -> None:
    times, channels = poisson_tags([3e5, 3e5], 1.0, seed=13)
    times -= times % 2000
    singles = count_rates(times, channels, 2).counts
    matrix = coincidence_matrix(times, channels, 2, 2000, [0, difference], 2000)
    expected = singles[0] * singles[1] * matrix.window_effective_ps[0, 1] * 1e-12
    assert expected > 0
    assert abs(matrix.counts[0, 1] - expected) < 5 * np.sqrt(expected)


def test_the_conventions_differ_as_in_the_table_of_timetags_md() -> None:
    """The table's recipe at a tenth of its length: 2 x 1 Mcps, 10 % pairs, sigma 100 ps."""
    rng = np.random.default_rng(14)
    span, each = 10**12, 10**6
    common = rng.integers(0, span, each // 10)
    jittered = common + np.rint(rng.normal(0, 100, common.size)).astype(np.int64)
    alone = rng.integers(0, span, (2, each - common.size))
    times = np.concatenate((common, alone[0], jittered, alone[1]))
    channels = np.repeat(np.arange(2, dtype=np.uint8), each)
    order = np.argsort(times, kind="stable")
    tags = times[order], channels[order]
    counts = {
        convention: int(count_pairs(*tags, 2, [(0, 1)], 2000, None, convention).counts[0])
        for convention in ("all_pairs", "any_partner", "greedy_one_to_one")
    }
    assert abs(counts["all_pairs"] - 102_006.6) < 5 * np.sqrt(2 * 2000)  # pairs are fixed
    # Differences of the table / 10; both samples scatter as Poisson counts.
    for convention, difference in (("any_partner", 1020), ("greedy_one_to_one", 3808)):
        found = counts["all_pairs"] - counts[convention]
        assert abs(found - difference / 10) < 5 * np.sqrt(difference / 10 * 1.1)
