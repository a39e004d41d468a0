"""Sync histograms against a search for each tag's sync, and against a pulsed source."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import SyncHistogramAnalyzer, sync_histogram

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]


def slow_sync_histogram(
    tags: Tags, period: int, width: int, divider: int, delays: list[int]
) -> tuple[list[int], int, int]:
    """Return histogram, overflow and tags without a sync, for sync 1 and channel 0."""
    walk = [(int(t) - delays[c], int(c)) for t, c in zip(*tags, strict=True)]
    counts, overflow, unreferenced = [0] * -(-period // width), 0, 0
    for time, channel in walk:
        if channel != 0:
            continue
        syncs = [t for t, c in walk if c == 1 and t <= time]
        if not syncs:
            unreferenced += 1
        elif 2 * (time - max(syncs)) >= (2 * divider + 1) * period:
            overflow += 1
        else:
            since = time - max(syncs)
            hits = [
                k
                for k in range(len(counts))
                for turn in range(divider + 2)
                if -width <= 2 * (since - k * width - turn * period) < width
            ]
            counts[min(hits)] += 1  # a narrower last bin yields to the first one
    return counts, overflow, unreferenced


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=30))
    channels = [draw(st.integers(0, 2)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


@settings(deadline=None)
@given(
    tag_streams(),
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(1, 3),
    st.sampled_from([None, [0, 0, 0], [3, -20, 0], [10**9, 0, -(10**9)]]),
)
def test_histograms_equal_a_search_for_each_sync(
    tags: Tags, period: int, width: int, divider: int, delays: list[int] | None
) -> None:
    width = min(width, period)
    result = sync_histogram(*tags, 1, 0, period, width, divider, delays_ps=delays)
    expected = slow_sync_histogram(tags, period, width, divider, delays or [0, 0, 0])
    assert (result.counts.tolist(), result.overflow, result.unreferenced) == expected
    assert result.syncs == np.count_nonzero(tags[1] == 1)
    assert result.lags_ps.tolist() == list(range(0, period, width))
    assert result.convention == "last_sync"


@settings(deadline=None, max_examples=50)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(64)))
def test_counts_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, names: list[int]
) -> None:
    times, channels = tags
    before = sync_histogram(times, channels, 1, 0, 50, 9)
    renamed = np.array(names, dtype=np.uint8)[channels]
    after = sync_histogram(times + shift, renamed, names[1], names[0], 50, 9)
    assert after.counts.tolist() == before.counts.tolist()
    assert (after.overflow, after.unreferenced) == (before.overflow, before.unreferenced)


@pytest.mark.parametrize("divider", [1, 8])
def test_a_pulsed_source_peaks_at_its_phase_whatever_the_divider(divider: int) -> None:
    """Every pulse gives a tag 4320 ps later: all lie in the bin of 4300 ps."""
    period = 12_500
    pulses = np.arange(8000) * period
    times = np.concatenate((pulses[::divider], pulses + 4320))
    order = np.argsort(times, kind="stable")
    channels = np.repeat(np.array([1, 0], dtype=np.uint8), [pulses[::divider].size, pulses.size])
    result = sync_histogram(times[order], channels[order], 1, 0, period, 100, divider)
    assert result.counts[result.lags_ps == 4300] == [8000]
    assert result.counts.sum() == 8000
    assert (result.syncs, result.overflow) == (8000 // divider, 0)


def test_a_peak_at_the_sync_stays_whole() -> None:
    """Jitter puts tags on either side of the pulse; all belong to the bin at 0."""
    rng = np.random.default_rng(31)
    pulses = np.arange(1, 3000) * 10_000
    times = np.concatenate((pulses, pulses + rng.integers(-50, 50, pulses.size)))
    order = np.argsort(times, kind="stable")
    channels = np.repeat(np.array([1, 0], dtype=np.uint8), pulses.size)[order]
    result = sync_histogram(times[order], channels, 1, 0, 10_000, 100)
    assert result.counts[0] == pulses.size - result.unreferenced
    assert result.unreferenced <= 1


@pytest.mark.parametrize("channels", [[0, 1], [1, 0]])
def test_a_sync_of_the_same_time_counts_in_either_order(channels: list[int]) -> None:
    times = np.array([7, 7], dtype=np.int64)
    result = sync_histogram(times, np.array(channels, dtype=np.uint8), 1, 0, 40, 10)
    assert result.counts.tolist() == [1, 0, 0, 0]
    assert result.unreferenced == 0


def test_a_missing_sync_puts_tags_apart() -> None:
    times = np.array([0, 149, 150, 2**62], dtype=np.int64)
    result = sync_histogram(times, np.array([1, 0, 0, 0], dtype=np.uint8), 1, 0, 100, 10)
    assert result.counts.sum() == 1
    assert result.overflow == 2


def test_many_tags_on_a_coarse_clock_equal_a_search_in_sorted_channels() -> None:
    """About three tags share each time, many of them across what is worked on at once."""
    rng = np.random.default_rng(41)
    times = np.sort(rng.integers(0, 30_000, 100_000)) * 2000
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    result = sync_histogram(times, channels, 1, 0, 6000, 2000, 2)
    syncs, tags = times[channels == 1], times[channels == 0]
    place = np.searchsorted(syncs, tags, "right")
    since = tags[place > 0] - syncs[place[place > 0] - 1]
    assert result.unreferenced == np.count_nonzero(place == 0)
    assert result.overflow == np.count_nonzero(since >= 15_000)
    expected = np.bincount(since[since < 15_000] % 6000 // 2000, minlength=3)
    assert result.counts.tolist() == expected.tolist()


def test_many_tags_of_one_time_are_counted_in_linear_time() -> None:
    times = np.zeros(1_000_000, dtype=np.int64)
    channels = np.zeros(times.size, dtype=np.uint8)
    channels[-1] = 1
    result = sync_histogram(times, channels, 1, 0, 100, 10)
    assert result.counts[0] == times.size - 1


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="two different channels"):
        SyncHistogramAnalyzer(1, 1, 100, 10)
    with pytest.raises(ValueError, match="bin_ps = 0"):
        SyncHistogramAnalyzer(0, 1, 100, 0)
    with pytest.raises(ValueError, match="bin_ps = 101 ps is more than period_ps = 100 ps"):
        SyncHistogramAnalyzer(0, 1, 100, 101)
    with pytest.raises(ValueError, match="period_ps = -1"):
        SyncHistogramAnalyzer(0, 1, -1, 10)
    with pytest.raises(ValueError, match="divider = 0 is less than 1"):
        SyncHistogramAnalyzer(0, 1, 100, 10, 0)
    with pytest.raises(ValueError, match=r"divider \* period_ps"):
        SyncHistogramAnalyzer(0, 1, 2**59, 10, 4)
    tags = np.array([5, 6]), np.array([0, 3], dtype=np.uint8)
    with pytest.raises(ValueError, match="tag 1 has channel 3"):
        sync_histogram(*tags, 0, 1, 100, 10, delays_ps=[0, 0, 0])
    times = np.array([5, 7, 6, 8])
    with pytest.raises(ValueError, match="tag 2 at 6 ps follows 7 ps"):
        sync_histogram(times, np.zeros(4, dtype=np.uint8), 0, 1, 100, 10)
