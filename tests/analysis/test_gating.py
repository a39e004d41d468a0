"""Gates against a walk written here, and streamed in any split."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis.gating import GateAnalyzer, GatedTags, gate
from labctl.tags.block import TagBlock, TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
OPENS, CLOSES = 2, 3


def slow_gate(tags: Tags, stop: int) -> tuple[list[bool], int]:
    """Return the mask and the open time up to `stop` by a walk through the tags."""
    kept = []
    opened = None
    open_ps = 0
    for t, c in zip(tags[0].tolist(), tags[1].tolist(), strict=True):
        if c == OPENS and opened is None:
            opened = t
        if c == CLOSES and opened is not None:
            open_ps += t - opened
            opened = None
        kept.append(opened is not None)
    return kept, open_ps + (0 if opened is None else stop - opened)


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=40))
    channels = [draw(st.integers(0, 3)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


@settings(deadline=None)
@given(tag_streams())
def test_gates_equal_the_walk(tags: Tags) -> None:
    found = gate(*tags, OPENS, CLOSES)
    kept, open_ps = slow_gate(tags, int(tags[0][-1]) + 1 if tags[0].size else 0)
    assert found.kept.tolist() == kept
    assert found.open_ps == open_ps
    assert found.times_ps.tolist() == tags[0][kept].tolist()
    assert found.channels.tolist() == tags[1][kept].tolist()
    assert found.convention == "open_to_close"


@pytest.mark.parametrize("n_tags", [63, 64, 65, 20_000])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_long_streams_equal_the_walk(n_tags: int, kind: type[np.uint8]) -> None:
    rng = np.random.default_rng(n_tags)
    times = np.sort(rng.integers(0, 5 * n_tags, n_tags))
    channels = rng.choice(4, n_tags, p=[0.5, 0.4, 0.05, 0.05]).astype(np.uint8)
    found = gate(times, channels.astype(kind), OPENS, CLOSES)
    kept, open_ps = slow_gate((times, channels), int(times[-1]) + 1)
    assert (found.kept.tolist(), found.open_ps) == (kept, open_ps)
    assert not gate(times, channels, OPENS + 256, CLOSES + 256).kept.any()


def joined(results: list[GatedTags]) -> tuple[list[bool], list[int], int]:
    return (
        [bool(kept) for result in results for kept in result.kept],
        [int(t) for result in results for t in result.times_ps],
        sum(result.open_ps for result in results),
    )


@settings(deadline=None)
@given(tags=tag_streams(), cuts=st.lists(st.integers(0, 301), max_size=8), takes=st.booleans())
def test_any_split_into_blocks_gives_the_same_gates(
    tags: Tags, cuts: list[int], *, takes: bool
) -> None:
    if not tags[0].size:
        return
    edges = np.array([int(tags[0][0]), *sorted(tags[0][0] + cuts), int(tags[0][-1]) + 1])
    edges = np.sort(np.minimum(edges, edges[-1]))
    places = np.searchsorted(tags[0], edges)
    analyzer = GateAnalyzer(OPENS, CLOSES)
    parts = []
    for i in range(len(edges) - 1):
        part = slice(places[i], places[i + 1])
        block = TagBlock(tags[0][part], tags[1][part], int(edges[i]), int(edges[i + 1]))
        analyzer.update(block)
        if takes:
            parts.append(analyzer.take())
    whole = gate(*tags, OPENS, CLOSES)
    assert joined([*parts, analyzer.result()]) == joined([whole])
    live_s = sum(part.live_s for part in parts) + analyzer.result().live_s
    assert live_s == pytest.approx(whole.live_s, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(4)))
def test_gates_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, order: list[int]
) -> None:
    renamed = np.array(order, dtype=np.uint8)[tags[1]]
    moved = gate(tags[0] + shift, renamed, order[OPENS], order[CLOSES])
    found = gate(*tags, OPENS, CLOSES)
    assert moved.kept.tolist() == found.kept.tolist()
    assert moved.open_ps == found.open_ps


def test_the_open_tag_is_inside_and_the_close_tag_is_not() -> None:
    times = np.array([0, 10, 20, 20, 30, 40, 50])
    channels = np.array([0, 2, 0, 2, 0, 3, 0], dtype=np.uint8)
    found = gate(times, channels, 2, 3)
    assert found.times_ps.tolist() == [10, 20, 20, 30]
    assert found.open_ps == 30
    assert found.open_s == 30e-12


@pytest.mark.parametrize(
    ("first", "expected"), [(2, [True, True, False]), (0, [False, True, False])]
)
def test_among_equal_times_the_order_of_the_stream_decides(
    first: int, expected: list[bool]
) -> None:
    channels = np.array([first, 2 - first, 3], dtype=np.uint8)
    assert gate(np.full(3, 7), channels, 2, 3).kept.tolist() == expected


def block(times: list[int], channels: list[int], start: int, stop: int, **more: object) -> TagBlock:
    return TagBlock(
        np.array(times, dtype=np.int64),
        np.array(channels, dtype=np.uint8),
        start,
        stop,
        **more,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "second",
    [
        block([110], [0], 100, 200, flags=TagFlags.GAP),
        block([110], [0], 101, 200),
        block([110], [0], 100, 200, lost=2),
        block([110], [0], 100, 200, flags=TagFlags.MISSED),
    ],
)
def test_a_gap_or_a_loss_closes_the_gate(second: TagBlock) -> None:
    analyzer = GateAnalyzer(2, 3)
    analyzer.update(block([40, 50], [2, 0], 0, 100))
    analyzer.update(second)
    analyzer.update(block([210, 220, 230], [0, 2, 0], 200, 300))
    result = analyzer.result()
    assert result.kept.tolist() == [True, True, False, False, True, True]
    assert result.open_ps == 60 + 80
    assert result.lost == second.lost
    assert result.flags == second.flags
    assert result.live_s == (100 + second.live_ps + 100) * 1e-12


def test_an_open_gate_counts_to_the_end_of_an_empty_block() -> None:
    analyzer = GateAnalyzer(2, 3)
    assert analyzer.result().kept.size == 0
    analyzer.update(block([40], [2], 0, 100))
    analyzer.update(block([], [], 100, 350))
    assert analyzer.result().open_ps == 310


def test_bad_tags_and_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="tag 1 at 3 ps follows 5 ps"):
        gate(np.array([5, 3, 9]), np.zeros(3, dtype=np.uint8), 2, 3)
    with pytest.raises(ValueError, match="channel 2 cannot both open and close"):
        GateAnalyzer(2, 2)
    with pytest.raises(ValueError, match="open_channel = -1"):
        GateAnalyzer(-1, 2)
    analyzer = GateAnalyzer(2, 3)
    with pytest.raises(ValueError, match="must lie inside"):
        analyzer.update(block([5], [0], 10, 20))
    with pytest.raises(ValueError, match="counts are void"):
        analyzer.result()


def test_results_are_read_only_and_the_arrays_given_stay_writable() -> None:
    times, channels = np.array([1, 2]), np.array([2, 0], dtype=np.uint8)
    result = gate(times, channels, 2, 3)
    assert not result.kept.flags.writeable
    times[0] = 0
