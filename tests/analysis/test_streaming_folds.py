"""N-folds and single-partner histograms fed block by block give what one array gives."""

from __future__ import annotations

import pickle
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import (
    FoldAnalyzer,
    HeraldedG2Analyzer,
    StartStopAnalyzer,
    SyncHistogramAnalyzer,
)
from labctl.tags.block import TagBlock, TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
Delays: TypeAlias = list[int] | None
LAGS = [-35, 0, 20, 200]


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


def analyzers(delays: Delays) -> dict[str, Any]:
    return {
        "threefold": FoldAnalyzer(4, 3, 40, delays),
        "some": FoldAnalyzer(4, 3, 40, delays, [(0, 1, 3)]),
        "fourfold": FoldAnalyzer(4, 4, 90, delays),
        "g2": HeraldedG2Analyzer(0, 1, 3, 40, LAGS, delays_ps=delays),
        "start_stop": StartStopAnalyzer(0, 1, 60, 7, delays_ps=delays),
        "self_stop": StartStopAnalyzer(2, 2, 10, 3, delays_ps=delays),
        "sync": SyncHistogramAnalyzer(3, 0, 30, 7, delays_ps=delays),
        "divided": SyncHistogramAnalyzer(3, 0, 15, 7, 4, delays_ps=delays),
    }


NUMBERS = (
    "counts",
    "heralds",
    "herald_a_counts",
    "herald_b_counts",
    "overflow",
    "unstopped",
    "unreferenced",
    "syncs",
)


def numbers_of(result: Any) -> list[NDArray[np.int64]]:
    """Return all counts of a result; they add up over stretches."""
    return [np.asarray(getattr(result, name)) for name in NUMBERS if hasattr(result, name)]


def listed(streams: dict[str, Any]) -> dict[str, Any]:
    results = {name: analyzer.result() for name, analyzer in streams.items()}
    return {
        name: [result.live_s, *(number.tolist() for number in numbers_of(result))]
        for name, result in results.items()
    }


def fed(parts: list[TagBlock], delays: Delays) -> dict[str, Any]:
    streams = analyzers(delays)
    for part in parts:
        for analyzer in streams.values():
            analyzer.update(part)
    return streams


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=40))
    channels = [draw(st.integers(0, 3)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.sampled_from(
    [None, [0, 0, 0, 0], [30, -40, 0, 7], [-500, 0, 20, 20], [10**9, 0, -(10**9), 5]]
)


@settings(deadline=None)
@given(tag_streams(), st.lists(st.integers(0, 300), max_size=12), delay_lists)
def test_any_split_into_blocks_gives_the_same_result(
    tags: Tags, cuts: list[int], delays: Delays
) -> None:
    start = int(tags[0][0]) if tags[0].size else 0
    split = blocks(tags, [start + cut for cut in cuts])
    assert listed(fed(split, delays)) == listed(fed(blocks(tags, []), delays))


@settings(deadline=None, max_examples=40)
@given(tag_streams(), st.integers(0, 300), delay_lists)
def test_a_result_in_mid_stream_is_that_of_the_tags_so_far(
    tags: Tags, cut: int, delays: Delays
) -> None:
    if not tags[0].size:
        return
    parts = blocks(tags, [int(tags[0][0]) + cut])
    streams = fed(parts[:1], delays)
    assert listed(streams) == listed(fed(parts[:1], delays))
    streams = pickle.loads(pickle.dumps(streams))  # noqa: S301 - our own bytes
    for part in parts[1:]:
        for analyzer in streams.values():
            analyzer.update(part)
    assert listed(streams) == listed(fed(blocks(tags, []), delays))


@pytest.mark.parametrize("largest_ps", [0, 30_000, 10**9])
def test_large_blocks_and_one_array_agree(largest_ps: int) -> None:
    """Channels arrive by the delays that are subtracted, so that there is much to count."""
    rng = np.random.default_rng(7)
    channels = rng.integers(0, 4, 150_000).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, 4)
    times = rng.integers(0, 10**7, channels.size) + delays[channels]
    order = np.argsort(times, kind="stable")
    tags = times[order], channels[order]
    cuts = rng.integers(times.min(), times.max(), 9).tolist()
    whole = listed(fed(blocks(tags, []), delays.tolist()))
    assert listed(fed(blocks(tags, cuts), delays.tolist())) == whole
    assert all(sum(counts) > 0 for _, counts, *_ in whole.values())
    if not largest_ps:
        assert listed(fed(blocks(tags, cuts), None)) == whole


INTERRUPTIONS: dict[str, tuple[list[tuple[int, int]], dict[str, Any]]] = {
    "a gap flag": ([(0, 100), (100, 200)], {"flags": TagFlags.GAP}),
    "a hole in time": ([(0, 100), (101, 201)], {}),
    "a clock that starts again": ([(0, 100), (50, 150)], {}),
}


@pytest.mark.parametrize("delays", [None, [0, 40, 0, 0], [0, 10**9, -(10**9), 3]])
@pytest.mark.parametrize("name", sorted(INTERRUPTIONS))
def test_nothing_meets_across(name: str, delays: Delays) -> None:
    """The counts are the sum over the stretches, each counted alone."""
    intervals, extra = INTERRUPTIONS[name]
    rng = np.random.default_rng(8)
    parts = [
        TagBlock(
            np.sort(rng.integers(start, stop, 60)),
            rng.integers(0, 4, 60).astype(np.uint8),
            start,
            stop,
            **keywords,
        )
        for (start, stop), keywords in zip(intervals, ({}, extra), strict=True)
    ]
    streams = fed(parts, delays)
    alone = [fed([part], delays) for part in parts]
    for key, analyzer in streams.items():
        result = analyzer.result()
        sums = zip(*(numbers_of(stretch[key].result()) for stretch in alone), strict=True)
        expected = [(one + other).tolist() for one, other in sums]
        assert [number.tolist() for number in numbers_of(result)] == expected
        assert result.live_s == 200e-12
        assert result.flags == extra.get("flags", TagFlags.NONE)


@pytest.mark.parametrize("loss", [{"lost": 3}, {"flags": TagFlags.OVERFLOW}])
@pytest.mark.parametrize("delays", [None, [0, 10**9, 0, 0]])
def test_a_lossy_block_is_neither_counted_nor_live(loss: Any, delays: Delays) -> None:
    rng = np.random.default_rng(9)
    times = np.sort(rng.integers(0, 300, 200))
    tags = times, rng.integers(0, 4, times.size).astype(np.uint8)
    edges = (0, 100, 200, 300)
    places = np.searchsorted(times, edges)
    parts = []
    for k, keywords in enumerate(({}, loss, {})):
        part = slice(places[k], places[k + 1])
        parts.append(TagBlock(tags[0][part], tags[1][part], edges[k], edges[k + 1], **keywords))
    streams = fed(parts, delays)
    alone = [fed([part], delays) for part in (parts[0], parts[2])]
    for key, analyzer in streams.items():
        result = analyzer.result()
        sums = zip(*(numbers_of(stretch[key].result()) for stretch in alone), strict=True)
        expected = [(one + other).tolist() for one, other in sums]
        assert [number.tolist() for number in numbers_of(result)] == expected
        assert (result.live_s, result.lost) == (200e-12, loss.get("lost", 0))


def test_what_waits_stays_within_the_reach() -> None:
    """Starts, heralds and partners that nothing later can reach are let go."""
    streams = analyzers(None)
    for k in range(40):
        times = np.arange(k * 10**6, (k + 1) * 10**6, 100)
        channels = np.zeros(times.size, dtype=np.uint8)
        block = TagBlock(times, channels, k * 10**6, (k + 1) * 10**6)
        for analyzer in streams.values():
            analyzer.update(block)
    sizes = {name: len(pickle.dumps(analyzer)) for name, analyzer in streams.items()}
    assert sizes["start_stop"] < sizes["sync"] + 10_000
    assert streams["start_stop"].result().unstopped == 400_000
    assert streams["g2"].result().heralds == 400_000
    assert sizes["g2"] < sizes["sync"] + 4 * 8 * 2**16


def test_an_analyzer_that_refused_a_block_says_so_from_then_on() -> None:
    for analyzer in analyzers([0, 5, 0, 0]).values():
        bad = TagBlock(np.array([5, 6]), np.array([0, 4], dtype=np.uint8), 0, 10)
        with pytest.raises(ValueError, match="tag 1 has channel 4"):
            analyzer.update(bad)
        with pytest.raises(ValueError, match="counts are void"):
            analyzer.result()
