from __future__ import annotations

import numpy as np
import pytest

from labctl.analysis import DelayedAccidentalsAnalyzer, count_pairs, delayed_accidentals
from labctl.tags.block import TagBlock

RUNS = 150
SPAN_PS = 10**10


def correlated_tags(
    rng: np.random.Generator, pairs: float, alone: float, delay_ps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return tags of channels 1 and 2 of 4, channel 2 late by delay_ps; means given."""
    common = rng.integers(0, SPAN_PS, rng.poisson(pairs))
    a = np.concatenate((common, rng.integers(0, SPAN_PS, rng.poisson(alone))))
    b = np.concatenate((common, rng.integers(0, SPAN_PS, rng.poisson(alone)))) + delay_ps
    times = np.concatenate((a, b))
    channels = np.repeat(np.array([1, 2], dtype=np.uint8), [a.size, b.size])
    order = np.argsort(times, kind="stable")
    return times[order], channels[order]


def test_pulls_of_delayed_accidentals_against_the_truth() -> None:
    rng = np.random.default_rng(30)
    window, delay = 100_001, 3_000_000
    pulls = []
    for _ in range(RUNS):
        tags = correlated_tags(rng, 1000, 3000, delay)
        estimate = delayed_accidentals(
            *tags, 4, (1, 2), window, 400_000, [0, 0, delay, 0], shifts_per_side=5
        )
        pulls.append((estimate.value - 4000 * 4000 * window / SPAN_PS) / estimate.sigma)
    assert abs(np.mean(pulls)) < 5 / np.sqrt(RUNS)
    assert abs(np.var(pulls) - 1) < 5 * np.sqrt(2 / RUNS)


def test_the_mean_is_that_of_the_shifted_counts() -> None:
    tags = correlated_tags(np.random.default_rng(31), 500, 2000, 0)
    shifts = (-400_000, -200_000, 200_000, 400_000)
    counts = [
        int(count_pairs(*tags, 4, [(1, 2)], 100_000, [0, 0, shift, 0]).counts[0])
        for shift in shifts
    ]
    estimate = delayed_accidentals(*tags, 4, (2, 1), 100_000, 200_000, shifts_per_side=2)
    assert estimate.value == sum(counts) / 4


def test_many_pairs_in_blocks_equal_each_pair_alone() -> None:
    rng = np.random.default_rng(32)
    times = np.sort(rng.integers(0, 10**9, 20_000))
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    pairs = [(0, 1), (1, 2)]
    analyzer = DelayedAccidentalsAnalyzer(3, pairs, 1000, 5000)
    for k in range(4):
        first, stop = np.searchsorted(times, (k * 25 * 10**7, (k + 1) * 25 * 10**7))
        analyzer.update(
            TagBlock(times[first:stop], channels[first:stop], k * 25 * 10**7, (k + 1) * 25 * 10**7)
        )
    for pair, estimate in zip(pairs, analyzer.result(), strict=True):
        alone = delayed_accidentals(times, channels, 3, pair, 1000, 5000)
        assert estimate.value == alone.value
        assert estimate.sigma == pytest.approx(alone.sigma)


def test_no_counts_enter_as_one_count() -> None:
    estimate = delayed_accidentals(
        np.array([0]), np.array([0], dtype=np.uint8), 2, (0, 1), 10, 100, shifts_per_side=5
    )
    assert (estimate.value, estimate.sigma) == (0, 0.1)


def test_unsuitable_shifts_are_refused() -> None:
    tags = np.array([0]), np.array([0], dtype=np.uint8)
    with pytest.raises(ValueError, match="does not clear the window of 100 ps"):
        delayed_accidentals(*tags, 2, (0, 1), 100, 100)
    with pytest.raises(ValueError, match="not a multiple of the tagger's resolution of 2000 ps"):
        delayed_accidentals(*tags, 2, (0, 1), 100, 5000, resolution_ps=2000)
    with pytest.raises(ValueError, match="cannot be shifted against itself"):
        delayed_accidentals(*tags, 2, (1, 1), 100, 5000)
    with pytest.raises(ValueError, match="shifts_per_side = 0"):
        delayed_accidentals(*tags, 2, (0, 1), 100, 5000, shifts_per_side=0)
