"""Analyzers fed block by block give what the one-shot functions give."""

from __future__ import annotations

import pickle
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import (
    CorrelationAnalyzer,
    MatrixAnalyzer,
    PairAnalyzer,
    RateAnalyzer,
    coincidence_matrix,
    count_pairs,
    count_rates,
    cross_correlation,
)
from labctl.tags.block import TagBlock, TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
PAIRS = [(0, 1), (2, 1), (2, 2)]


def blocks(tags: Tags, cuts_ps: list[int]) -> list[TagBlock]:
    """Cut [first tag, last tag] at the given times into blocks that join without a gap."""
    times, channels = tags
    first, stop = (int(times[0]), int(times[-1]) + 1) if times.size else (0, 0)
    edges = [first, *sorted(c for c in cuts_ps if first <= c <= stop), stop]
    places = np.searchsorted(times, edges).tolist()
    return [
        TagBlock(times[i:j], channels[i:j], start, end)
        for i, j, start, end in zip(places[:-1], places[1:], edges[:-1], edges[1:], strict=True)
    ]


def analyzers(delays: list[int]) -> dict[str, Any]:
    return {
        "rates": RateAnalyzer(3),
        "matrix": MatrixAnalyzer(3, 50, delays),
        "lags": CorrelationAnalyzer(3, PAIRS, 90, 7, delays),
        "all_pairs": PairAnalyzer(3, PAIRS, 50, delays),
        "any_partner": PairAnalyzer(3, PAIRS, 50, delays, "any_partner"),
        "greedy_one_to_one": PairAnalyzer(3, PAIRS, 50, delays, "greedy_one_to_one"),
    }


def at_once(tags: Tags, delays: list[int]) -> dict[str, Any]:
    results: dict[str, Any] = {
        "rates": count_rates(*tags, 3),
        "matrix": coincidence_matrix(*tags, 3, 50, delays),
        "lags": cross_correlation(*tags, 3, PAIRS, 90, 7, delays),
    }
    conventions: tuple[Any, ...] = ("all_pairs", "any_partner", "greedy_one_to_one")
    for name in conventions:
        results[name] = count_pairs(*tags, 3, PAIRS, 50, delays, name)
    return results


def counts_of(results: dict[str, Any]) -> dict[str, Any]:
    return {name: (result.counts.tolist(), result.live_s) for name, result in results.items()}


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=40))
    channels = [draw(st.integers(0, 2)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.sampled_from([[0, 0, 0], [30, -40, 0], [-500, 0, 20], [10**9, 0, -(10**9)]])


@settings(deadline=None)
@given(tag_streams(), st.lists(st.integers(0, 300), max_size=12), delay_lists)
def test_any_split_into_blocks_gives_the_same_result(
    tags: Tags, cuts: list[int], delays: list[int]
) -> None:
    start = int(tags[0][0]) if tags[0].size else 0
    streams = analyzers(delays)
    for block in blocks(tags, [start + cut for cut in cuts]):
        for analyzer in streams.values():
            analyzer.update(block)
    found = {name: analyzer.result() for name, analyzer in streams.items()}
    assert counts_of(found) == counts_of(at_once(tags, delays))


@settings(deadline=None, max_examples=40)
@given(tag_streams(), st.integers(0, 300), delay_lists)
def test_a_result_in_mid_stream_is_that_of_the_tags_so_far(
    tags: Tags, cut: int, delays: list[int]
) -> None:
    if not tags[0].size:
        return
    parts = blocks(tags, [int(tags[0][0]) + cut])
    streams = analyzers(delays)
    size = parts[0].times_ps.size
    for analyzer in streams.values():
        analyzer.update(parts[0])
    before = at_once((tags[0][:size], tags[1][:size]), delays)
    for name, analyzer in streams.items():
        assert analyzer.result().counts.tolist() == before[name].counts.tolist()
    streams = pickle.loads(pickle.dumps(streams))  # noqa: S301 - our own bytes
    for part in parts[1:]:
        for analyzer in streams.values():
            analyzer.update(part)
    found = {name: analyzer.result() for name, analyzer in streams.items()}
    assert counts_of(found) == counts_of(at_once(tags, delays))


@pytest.mark.parametrize("largest_ps", [0, 30_000, 240_000_000, 10**9])
def test_large_blocks_and_one_array_agree(largest_ps: int) -> None:
    rng = np.random.default_rng(7)
    times = np.sort(rng.integers(0, 2 * 10**10, 150_000))
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, 3).tolist()
    cuts = rng.integers(0, 2 * 10**10, 9).tolist()
    streams = analyzers(delays)
    for block in blocks((times, channels), cuts):
        for analyzer in streams.values():
            analyzer.update(block)
    found = {name: analyzer.result() for name, analyzer in streams.items()}
    assert counts_of(found) == counts_of(at_once((times, channels), delays))


INTERRUPTIONS: dict[str, tuple[list[tuple[int, int]], dict[str, Any], int]] = {
    "a gap flag": ([(0, 100), (100, 200)], {"flags": TagFlags.GAP}, 200),
    "a hole in time": ([(0, 100), (101, 201)], {}, 200),
    "a clock that starts again": ([(0, 100), (50, 150)], {}, 200),
}


@pytest.mark.parametrize("delays", [[0, 0, 0], [40, 0, 0], [0, 40, 0], [0, 10**9, -(10**9)]])
@pytest.mark.parametrize("name", sorted(INTERRUPTIONS))
def test_nothing_pairs_across(name: str, delays: list[int]) -> None:
    """The counts are the sum over the stretches, each counted alone."""
    intervals, extra, live_ps = INTERRUPTIONS[name]
    rng = np.random.default_rng(8)
    parts = []
    for start, stop in intervals:
        times = np.sort(rng.integers(start, stop, 60))
        parts.append((times, rng.integers(0, 3, 60).astype(np.uint8)))
    streams = analyzers(delays)
    for (start, stop), part, keywords in zip(intervals, parts, ({}, extra), strict=True):
        for analyzer in streams.values():
            analyzer.update(TagBlock(*part, start, stop, **keywords))
    alone = [at_once(part, delays) for part in parts]
    for key, analyzer in streams.items():
        result = analyzer.result()
        assert result.counts.tolist() == (alone[0][key].counts + alone[1][key].counts).tolist()
        assert result.live_s == live_ps * 1e-12
        assert result.flags == extra.get("flags", TagFlags.NONE)


@pytest.mark.parametrize(
    "loss", [{"lost": 3}, {"flags": TagFlags.OVERFLOW}, {"flags": TagFlags.MISSED}]
)
@pytest.mark.parametrize("delays", [[0, 0, 0], [0, 40, 0], [0, 10**9, 0]])
def test_a_lossy_block_is_neither_counted_nor_live(loss: Any, delays: list[int]) -> None:
    rng = np.random.default_rng(9)
    times = np.sort(rng.integers(0, 300, 200))
    tags = times, rng.integers(0, 3, times.size).astype(np.uint8)
    edges = (0, 100, 200, 300)
    places = np.searchsorted(times, edges)
    streams = analyzers(delays)
    alone = []
    for k, keywords in enumerate(({}, loss, {})):
        part = slice(places[k], places[k + 1])
        block = TagBlock(tags[0][part], tags[1][part], edges[k], edges[k + 1], **keywords)
        alone.append(at_once((tags[0][part], tags[1][part]), delays))
        for analyzer in streams.values():
            analyzer.update(block)
    for key, analyzer in streams.items():
        result = analyzer.result()
        assert result.counts.tolist() == (alone[0][key].counts + alone[2][key].counts).tolist()
        assert result.live_s == 200e-12
        assert result.lost == loss.get("lost", 0)


def test_an_analyzer_that_refused_a_block_says_so_from_then_on() -> None:
    for analyzer in analyzers([0, 5, 0]).values():
        bad = TagBlock(np.array([5, 6]), np.array([0, 3], dtype=np.uint8), 0, 10)
        with pytest.raises(ValueError, match="tag 1 has channel 3"):
            analyzer.update(bad)
        with pytest.raises(ValueError, match="counts are void"):
            analyzer.update(TagBlock(np.array([15]), np.array([0], dtype=np.uint8), 10, 20))
        with pytest.raises(ValueError, match="counts are void"):
            analyzer.result()


def test_tags_outside_their_block_are_refused() -> None:
    one = np.zeros(1, dtype=np.uint8)
    for time in (-1, 10):
        with pytest.raises(ValueError, match="must lie inside"):
            MatrixAnalyzer(1, 10).update(TagBlock(np.array([time]), one, 0, 10))
