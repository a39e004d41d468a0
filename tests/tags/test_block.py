from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.tags import TagBlock, TagFlags, split

MakeBlock = Callable[..., TagBlock]

sorted_times = st.lists(st.integers(0, 200), max_size=60).map(sorted)


def make(times_ps: list[int], *, flags: TagFlags = TagFlags.NONE, lost: int = 0) -> TagBlock:
    """A block that covers 0 to 300 ps; each tag's channel is its number, so tags are distinct."""
    channels = np.arange(len(times_ps), dtype=np.uint8)
    return TagBlock(np.array(times_ps, np.int64), channels, 0, 300, 5, lost, flags)


def test_a_block_cannot_be_changed(block: MakeBlock) -> None:
    tags = block([1, 2, 3])
    with pytest.raises(ValueError, match="read-only"):
        tags.times_ps[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        tags.channels[0] = 0


def test_times_and_channels_must_match() -> None:
    with pytest.raises(ValueError, match="2 times and 1 channels do not match"):
        TagBlock(np.zeros(2, np.int64), np.zeros(1, np.uint8), 0, 1)


def test_a_block_cannot_end_before_it_begins(block: MakeBlock) -> None:
    with pytest.raises(ValueError, match="stop 9 ps lies before start 10 ps"):
        block([], start_ps=10, stop_ps=9)


@pytest.mark.parametrize(
    ("lost", "flags", "live_ps"),
    [
        (0, TagFlags.NONE, 300),
        (0, TagFlags.GAP, 300),
        (0, TagFlags.UNSORTED, 300),
        (1, TagFlags.NONE, 0),
        (0, TagFlags.OVERFLOW, 0),
        (0, TagFlags.MISSED | TagFlags.UNSORTED, 0),
    ],
)
def test_only_an_interval_without_loss_counts_as_observed(
    lost: int, flags: TagFlags, live_ps: int
) -> None:
    tags = make([1, 2], lost=lost, flags=flags)
    assert (tags.live_ps, tags.is_lossless) == (live_ps, live_ps > 0)


@given(sorted_times, st.integers(-50, 350), st.integers(-50, 350))
def test_the_part_between_two_times_is_half_open(times: list[int], start: int, stop: int) -> None:
    part = make(times).between(start, stop)
    expected = [t for t in times if start <= t < stop]
    assert part.times_ps.tolist() == expected
    assert part.channels.tolist() == [n for n, t in enumerate(times) if start <= t < stop]
    assert 0 <= part.start_ps <= part.stop_ps
    assert part.stop_ps - part.start_ps == max(0, min(300, stop) - max(0, start))


@given(sorted_times, st.integers(0, 300))
def test_two_parts_that_join_are_the_whole(times: list[int], middle: int) -> None:
    whole = make(times)
    before, after = whole.between(0, middle), whole.between(middle, 300)
    assert [*before.channels, *after.channels] == [*whole.channels]
    assert before.live_ps + after.live_ps == whole.live_ps


@given(
    st.lists(st.integers(-20, 320), max_size=6).map(sorted), st.integers(0, 9), st.integers(0, 300)
)
def test_parts_tell_a_loss_and_a_gap_once(cuts: list[int], lost: int, width_ps: int) -> None:
    flags = TagFlags.GAP | TagFlags.UNSORTED
    none = np.empty(0, np.int64)
    whole = TagBlock(none, none.astype(np.uint8), 0, width_ps, 5, lost, flags)
    edges = [-30, *cuts, 330]
    parts = [whole.between(a, b) for a, b in itertools.pairwise(edges)]
    assert sum(part.lost for part in parts) == lost
    assert sum(bool(part.flags & TagFlags.GAP) for part in parts) == 1
    assert all(part.flags & TagFlags.UNSORTED for part in parts)
    # No part of a stretch with losses has live time, wherever the lost tags would have been.
    assert sum(part.live_ps for part in parts) == (0 if lost else width_ps)


def test_the_whole_interval_is_the_block_itself(block: MakeBlock) -> None:
    tags = block([5, 6])
    assert tags.between(-100, 100) is tags


@given(sorted_times, st.integers(1, 20))
def test_pieces_join_and_together_are_the_block(times: list[int], max_tags: int) -> None:
    whole = make(times)
    pieces = list(split(whole, max_tags))
    assert [c for piece in pieces for c in piece.channels] == [*whole.channels]
    assert [t for piece in pieces for t in piece.times_ps] == times
    edges = [0, *(piece.stop_ps for piece in pieces)]
    assert [piece.start_ps for piece in pieces] == edges[:-1]
    assert edges[-1] == 300
    for piece in pieces:
        assert all(piece.start_ps <= t < piece.stop_ps for t in piece.times_ps)


@given(sorted_times, st.integers(1, 20))
def test_a_piece_is_larger_than_asked_only_by_tags_of_equal_time(
    times: list[int], max_tags: int
) -> None:
    for piece in split(make(times), max_tags):
        if len(piece) > max_tags:
            assert len(set(piece.times_ps.tolist())) == 1
        assert len(piece) or len(times) == 0


@given(sorted_times, st.integers(1, 20), st.integers(0, 9))
def test_a_loss_is_told_once_and_no_piece_of_it_counts_as_observed(
    times: list[int], max_tags: int, lost: int
) -> None:
    flags = TagFlags.MISSED if lost else TagFlags.NONE
    pieces = list(split(make(times, lost=lost, flags=flags), max_tags))
    assert sum(piece.lost for piece in pieces) == lost
    assert sum(piece.live_ps for piece in pieces) == (0 if lost else 300)
