"""Pairs with indices against the walk of the convention, and against the counts of pairs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import count_pairs
from labctl.analysis.pairing import PairUpAnalyzer, pair_up
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock, TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
Indices: TypeAlias = set[tuple[int, int]]


def slow_pairs(tags: Tags, a: int, b: int, window: int, delays: list[int]) -> Indices:
    """Walk the merged stream; a tag pairs with the oldest unpaired partner in the window."""
    walk = sorted(
        (t - delays[c], c, i)
        for i, (t, c) in enumerate(zip(tags[0].tolist(), tags[1].tolist(), strict=True))
    )
    unpaired: list[tuple[int, int, int]] = []
    found = set()
    for t, c, i in walk:
        partner = {a: b, b: a}.get(c)
        oldest = [tag for tag in unpaired if tag[1] == partner and 2 * (t - tag[0]) <= window]
        if oldest:
            unpaired.remove(oldest[0])
            found.add((oldest[0][2], i) if c == b else (i, oldest[0][2]))
        elif partner is not None:
            unpaired.append((t, c, i))
    return found


def indices(result: Any) -> list[tuple[int, int]]:
    return list(zip(result.first.tolist(), result.second.tolist(), strict=True))


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=40))
    channels = [draw(st.integers(0, 3)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.one_of(
    st.just([0, 0, 0, 0]),
    st.lists(st.integers(-60, 60), min_size=4, max_size=4),
    st.lists(st.sampled_from([-(10**9), 0, 7, 10**9]), min_size=4, max_size=4),
)
channel_pairs = st.sampled_from([(0, 1), (3, 1), (2, 2)])


@settings(deadline=None)
@given(tag_streams(), channel_pairs, st.integers(1, 80), delay_lists)
def test_pairs_equal_the_walk(
    tags: Tags, pair: tuple[int, int], window: int, delays: list[int]
) -> None:
    found = indices(pair_up(*tags, *pair, window, delays))
    assert len(found) == len(set(found))
    assert set(found) == slow_pairs(tags, *pair, window, delays)
    assert found == sorted(found)
    if not any(delays):
        assert indices(pair_up(*tags, *pair, window)) == found


@pytest.mark.parametrize("largest_ps", [0, 30_000, 240_000_000, 10**9])
@pytest.mark.parametrize("pair", [(0, 1), (1, 1)])
def test_there_are_as_many_pairs_as_are_counted(largest_ps: int, pair: tuple[int, int]) -> None:
    rng = np.random.default_rng(largest_ps)
    times = np.sort(rng.integers(0, 4 * 10**9, 150_000))
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, 3).tolist()
    found = pair_up(times, channels, *pair, 9000, delays, 2000)
    counted = count_pairs(
        times, channels, 3, [pair], 9000, delays, "greedy_one_to_one", resolution_ps=2000
    )
    assert found.counts.tolist() == counted.counts.tolist() == [found.first.size]
    assert found.counts[0] > 1000
    assert found.window_effective_ps == counted.window_effective_ps[0]
    assert (found.live_s, found.sigma.tolist()) == (counted.live_s, counted.sigma.tolist())
    assert np.all(channels[found.first] == pair[0])
    assert np.all(channels[found.second] == pair[1])
    shifted = times - np.array(delays)[channels]
    assert np.abs(shifted[found.first] - shifted[found.second]).max() <= 4500
    assert np.unique(np.concatenate((found.first, found.second))).size == 2 * found.first.size


@settings(deadline=None)
@given(
    tags=tag_streams(),
    pair=channel_pairs,
    cuts=st.lists(st.integers(0, 301), max_size=8),
    delays=delay_lists,
    takes=st.booleans(),
)
def test_any_split_into_blocks_gives_the_same_pairs(
    tags: Tags, pair: tuple[int, int], cuts: list[int], delays: list[int], *, takes: bool
) -> None:
    if not tags[0].size:
        return
    last = int(tags[0][-1]) + 1
    edges = [int(tags[0][0]), *sorted(min(int(tags[0][0]) + c, last) for c in cuts), last]
    places = np.searchsorted(tags[0], edges)
    analyzer = PairUpAnalyzer(*pair, 50, delays)
    found = []
    for i, (start, stop) in enumerate(pairwise(edges)):
        part = slice(places[i], places[i + 1])
        analyzer.update(TagBlock(tags[0][part], tags[1][part], start, stop))
        if takes:
            found += indices(analyzer.take())
    assert [*found, *indices(analyzer.result())] == indices(pair_up(*tags, *pair, 50, delays))


@settings(deadline=None, max_examples=40)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(4)), delay_lists)
def test_pairs_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, order: list[int], delays: list[int]
) -> None:
    renamed = np.array(order, dtype=np.uint8)[tags[1]]
    moved = np.empty(4, dtype=np.int64)
    moved[order] = delays
    found = pair_up(tags[0] + shift, renamed, order[0], order[1], 50, moved)
    assert indices(found) == indices(pair_up(*tags, 0, 1, 50, delays))


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (2, 2)])
@pytest.mark.parametrize("delays", [None, [0, 40, -9]])
@pytest.mark.parametrize("spacing", [3, 90])
def test_long_streams_equal_the_walk(
    pair: tuple[int, int], delays: list[int] | None, spacing: int
) -> None:
    rng = np.random.default_rng(spacing)
    times = np.sort(rng.integers(0, 700 * spacing, 700))
    tags = times, rng.integers(0, 3, 700).astype(np.uint8)
    found = indices(pair_up(*tags, *pair, 60, delays))
    assert set(found) == slow_pairs(tags, *pair, 60, delays or [0, 0, 0])
    assert indices(pair_up(times, tags[1].astype(np.uint16), *pair, 60, delays)) == found
    assert indices(pair_up(*tags, pair[0], pair[1] + 256, 60)) == []


@pytest.mark.parametrize("n_channels", [1, 64])
def test_any_number_of_channels(n_channels: int) -> None:
    rng = np.random.default_rng(n_channels)
    times = np.sort(rng.integers(0, 3000, 400))
    tags = times, rng.integers(0, n_channels, 400).astype(np.uint8)
    delays = rng.integers(-30, 31, n_channels).tolist()
    pair = (n_channels // 2, n_channels - 1)
    assert set(indices(pair_up(*tags, *pair, 90, delays))) == slow_pairs(tags, *pair, 90, delays)


@pytest.mark.parametrize("extra", [{"flags": TagFlags.GAP}, {"start_ps": 101}])
@pytest.mark.parametrize("delays", [None, [0, 40], [0, -40]])
def test_nothing_pairs_across_a_gap(extra: dict[str, Any], delays: list[int] | None) -> None:
    times = np.array([80, 99]), np.array([102, 121])
    channels = np.array([0, 0], dtype=np.uint8), np.array([1, 1], dtype=np.uint8)
    analyzer = PairUpAnalyzer(0, 1, 400, delays)
    analyzer.update(TagBlock(times[0], channels[0], 0, 100))
    analyzer.update(TagBlock(times[1], channels[1], stop_ps=200, **{"start_ps": 100, **extra}))
    assert indices(analyzer.result()) == []
    analyzer.update(TagBlock(np.array([205]), channels[0][:1], 200, 300))
    assert indices(analyzer.result()) == [(4, 2)]


def test_tags_of_a_lossy_block_count_for_the_indices_only() -> None:
    analyzer = PairUpAnalyzer(0, 1, 200)
    pair = np.array([0, 1], dtype=np.uint8)
    for k, lost in enumerate((0, 3, 0)):
        analyzer.update(
            TagBlock(np.array([0, 5]) + 100 * k, pair, 100 * k, 100 * k + 100, lost=lost)
        )
    result = analyzer.result()
    assert indices(result) == [(0, 1), (4, 5)]
    assert (result.lost, result.live_s) == (3, 200e-12)
    assert result.convention == "greedy_one_to_one"


def test_unpaired_tags_do_not_pile_up() -> None:
    analyzer = PairUpAnalyzer(0, 1, 1000, [0, 5000])
    for k in range(20):
        times = np.arange(1000) * 100 + k * 100_000
        block = TagBlock(times, np.zeros(1000, dtype=np.uint8), k * 100_000, (k + 1) * 100_000)
        analyzer.update(block)
    assert max(queue.filled for queue in analyzer._queues) < 100
    assert analyzer.result().counts.tolist() == [0]


def test_bad_tags_are_refused_wherever_they_are() -> None:
    times = np.arange(2 * MAX_BLOCK_TAGS)
    channels = np.zeros(times.size, dtype=np.uint8)
    channels[MAX_BLOCK_TAGS + 5] = 2
    with pytest.raises(ValueError, match=f"tag {MAX_BLOCK_TAGS + 5} has channel 2"):
        pair_up(times, channels, 0, 1, 10, [0, 0])
    channels[:] = 0
    times[MAX_BLOCK_TAGS] = 3
    with pytest.raises(ValueError, match=f"tag {MAX_BLOCK_TAGS} at 3 ps follows"):
        pair_up(times, channels, 0, 1, 10)
    with pytest.raises(ValueError, match="names a channel outside 0 to 1"):
        pair_up(times, channels, 0, 2, 10, [0, 0])
    with pytest.raises(ValueError, match="window_full_ps = 0"):
        PairUpAnalyzer(0, 1, 0)
