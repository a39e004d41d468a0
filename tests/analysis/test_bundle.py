"""The fused counter equals the three analyzers it replaces, and stops where they stop."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import (
    CorrelationAnalyzer,
    LiveBundle,
    MatrixAnalyzer,
    RateAnalyzer,
    coincidence_matrix,
    count_rates,
    cross_correlation,
)
from labctl.tags.block import TagBlock, TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
PAIRS = [(0, 1), (2, 1), (2, 2), (1, 0), (0, 1)]


def blocks(tags: Tags, cuts_ps: list[int]) -> list[TagBlock]:
    times, channels = tags
    first, stop = (int(times[0]), int(times[-1]) + 1) if times.size else (0, 0)
    edges = [first, *sorted(c for c in cuts_ps if first <= c <= stop), stop]
    places = np.searchsorted(times, edges).tolist()
    return [
        TagBlock(times[i:j], channels[i:j], start, end)
        for i, j, start, end in zip(places[:-1], places[1:], edges[:-1], edges[1:], strict=True)
    ]


def fed(analyzer: Any, parts: list[TagBlock]) -> Any:
    for part in parts:
        analyzer.update(part)
    return analyzer.result()


def assert_equal(found: Any, separate: tuple[Any, Any, Any]) -> None:
    for one, other in zip((found.rates, found.matrix, found.correlation), separate, strict=True):
        assert one.counts.tolist() == other.counts.tolist()
        assert (one.live_s, one.flags, one.lost) == (other.live_s, other.flags, other.lost)


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    """Return up to 200 tags, more than two groups of 64, anywhere between ±2**62."""
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 900]))
    offsets = draw(st.lists(st.integers(0, 900), max_size=200))
    channels = [draw(st.integers(0, 2)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.sampled_from([[0, 0, 0], [30, -40, 0], [-500, 0, 20], [10**9, 0, -(10**9)]])


@settings(deadline=None, max_examples=60)
@given(
    tag_streams(),
    st.lists(st.integers(0, 900), max_size=8),
    delay_lists,
    st.sampled_from([(50, 90, 7), (400, 30, 10), (1, 1, 1), (60, 30, 30)]),
)
def test_one_pass_counts_what_three_analyzers_count(
    tags: Tags, cuts: list[int], delays: list[int], sizes: tuple[int, int, int]
) -> None:
    window, reach, width = sizes
    start = int(tags[0][0]) if tags[0].size else 0
    parts = blocks(tags, [start + cut for cut in cuts])
    found = fed(LiveBundle(3, window, PAIRS, reach, width, delays), parts)
    matrix = coincidence_matrix(*tags, 3, window, delays)
    lags = cross_correlation(*tags, 3, PAIRS, reach, width, delays)
    assert_equal(found, (count_rates(*tags, 3), matrix, lags))
    assert found.correlation.lags_ps.tolist() == lags.lags_ps.tolist()
    assert found.correlation.pairs == lags.pairs


@pytest.mark.parametrize("largest_ps", [0, 30_000, 240_000_000, 10**9])
@pytest.mark.parametrize("n_channels", [1, 3, 16, 64])
def test_a_long_stream_in_blocks_agrees(largest_ps: int, n_channels: int) -> None:
    rng = np.random.default_rng(11)
    times = np.sort(rng.integers(0, 10**10, 80_000))
    channels = rng.integers(0, n_channels, times.size).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, n_channels)
    pairs = [(0, 0), (n_channels // 2, n_channels - 1)]
    parts = blocks((times, channels), rng.integers(0, 10**10, 7).tolist())
    found = fed(LiveBundle(n_channels, 2000, pairs, 300_000, 1000, delays), parts)
    separate = (
        fed(RateAnalyzer(n_channels), parts),
        fed(MatrixAnalyzer(n_channels, 2000, delays), parts),
        fed(CorrelationAnalyzer(n_channels, pairs, 300_000, 1000, delays), parts),
    )
    assert_equal(found, separate)


@pytest.mark.parametrize("delays", [[0, 0, 0], [0, 40, 0], [0, 10**9, 0]])
@pytest.mark.parametrize(
    "extra", [{"lost": 3}, {"flags": TagFlags.OVERFLOW}, {"flags": TagFlags.GAP}]
)
def test_gaps_and_losses_cut_all_three_alike(delays: list[int], extra: Any) -> None:
    rng = np.random.default_rng(12)
    parts = []
    for k, keywords in enumerate(({}, extra, {})):
        times = np.sort(rng.integers(100 * k, 100 * k + 100, 90))
        tags = times, rng.integers(0, 3, times.size).astype(np.uint8)
        parts.append(TagBlock(*tags, 100 * k, 100 * k + 100, **keywords))
    separate = (
        fed(RateAnalyzer(3), parts),
        fed(MatrixAnalyzer(3, 50, delays), parts),
        fed(CorrelationAnalyzer(3, PAIRS, 90, 7, delays), parts),
    )
    assert_equal(fed(LiveBundle(3, 50, PAIRS, 90, 7, delays), parts), separate)


def test_a_result_in_mid_stream_leaves_the_stream_as_it_was() -> None:
    rng = np.random.default_rng(13)
    times = np.sort(rng.integers(0, 10**6, 3000))
    tags = times, rng.integers(0, 3, times.size).astype(np.uint8)
    parts = blocks(tags, [300_000, 600_000])
    bundle = LiveBundle(3, 500, PAIRS, 900, 7, [0, 10**5, -(10**5)])
    for part in parts:
        bundle.update(part)
        before = bundle.result()
    assert before.rates.counts.sum() == times.size
    expected = coincidence_matrix(*tags, 3, 500, [0, 10**5, -(10**5)]).counts
    assert before.matrix.counts.tolist() == expected.tolist()
    for result in (before.rates, before.matrix, before.correlation):
        with pytest.raises(ValueError, match="read-only"):
            result.counts[0] = 1


@pytest.mark.parametrize("bad", [0, 1, 63, 64, 65, 127, 128, 129, 198, 199])
@pytest.mark.parametrize("delays", [[0, 0], [0, 30], [0, 10**9]])
def test_a_bad_tag_is_found_at_any_place(bad: int, delays: list[int]) -> None:
    times = np.arange(200, dtype=np.int64) * 1000
    channels = (np.arange(200) % 2).astype(np.uint8)
    channels[bad] = 2
    bundle = LiveBundle(2, 100, [(0, 1)], 1000, 10, delays)
    with pytest.raises(ValueError, match=f"tag {bad} has channel 2"):
        bundle.update(TagBlock(times, channels, 0, 10**6))
    with pytest.raises(ValueError, match="counts are void"):
        bundle.result()


def test_bad_arguments_are_refused() -> None:
    for arguments, message in (
        ((2, 0, [(0, 1)], 100, 10), "window_full_ps = 0"),
        ((2, 10, [(0, 2)], 100, 10), "outside 0 to 1"),
        ((2, 10, [(0, 1)], 0, 10), "range_ps = 0"),
        ((2, 10, [(0, 1)], 100, 0), "bin_ps = 0"),
        ((2, 10, [(0, 1)], 100, 10, [1]), r"2 channels need \(2,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            LiveBundle(*arguments)
