"""The re-sort: exact within its bound, honest beyond it, blind to chunks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.tags.block import TagBlock, TagFlags
from labctl.tags.formats.ordering import TagSorter
from labctl.tags.formats.source import Disorder

BOUND_PS = 1000


def sort(
    times_ps: Sequence[int],
    splits: Sequence[int] = (),
    *,
    max_tags: int = 16,
    start_ps: int | None = None,
    reached_ps: int = 0,
) -> tuple[list[TagBlock], Disorder]:
    """Feed the times, cut at `splits`, with each tag's place in the stream as its channel."""
    sorter = TagSorter(bound_ps=BOUND_PS, max_tags=max_tags, start_ps=start_ps)
    blocks = []
    edges = [0, *sorted(min(split, len(times_ps)) for split in splits), len(times_ps)]
    for first, last in pairwise(edges):
        chunk = np.array(times_ps[first:last], np.int64)
        blocks += sorter.feed(chunk, np.arange(first, last, dtype=np.uint16))
    blocks += sorter.finish(reached_ps)
    return blocks, sorter.disorder


def values(blocks: Sequence[TagBlock]) -> list[tuple[list[int], list[int], int, int, TagFlags]]:
    return [
        (b.times_ps.tolist(), b.channels.tolist(), b.start_ps, b.stop_ps, b.flags) for b in blocks
    ]


def is_joined(blocks: Sequence[TagBlock]) -> bool:
    inside = all(
        b.start_ps <= b.times_ps[0] and b.times_ps[-1] < b.stop_ps for b in blocks if len(b)
    )
    steps = all(
        a.stop_ps == b.start_ps and b.sequence == a.sequence + 1 for a, b in pairwise(blocks)
    )
    return inside and steps and all(np.all(np.diff(b.times_ps) >= 0) for b in blocks)


@st.composite
def disordered_within_bound(draw: st.DrawFn) -> list[int]:
    """Each time at most BOUND_PS before the largest one in front of it."""
    moves = draw(st.lists(st.tuples(st.integers(0, 300), st.integers(0, BOUND_PS)), max_size=80))
    times_ps, newest_ps = [], 0
    for step_ps, back_ps in moves:
        newest_ps = max(newest_ps, newest_ps + step_ps)
        times_ps.append(max(0, newest_ps - back_ps))
        newest_ps = max(times_ps)
    return times_ps


def slow_disorder(times_ps: Sequence[int]) -> tuple[Disorder, list[int]]:
    """Return the disorder and the placed times, by the words of the docstring."""
    placed: list[int] = []
    latenesses = [0]
    for n, time_ps in enumerate(times_ps):
        lateness_ps = max(0, max(times_ps[:n], default=time_ps) - time_ps)
        latenesses.append(lateness_ps)
        placed.append(time_ps + max(0, lateness_ps - BOUND_PS))
    backward = sum(b < a for a, b in pairwise(times_ps))
    displaced = sum(one > BOUND_PS for one in latenesses)
    return Disorder(backward, max(latenesses), displaced), placed


@settings(deadline=None)
@given(disordered_within_bound(), st.lists(st.integers(0, 80)), st.integers(1, 20))
def test_disorder_within_the_bound_comes_out_as_one_stable_sort_for_any_chunking(
    times_ps: list[int], splits: list[int], max_tags: int
) -> None:
    blocks, disorder = sort(times_ps, splits, max_tags=max_tags)

    order = sorted(range(len(times_ps)), key=lambda n: times_ps[n])
    assert [int(c) for b in blocks for c in b.channels] == order
    assert [int(t) for b in blocks for t in b.times_ps] == sorted(times_ps)
    assert is_joined(blocks)
    assert disorder == slow_disorder(times_ps)[0]
    assert all(b.flags == TagFlags.NONE for b in blocks)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 5000), max_size=60),
    st.lists(st.integers(0, 60)),
    st.integers(1, 20),
)
def test_any_disorder_keeps_every_tag_and_does_not_depend_on_chunks(
    times_ps: list[int], splits: list[int], max_tags: int
) -> None:
    blocks, disorder = sort(times_ps, splits, max_tags=max_tags)

    expected, placed = slow_disorder(times_ps)
    assert disorder == expected
    assert [int(t) for b in blocks for t in b.times_ps] == sorted(placed)
    assert is_joined(blocks)
    moved = {n for n, time_ps in enumerate(times_ps) if placed[n] != time_ps}
    for block in blocks:
        has_moved = bool(moved & set(block.channels.tolist()))
        assert bool(block.flags & TagFlags.UNSORTED) == has_moved
    assert values(blocks) == values(sort(times_ps, max_tags=max_tags)[0])


@settings(deadline=None)
@given(st.lists(st.integers(0, 200), max_size=60), st.integers(1, 20))
def test_blocks_hold_the_most_tags_that_do_not_split_a_picosecond(
    times_ps: list[int], max_tags: int
) -> None:
    blocks, _ = sort(times_ps, max_tags=max_tags)

    for block, following in pairwise(blocks):
        assert len(block) <= max_tags or len(set(block.times_ps.tolist())) == 1
        same_time = int(np.count_nonzero(following.times_ps == following.times_ps[0]))
        assert len(block) + same_time > max_tags


def test_a_tag_too_late_is_moved_to_the_earliest_open_instant_and_its_block_is_flagged() -> None:
    blocks, disorder = sort([0, 10_000, 5_000, 20_000, 30_000], max_tags=2)

    assert [b.times_ps.tolist() for b in blocks] == [[0, 9_000], [10_000, 20_000], [30_000]]
    assert [b.flags for b in blocks] == [TagFlags.UNSORTED, TagFlags.NONE, TagFlags.NONE]
    assert disorder == Disorder(steps_backward=1, largest_ps=5_000, displaced=1)


def test_a_tag_exactly_at_the_bound_is_not_moved() -> None:
    blocks, disorder = sort([2_000, 1_000])

    assert blocks[0].times_ps.tolist() == [1_000, 2_000]
    assert disorder == Disorder(steps_backward=1, largest_ps=BOUND_PS, displaced=0)


def test_a_stream_is_covered_from_the_given_start_to_the_time_reached() -> None:
    blocks, _ = sort([500, 600], start_ps=0, reached_ps=9_000)

    assert [(b.start_ps, b.stop_ps) for b in blocks] == [(0, 9_000)]


def test_a_tag_before_the_given_start_is_moved_to_it_and_its_block_is_flagged() -> None:
    blocks, disorder = sort([600, 400, 300], start_ps=500)

    assert [b.times_ps.tolist() for b in blocks] == [[500, 500, 600]]
    assert blocks[0].start_ps == 500
    assert blocks[0].flags == TagFlags.UNSORTED
    assert disorder == Disorder(steps_backward=2, largest_ps=300, displaced=2)
    assert sort([400], start_ps=500)[0][0].times_ps.tolist() == [500]


def test_without_a_given_start_the_first_tag_begins_the_interval() -> None:
    blocks, _ = sort([500, 600])

    assert [(b.start_ps, b.stop_ps) for b in blocks] == [(500, 601)]


def test_a_stream_without_tags_still_covers_the_time_that_the_tagger_ran() -> None:
    blocks, _ = sort([], start_ps=0, reached_ps=9_000)

    assert [(len(b), b.start_ps, b.stop_ps) for b in blocks] == [(0, 0, 9_000)]


def test_a_stream_without_tags_or_times_has_no_blocks() -> None:
    assert sort([])[0] == []
    assert sort([], start_ps=0)[0] == []


def test_tags_that_a_later_one_may_precede_are_held_back() -> None:
    sorter = TagSorter(bound_ps=BOUND_PS, max_tags=1)

    given_out = sorter.feed(np.array([0, 100, 1_100, 1_200], np.int64), np.zeros(4, np.uint8))

    assert [b.times_ps.tolist() for b in given_out] == [[0]]
    assert sorter.unsettled == 2


@pytest.mark.parametrize(("bound_ps", "max_tags"), [(-1, 1), (0, 0), (0, -5)])
def test_impossible_sizes_are_refused(bound_ps: int, max_tags: int) -> None:
    with pytest.raises(ValueError, match=r"is negative|is not positive"):
        TagSorter(bound_ps=bound_ps, max_tags=max_tags)
