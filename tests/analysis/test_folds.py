"""N-folds against a walk over all combinations, and against Poisson statistics."""

from __future__ import annotations

import itertools
import math
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import FoldAnalyzer, fold_counts

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]


def slow_folds(tags: Tags, order: int, window: int, delays: list[int]) -> dict[Any, int]:
    """Return the number of combinations of each pattern by growing them in order of time."""
    walk = sorted((int(t) - delays[c], int(c)) for t, c in zip(*tags, strict=True))
    counts: dict[Any, int] = {}

    def grow(first: int, times: list[int], channels: frozenset[int]) -> None:
        if len(channels) == order:
            pattern = tuple(sorted(channels))
            counts[pattern] = counts.get(pattern, 0) + 1
            return
        for i in range(first, len(walk)):
            time, channel = walk[i]
            if times and time - times[0] > window:
                return
            if channel not in channels:
                grow(i + 1, [*times, time], channels | {channel})

    grow(0, [], frozenset())
    return counts


@st.composite
def tag_streams(draw: st.DrawFn, n_channels: int = 6) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300, -100]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=30))
    channels = [draw(st.integers(0, n_channels - 1)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.one_of(
    st.just([0] * 6),
    st.lists(st.integers(-60, 60), min_size=6, max_size=6),
    st.lists(st.sampled_from([-(10**9), 0, 7, 10**9]), min_size=6, max_size=6),
)


@settings(deadline=None)
@given(tag_streams(), st.integers(3, 6), st.integers(1, 60), delay_lists)
def test_all_patterns_equal_the_walk(
    tags: Tags, order: int, window: int, delays: list[int]
) -> None:
    result = fold_counts(*tags, 6, order, window, delays)
    expected = slow_folds(tags, order, window, delays)
    patterns = list(itertools.combinations(range(6), order))
    assert [tuple(row) for row in result.patterns.tolist()] == patterns
    assert result.counts.tolist() == [expected.get(pattern, 0) for pattern in patterns]
    assert result.convention == "all_combinations"
    assert (result.order, result.window_full_ps) == (order, window)
    assert not result.counts.flags.writeable
    assert not result.patterns.flags.writeable


@settings(deadline=None)
@given(tag_streams(), st.integers(1, 60), delay_lists)
def test_chosen_patterns_equal_the_walk(tags: Tags, window: int, delays: list[int]) -> None:
    expected = slow_folds(tags, 3, window, delays)
    result = fold_counts(*tags, 6, 3, window, delays, [(5, 0, 2), (1, 2, 5), (0, 5, 2)])
    assert result.patterns.tolist() == [[0, 2, 5], [1, 2, 5], [0, 2, 5]]
    assert result.counts.tolist() == [
        expected.get(pattern, 0) for pattern in ((0, 2, 5), (1, 2, 5), (0, 2, 5))
    ]


@settings(deadline=None)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(6)))
def test_counts_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, names: list[int]
) -> None:
    times, channels = tags
    delays = np.array([0, 20, -20, 3, 0, 1])
    counts = fold_counts(times, channels, 6, 4, 50, delays)
    renamed_delays = np.empty(6, dtype=np.int64)
    renamed_delays[names] = delays
    renamed = np.array(names, dtype=np.uint8)[channels]
    chosen = np.array(names)[counts.patterns]
    moved = fold_counts(times + shift, renamed, 6, 4, 50, renamed_delays, chosen)
    assert moved.counts.tolist() == counts.counts.tolist()


def test_the_window_is_the_whole_span_and_its_edge_belongs_to_it() -> None:
    channels = np.array([0, 1, 2], dtype=np.uint8)
    times = np.array([0, 400, 1000], dtype=np.int64)
    assert fold_counts(times, channels, 3, 3, 1000).counts.tolist() == [1]
    assert fold_counts(times, channels, 3, 3, 999).counts.tolist() == [0]


def test_equal_times_count_every_combination_once() -> None:
    """Two tags on each of four channels: 2^3 combinations for each three of them."""
    times = np.full(8, -5, dtype=np.int64)
    channels = np.array([0, 1, 2, 3, 3, 2, 1, 0], dtype=np.uint8)
    assert fold_counts(times, channels, 4, 3, 1).counts.tolist() == [8, 8, 8, 8]
    assert fold_counts(times, channels, 4, 4, 1).counts.tolist() == [16]


@pytest.mark.parametrize("n_channels", [1, 2, 64])
@pytest.mark.parametrize("largest_ps", [0, 30, 10**6, 10**9])
def test_any_number_of_channels_and_any_delay(n_channels: int, largest_ps: int) -> None:
    rng = np.random.default_rng(n_channels + largest_ps)
    times = np.sort(rng.integers(0, 3 * 10**6, 700))
    channels = rng.integers(0, n_channels, times.size).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, n_channels).tolist()
    result = fold_counts(times, channels, n_channels, 3, 8000, delays)
    expected = slow_folds((times, channels), 3, 8000, delays)
    found = dict(zip(map(tuple, result.patterns.tolist()), result.counts.tolist(), strict=True))
    assert {pattern: count for pattern, count in found.items() if count} == expected
    assert len(found) == math.comb(n_channels, 3)


def test_named_six_folds_of_many_channels_need_no_table_of_all() -> None:
    rng = np.random.default_rng(3)
    channels = np.tile(rng.permutation(64).astype(np.uint8), 20)
    times = np.sort(rng.integers(0, 10**5, channels.size))
    tags = times, channels
    patterns = np.sort(channels[:60].reshape(-1, 6).astype(np.int64), axis=1)
    expected = slow_folds(tags, 6, 600, [0] * 64)
    result = fold_counts(*tags, 64, 6, 600, None, patterns)
    assert result.counts.sum() > 0
    assert result.counts.tolist() == [expected.get(tuple(p), 0) for p in patterns.tolist()]
    with pytest.raises(ValueError, match="74974368 patterns of order 6"):
        fold_counts(*tags, 64, 6, 600)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_many_tags_count_what_independent_poisson_streams_expect(dtype: Any) -> None:
    """Accidentals are order·w^(order - 1)·ΠS_i per second, within 5 sigma."""
    rng = np.random.default_rng(11)
    span_ps, per_channel, window = 10**11, 50_000, 200_000
    times = rng.integers(0, span_ps, 5 * per_channel)
    channels = np.repeat(np.arange(5, dtype=dtype), per_channel)
    order = np.argsort(times, kind="stable")
    for size in (3, 4):
        counts = fold_counts(times[order], channels[order], 5, size, window).counts
        expected = size * window ** (size - 1) * (per_channel / span_ps) ** size * span_ps
        # Combinations that share tags raise the variance by a few times w·S = 0.1.
        assert np.all(np.abs(counts - expected) < 5 * np.sqrt(2 * expected))


@pytest.mark.parametrize("delays", [[0, 0, 0, 0], [3, -4, 11, 100], [1000, 0, 500, 250]])
@pytest.mark.parametrize("window", [900, 1000, 3500])
def test_the_effective_window_holds_as_many_steps_as_a_coarse_tagger_accepts(
    window: int, delays: list[int]
) -> None:
    step, order = 1000, 4
    reach = range(-6, 7)
    accepted = 0
    for steps in itertools.product(reach, repeat=order - 1):  # the last channel's step is 0
        times = [step * k - d for k, d in zip((*steps, 0), delays, strict=True)]
        accepted += max(times) - min(times) <= window
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
    result = fold_counts(*nothing, 4, order, window, delays, resolution_ps=step)
    area = order * result.window_effective_ps[0] ** (order - 1)
    assert area == pytest.approx(accepted * step ** (order - 1))
    assert fold_counts(*nothing, 4, order, window).window_effective_ps.tolist() == [window]


def test_bad_tags_are_found_wherever_they_are() -> None:
    rng = np.random.default_rng(5)
    times = np.sort(rng.integers(0, 10**9, 3000))
    channels = rng.integers(0, 4, times.size).astype(np.uint8)
    for place in (0, 1, 700, 1024, 2999):
        wrong = channels.copy()
        wrong[place] = 4
        with pytest.raises(ValueError, match=f"tag {place} has channel 4"):
            fold_counts(times, wrong, 4, 3, 100)
    for place in (1, 700, 1024, 2998):
        swapped = times.copy()
        swapped[place] = swapped[place - 1] - 1
        with pytest.raises(ValueError, match=r"not sorted|must lie inside"):
            fold_counts(swapped, channels, 4, 3, 10_000)


def test_bad_arguments_are_refused() -> None:
    for order in (2, 7):
        with pytest.raises(ValueError, match=f"order = {order} is outside 3 to 6"):
            FoldAnalyzer(8, order, 100)
    with pytest.raises(ValueError, match="window_full_ps = 0"):
        FoldAnalyzer(8, 3, 0)
    with pytest.raises(ValueError, match="delays_ps has shape"):
        FoldAnalyzer(8, 3, 100, [0, 0])
    with pytest.raises(ValueError, match="names a channel outside 0 to 7"):
        FoldAnalyzer(8, 3, 100, None, [(0, 1, 8)])
    with pytest.raises(ValueError, match=r"\(3, 1, 3\) names a channel twice"):
        FoldAnalyzer(8, 3, 100, None, [(0, 1, 2), (3, 1, 3)])
    with pytest.raises(ValueError, match="give 3 channels each"):
        FoldAnalyzer(8, 3, 100, None, [(0, 1)])
    with pytest.raises(ValueError, match="each needs 3 channels"):
        FoldAnalyzer(8, 3, 100, None, [(0, 1, 2), (0, 1)])
    with pytest.raises(ValueError, match="too many for order 6"):
        FoldAnalyzer(6000, 6, 100, None, np.arange(6000).reshape(-1, 6))
    with pytest.raises(ValueError, match="resolution_ps = 0"):
        FoldAnalyzer(8, 3, 100, resolution_ps=0)
    assert FoldAnalyzer(8, 3, 100, None, []).result().counts.size == 0
