from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.analysis import StreamMerger, merge
from labctl.tags import TagBlock, TagFlags


def block(
    times_ps: Sequence[int],
    start_ps: int,
    stop_ps: int,
    *,
    channel: int = 0,
    lost: int = 0,
    flags: TagFlags = TagFlags.NONE,
) -> TagBlock:
    times = np.array(times_ps, dtype=np.int64)
    channels = np.full(times.size, channel, dtype=np.uint8)
    return TagBlock(times, channels, start_ps, stop_ps, lost=lost, flags=flags)


def tags_in(blocks: Sequence[TagBlock]) -> list[tuple[int, int]]:
    return [
        (int(time), int(channel))
        for part in blocks
        for time, channel in zip(part.times_ps, part.channels, strict=True)
    ]


times = st.lists(st.integers(0, 99), max_size=20).map(sorted)
cuts = st.lists(st.integers(1, 99), max_size=5).map(lambda places: [0, *sorted(set(places)), 100])


@given(st.lists(st.tuples(times, cuts), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_blocks_in_any_order_give_what_merging_whole_arrays_gives(
    streams: list[tuple[list[int], list[int]]], random: object
) -> None:
    merger = StreamMerger(len(streams))
    waiting = {
        number: [
            block([t for t in times_ps if first <= t < last], first, last, channel=number)
            for first, last in itertools.pairwise(edges)
        ]
        for number, (times_ps, edges) in enumerate(streams)
    }
    taken: list[TagBlock] = []
    while left := [number for number, blocks in waiting.items() if blocks]:
        number = random.choice(left)  # type: ignore[attr-defined]  # a random.Random
        merger.update(number, waiting[number].pop(0))
        taken += merger.take()
    whole = merge(
        [(np.array(t, np.int64), np.full(len(t), n, np.uint8)) for n, (t, _) in enumerate(streams)]
    )
    assert tags_in(taken) == list(
        zip(whole.times_ps.tolist(), whole.channels.tolist(), strict=True)
    )
    assert (taken[0].start_ps, taken[-1].stop_ps) == (0, 100)
    assert all(a.stop_ps == b.start_ps for a, b in itertools.pairwise(taken))
    assert all(part.flags is TagFlags.NONE and part.lost == 0 for part in taken)


def test_the_merged_stream_begins_where_the_last_one_begins() -> None:
    merger = StreamMerger(2)
    merger.update(0, block([1, 5, 9], 0, 10))
    assert merger.take() == ()
    merger.update(1, block([6, 12], 4, 20, channel=1))
    (merged,) = merger.take()
    assert tags_in([merged]) == [(5, 0), (6, 1), (9, 0)]
    assert (merged.start_ps, merged.stop_ps) == (4, 10)


def test_what_one_stream_skips_is_missing_and_flagged_behind() -> None:
    merger = StreamMerger(2)
    for part in (block([1], 0, 10), block([31], 30, 40)):
        merger.update(0, part)
    merger.update(1, block([5, 15, 35], 0, 40, channel=1))
    before, behind = merger.take()
    assert (tags_in([before]), before.flags) == ([(1, 0), (5, 1)], TagFlags.NONE)
    assert (tags_in([behind]), behind.flags) == ([(31, 0), (35, 1)], TagFlags.GAP)
    assert (before.stop_ps, behind.start_ps) == (10, 30)


def test_a_loss_in_one_stream_is_a_loss_of_the_merged_one_counted_once() -> None:
    merger = StreamMerger(2)
    merger.update(0, block([1], 0, 40, lost=7, flags=TagFlags.OVERFLOW))
    for first in (0, 10, 20, 30):
        merger.update(1, block([first + 5], first, first + 10, channel=1))
    merger.update(0, block([45], 40, 50))
    merger.update(1, block([46], 40, 50, channel=1))
    merged = merger.take()
    assert [part.is_lossless for part in merged] == [False, False, False, False, True]
    assert sum(part.lost for part in merged) == 7
    assert sum(part.live_ps for part in merged) == 10


def test_a_gap_flag_stays_with_the_beginning_of_its_block() -> None:
    merger = StreamMerger(2)
    merger.update(0, block([1, 11], 0, 20, flags=TagFlags.GAP))
    for first in (0, 10):
        merger.update(1, block([], first, first + 10))
    assert [part.flags for part in merger.take()] == [TagFlags.GAP, TagFlags.NONE]


def test_wrong_streams_and_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="n_streams = 0"):
        StreamMerger(0)
    merger = StreamMerger(2)
    with pytest.raises(ValueError, match="stream = 2 is outside 0 to 1"):
        merger.update(2, block([], 0, 1))
    merger.update(0, block([], 0, 10))
    with pytest.raises(ValueError, match="begins at 5 ps, before the end"):
        merger.update(0, block([], 5, 20))
