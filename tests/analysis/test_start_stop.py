"""Start-stop histograms against a search for each start, and against exponential decay."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import StartStopAnalyzer, cross_correlation, start_stop

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]


def slow_start_stop(
    tags: Tags, start: int, stop: int, bins: int, width: int, delays: list[int]
) -> tuple[list[int], int, int]:
    """Return the histogram, the overflow and the starts without a stop."""
    walk = sorted((int(t) - delays[c], int(c)) for t, c in zip(*tags, strict=True))
    counts, overflow, unstopped = [0] * bins, 0, 0
    for i, (time, channel) in enumerate(walk):
        if channel != start:
            continue
        candidates = walk[i + 1 :] if start == stop else walk
        stops = [t for t, c in candidates if c == stop and t >= time]
        if not stops:
            unstopped += 1
            continue
        doubled = 2 * (stops[0] - time)
        hits = [k for k in range(bins) if 2 * k * width - width <= doubled < 2 * k * width + width]
        for k in hits:
            counts[k] += 1
        overflow += not hits
    return counts, overflow, unstopped


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=30))
    channels = [draw(st.integers(0, 2)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


@settings(deadline=None)
@given(
    tag_streams(),
    st.sampled_from([(0, 1), (2, 0), (1, 1)]),
    st.integers(1, 70),
    st.integers(1, 40),
    st.sampled_from([None, [0, 0, 0], [3, -20, 0], [10**9, 0, -(10**9)]]),
)
def test_histograms_equal_a_search_for_each_start(
    tags: Tags, pair: tuple[int, int], reach: int, width: int, delays: list[int] | None
) -> None:
    result = start_stop(*tags, *pair, reach, width, delays_ps=delays)
    bins = reach // width + 1
    expected = slow_start_stop(tags, *pair, bins, width, delays or [0, 0, 0])
    assert (result.counts.tolist(), result.overflow, result.unstopped) == expected
    assert result.lags_ps.tolist() == [k * width for k in range(bins)]
    assert result.starts == np.count_nonzero(tags[1] == pair[0])
    assert result.convention == "first_stop"


@settings(deadline=None, max_examples=50)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(64)))
def test_counts_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, names: list[int]
) -> None:
    times, channels = tags
    before = start_stop(times, channels, 0, 1, 100, 9)
    renamed = np.array(names, dtype=np.uint8)[channels]
    after = start_stop(times + shift, renamed, names[0], names[1], 100, 9)
    assert after.counts.tolist() == before.counts.tolist()
    assert (after.overflow, after.unstopped) == (before.overflow, before.unstopped)


def test_several_starts_take_one_stop_and_only_the_first() -> None:
    times = np.array([0, 10, 20, 30, 900, 2000], dtype=np.int64)
    channels = np.array([0, 0, 1, 1, 0, 0], dtype=np.uint8)
    result = start_stop(times, channels, 0, 1, 40, 10)
    assert result.counts.tolist() == [0, 1, 1, 0, 0]
    assert (result.overflow, result.unstopped) == (0, 2)


@pytest.mark.parametrize("channels", [[0, 1], [1, 0]])
def test_a_stop_of_the_same_time_counts_in_either_order(channels: list[int]) -> None:
    times = np.array([7, 7], dtype=np.int64)
    result = start_stop(times, np.array(channels, dtype=np.uint8), 0, 1, 40, 10)
    assert result.counts.tolist() == [1, 0, 0, 0, 0]


def test_stops_far_beyond_the_range_are_counted_apart() -> None:
    """Across nearly all of int64, where a difference of times would not fit."""
    times = np.array([-(2**62), -(2**62) + 5, 2**62 + 5], dtype=np.int64)
    result = start_stop(times, np.array([0, 0, 1], dtype=np.uint8), 0, 1, 40, 10)
    assert (result.counts.sum(), result.overflow, result.unstopped) == (0, 2, 0)


def test_waiting_times_of_a_poisson_stream_decay_exponentially() -> None:
    """Bin k expects N·(exp(-S·low) - exp(-S·high)); 5 sigma in every bin."""
    rng = np.random.default_rng(23)
    rate_per_ps, width = 1e-6, 100_000
    times = np.cumsum(np.rint(rng.exponential(1 / rate_per_ps, 200_000))).astype(np.int64)
    result = start_stop(times, np.zeros(times.size, dtype=np.uint8), 0, 0, 3_000_000, width)
    edges = np.maximum(np.arange(-0.5, 31, 1.0) * width, 0)
    expected = -np.diff(np.exp(-rate_per_ps * edges)) * (times.size - 1)
    assert np.all(np.abs(result.counts - expected) < 5 * np.sqrt(expected))
    assert result.unstopped == 1


def test_many_tags_on_a_coarse_clock_equal_a_search_in_sorted_channels() -> None:
    """About three tags share each time, many of them across what is worked on at once."""
    rng = np.random.default_rng(37)
    times = np.sort(rng.integers(0, 30_000, 100_000)) * 2000
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    result = start_stop(times, channels, 0, 1, 20_000, 2000)
    stops, starts = times[channels == 1], times[channels == 0]
    place = np.searchsorted(stops, starts)
    assert result.unstopped == np.count_nonzero(place == stops.size)
    waits = stops[place[place < stops.size]] - starts[place < stops.size]
    assert result.counts.tolist() == np.bincount(waits // 2000, minlength=11)[:11].tolist()
    assert result.overflow == np.count_nonzero(waits > 20_000)


def test_the_bins_are_those_of_the_cross_correlation() -> None:
    rng = np.random.default_rng(29)
    start = np.arange(2000) * 10**6
    times = np.concatenate((start, start + rng.integers(60, 2000, start.size)))
    order = np.argsort(times, kind="stable")
    tags = times[order], np.repeat(np.arange(2, dtype=np.uint8), start.size)[order]
    single = start_stop(*tags, 0, 1, 3000, 100)
    pairs = cross_correlation(*tags, 2, [(0, 1)], 3000, 100)
    assert single.counts.tolist() == pairs.counts[0, 30:].tolist()
    assert single.lags_ps.tolist() == pairs.lags_ps[30:].tolist()


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="bin_ps = 0"):
        StartStopAnalyzer(0, 1, 100, 0)
    with pytest.raises(ValueError, match="range_ps = -1"):
        StartStopAnalyzer(0, 1, -1, 10)
    with pytest.raises(ValueError, match="stop = -1 is outside channels 0 to 65535"):
        StartStopAnalyzer(0, -1, 100, 10)
    tags = np.array([5, 6]), np.array([0, 3], dtype=np.uint8)
    with pytest.raises(ValueError, match="tag 1 has channel 3"):
        start_stop(*tags, 0, 1, 100, 10, delays_ps=[0, 0, 0])
    times = np.array([5, 7, 6, 8])
    with pytest.raises(ValueError, match="tag 2 at 6 ps follows 7 ps"):
        start_stop(times, np.zeros(4, dtype=np.uint8), 0, 1, 100, 10)
