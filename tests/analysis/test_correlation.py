from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import coincidence_matrix, cross_correlation

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]


def slow_histogram(
    tags: Tags, pair: tuple[int, int], bins_per_side: int, width: int, delays: list[int]
) -> list[int]:
    counts = [0] * (2 * bins_per_side + 1)
    tag_list = [(int(t) - delays[c], int(c)) for t, c in zip(*tags, strict=True)]
    for i, (t_a, a) in enumerate(tag_list):
        for j, (t_b, b) in enumerate(tag_list):
            if i != j and (a, b) == pair:
                for k in range(-bins_per_side, bins_per_side + 1):
                    if 2 * k * width - width <= 2 * (t_b - t_a) < 2 * k * width + width:
                        counts[k + bins_per_side] += 1
    return counts


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=25))
    channels = [draw(st.integers(0, 2)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


@settings(deadline=None)
@given(
    tag_streams(),
    st.integers(1, 40),
    st.integers(1, 70),
    st.sampled_from([[0, 0, 0], [3, -20, 0], [10**9, 0, -(10**9)]]),
)
def test_histograms_equal_the_double_loop(
    tags: Tags, width: int, reach: int, delays: list[int]
) -> None:
    pairs = [(0, 1), (1, 0), (2, 2), (0, 1)]
    result = cross_correlation(*tags, 3, pairs, reach, width, delays)
    bins = reach // width
    assert result.lags_ps.tolist() == [k * width for k in range(-bins, bins + 1)]
    expected = [slow_histogram(tags, pair, bins, width, delays) for pair in pairs]
    assert result.counts.tolist() == expected


@pytest.mark.parametrize(
    ("lag", "width", "lags_hit"),
    [(50, 100, 100), (49, 100, 0), (-50, 100, 0), (-51, 100, -100), (1, 3, 0), (2, 3, 3)],
)
def test_bins_are_centered_and_open_above(lag: int, width: int, lags_hit: int) -> None:
    times = np.array(sorted([1000, 1000 + lag]), dtype=np.int64)
    channels = np.array([0, 1] if lag > 0 else [1, 0], dtype=np.uint8)
    result = cross_correlation(times, channels, 2, [(0, 1)], 2 * width, width)
    assert result.lags_ps[result.counts[0] == 1].tolist() == [lags_hit]


def test_a_late_channel_peaks_at_its_delay_and_at_zero_once_it_is_subtracted() -> None:
    rng = np.random.default_rng(4)
    start = np.sort(rng.integers(0, 10**10, 5000))
    for delay in (-300_000_000, -700, 12_300, 1_000_000_000):
        times = np.concatenate((start, start + delay))
        order = np.argsort(times, kind="stable")
        tags = times[order], np.repeat(np.arange(2, dtype=np.uint8), start.size)[order]
        corrected = cross_correlation(*tags, 2, [(0, 1)], 1000, 100, [0, delay])
        assert corrected.counts[0, 10] >= start.size
        if abs(delay) < 10**5:
            raw = cross_correlation(*tags, 2, [(0, 1)], 20_000, 100)
            assert raw.lags_ps[np.argmax(raw.counts[0])] == delay


def test_many_tags_agree_with_the_matrix() -> None:
    """A histogram of 1 ps bins holds the same pairs as a window of its full width."""
    rng = np.random.default_rng(6)
    times = np.sort(rng.integers(0, 10**9, 100_000))
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    delays = [0, 250_000_000, -777]
    histogram = cross_correlation(times, channels, 3, [(0, 1), (2, 1), (2, 2)], 50, 1, delays)
    matrix = coincidence_matrix(times, channels, 3, 100, delays).counts
    totals = histogram.counts.sum(axis=1).tolist()
    assert totals == [matrix[0, 1], matrix[1, 2], 2 * matrix[2, 2]]


def test_bad_arguments_are_refused() -> None:
    tags = np.array([1, 2]), np.array([0, 1], dtype=np.uint8)
    with pytest.raises(ValueError, match="bin_ps = 0"):
        cross_correlation(*tags, 2, [(0, 1)], 100, 0)
    with pytest.raises(ValueError, match="range_ps = -1"):
        cross_correlation(*tags, 2, [(0, 1)], -1, 10)
    with pytest.raises(ValueError, match="channel outside 0 to 1"):
        cross_correlation(*tags, 2, [(0, 5)], 100, 10)
    with pytest.raises(ValueError, match="give"):
        cross_correlation(*tags, 2, [0, 1], 100, 10)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="tag 1 has channel 1"):
        cross_correlation(*tags, 1, [(0, 0)], 100, 10)
