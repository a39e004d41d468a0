"""Frames are built here from the documented layout: header, columns, events of 16 bytes."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.swabian_timetagger import TimeTaggerDecoder
from drivers.swabian_timetagger.frames import (
    EVENT,
    Frame,
    frame_bytes,
    parse_frame,
    size_of,
)
from labctl.errors import ProtocolError
from labctl.tags import TagBlock, TagFlags

ERROR, BEGIN, END, MISSED = 1, 2, 3, 4
LOST = TagFlags.MISSED
OVERFLOW = TagFlags.OVERFLOW

Tag = tuple[int, int]
"""Time in ps and the library's channel."""

Parts = list[tuple[list[Tag], list[tuple[int, int, int, int]], int, bool]]
"""Per frame: tags counted from its start, events, length in ps, whether the buffer was full."""


@dataclass
class Written:
    """One frame in numbers."""

    start_ps: int
    stop_ps: int
    tags: Sequence[Tag] = ()
    #: Type, missed events, channel and time of each.
    events: Sequence[tuple[int, int, int, int]] = field(default=())
    is_full: bool = False

    def __bytes__(self) -> bytes:
        head = struct.pack(
            "<4sIIIqq",
            b"SWTT",
            len(self.tags),
            len(self.events),
            int(self.is_full),
            self.start_ps,
            self.stop_ps,
        )
        times = b"".join(struct.pack("<q", time) for time, _ in self.tags)
        channels = b"".join(struct.pack("b", channel) for _, channel in self.tags)
        rest = b"".join(struct.pack("<BBHiq", kind, 0, *event) for kind, *event in self.events)
        return head + times + channels + bytes(-len(self.tags) % 8) + rest


def decode(data: bytes, *cuts: int) -> list[TagBlock]:
    """Feed `data` cut at these places; blocks without sequence numbers."""
    decoder = TimeTaggerDecoder()
    edges = [0, *sorted(cuts), len(data)]
    blocks = []
    for begin, end in itertools.pairwise(edges):
        block = decoder.feed(data[begin:end])
        while block is not None:
            blocks.append(block)
            block = decoder.feed(b"")
    return blocks


def facts(blocks: Sequence[TagBlock]) -> list[object]:
    return [
        (b.start_ps, b.stop_ps, b.times_ps.tolist(), b.channels.tolist(), b.lost, b.flags)
        for b in blocks
    ]


def test_a_frame_is_a_block_and_both_edges_are_their_input() -> None:
    frame = Written(100, 500, [(100, 1), (250, -3), (250, 18)])
    (block,) = decode(bytes(frame))
    assert facts([block]) == [(100, 500, [100, 250, 250], [1, 3, 18], 0, TagFlags.NONE)]
    assert block.times_ps.dtype == np.int64
    assert block.channels.dtype == np.uint8


def test_a_frame_without_tags_says_that_none_occurred() -> None:
    frames = bytes(Written(0, 10)) + bytes(Written(10, 30))
    assert facts(decode(frames)) == [
        (0, 10, [], [], 0, TagFlags.NONE),
        (10, 30, [], [], 0, TagFlags.NONE),
    ]


def test_the_writer_writes_the_documented_layout() -> None:
    events = np.array([(BEGIN, 0, 0, 0, 7), (MISSED, 0, 65_535, -2, 9)], dtype=EVENT)
    frame = Frame(5, 10, np.array([6, 8]), np.array([1, -2], dtype=np.int8), events, is_full=True)
    written = Written(5, 10, [(6, 1), (8, -2)], [(BEGIN, 0, 0, 7), (MISSED, 65_535, -2, 9)], True)
    assert frame_bytes(frame) == bytes(written)
    assert size_of(bytes(written)) == len(bytes(written))
    assert frame_bytes(parse_frame(bytes(written))) == bytes(written)


def test_an_overflow_is_a_block_of_its_own_that_has_lost_what_was_missed() -> None:
    frame = Written(
        0, 100, [(10, 1), (20, 2), (90, 1)],
        [(BEGIN, 0, 0, 30), (MISSED, 65_535, 1, 79), (MISSED, 5, 2, 79), (END, 0, 0, 80)],
    )  # fmt: skip
    assert facts(decode(bytes(frame))) == [
        (0, 30, [10, 20], [1, 2], 0, TagFlags.NONE),
        (30, 80, [], [], 65_540, OVERFLOW | LOST),
        (80, 100, [90], [1], 0, TagFlags.NONE),
    ]


def test_an_overflow_may_last_over_frames_and_none_of_it_is_live() -> None:
    frames = (
        Written(0, 100, [(10, 1)], [(BEGIN, 0, 0, 40), (MISSED, 3, 1, 99)]),
        Written(100, 200, [], [(MISSED, 4, 1, 199)]),
        Written(200, 300),
        Written(300, 400, [(390, 1)], [(END, 0, 0, 350)]),
    )
    blocks = decode(b"".join(map(bytes, frames)))
    assert sum(block.live_ps for block in blocks) == 40 + 50
    assert sum(block.lost for block in blocks) == 7
    assert [block.is_lossless for block in blocks] == [True, False, False, False, False, True]
    assert all(a.stop_ps == b.start_ps for a, b in itertools.pairwise(blocks))


def test_after_a_full_buffer_the_rest_of_its_interval_is_flagged() -> None:
    frame = Written(0, 1000, [(10, 1), (400, 2)], is_full=True)
    assert facts(decode(bytes(frame))) == [
        (0, 401, [10, 400], [1, 2], 0, TagFlags.NONE),
        (401, 1000, [], [], 0, LOST),
    ]


def test_an_error_of_the_time_base_flags_its_frame_and_no_other() -> None:
    frames = bytes(Written(0, 10, [(5, 1)], [(ERROR, 0, 0, 3)])) + bytes(Written(10, 20))
    broken, whole = decode(frames)
    assert broken.flags == LOST | TagFlags.GAP
    assert whole.flags == TagFlags.NONE


def test_a_missing_frame_is_a_gap() -> None:
    frames = bytes(Written(0, 10, [(5, 1)])) + bytes(Written(50, 60, [(55, 1)]))
    before, after = decode(frames)
    assert before.is_lossless
    assert (after.start_ps, after.stop_ps, after.flags) == (10, 60, LOST | TagFlags.GAP)


def test_tags_out_of_order_are_sorted_and_flagged() -> None:
    (block,) = decode(bytes(Written(0, 100, [(50, 1), (20, 2), (70, 3)])))
    assert facts([block]) == [(0, 100, [20, 50, 70], [2, 1, 3], 0, TagFlags.UNSORTED)]


def test_tags_of_an_interval_already_delivered_are_lost_aloud() -> None:
    frames = bytes(Written(0, 100)) + bytes(Written(100, 200, [(90, 1), (150, 2)]))
    assert facts(decode(frames)[1:]) == [(100, 200, [150], [2], 1, LOST)]


def test_a_tag_at_the_end_of_the_interval_or_behind_it_is_kept() -> None:
    frames = bytes(Written(0, 100, [(100, 1)])) + bytes(Written(100, 200, [(150, 1)]))
    blocks = decode(frames)
    assert [block.times_ps.tolist() for block in blocks] == [[100], [150]]
    assert [(block.start_ps, block.stop_ps) for block in blocks] == [(0, 101), (101, 200)]


def test_time_that_goes_back_is_refused_with_the_reason() -> None:
    with pytest.raises(ProtocolError, match="went back from 100 to 50 ps") as caught:
        decode(bytes(Written(100, 50)))
    assert "107 days" in str(caught.value)


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_an_event_of_unknown_type_is_refused(kind: int) -> None:
    with pytest.raises(ProtocolError, match="type"):
        decode(bytes(Written(0, 10, [], [(kind, 0, 0, 5)])))


written_frames = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 1000), st.integers(-20, 20)), max_size=20),
        st.lists(
            st.tuples(
                st.integers(1, 4), st.integers(0, 9), st.integers(-20, 20), st.integers(0, 5000)
            ),
            max_size=4,
        ),
        st.integers(0, 1200),
        st.booleans(),
    ),
    max_size=5,
)


def stream_of(
    frames: Parts,
) -> bytes:
    data, at_ps = b"", 0
    for tags, events, length_ps, is_full in frames:
        shifted = [(at_ps + time, channel) for time, channel in tags]
        data += bytes(Written(at_ps, at_ps + length_ps, shifted, events, is_full))
        at_ps += length_ps
    return data


@given(written_frames, st.lists(st.integers(0, 2000), max_size=12))
def test_any_chunking_gives_the_same_blocks(
    frames: Parts,
    cuts: list[int],
) -> None:
    data = stream_of(frames)
    assert facts(decode(data, *(min(cut, len(data)) for cut in cuts))) == facts(decode(data))


@given(written_frames)
def test_blocks_are_sorted_and_join_and_no_tag_is_lost_in_silence(
    frames: Parts,
) -> None:
    blocks = decode(stream_of(frames))
    for block in blocks:
        assert np.all(np.diff(block.times_ps) >= 0)
        assert np.all((block.times_ps >= block.start_ps) & (block.times_ps < block.stop_ps))
    assert all(a.stop_ps == b.start_ps for a, b in itertools.pairwise(blocks))
    sent = sum(len(tags) for tags, *_ in frames)
    missed = sum(event[1] for _, events, *_ in frames for event in events if event[0] == MISSED)
    assert sum(len(block) + block.lost for block in blocks) == sent + missed


@given(st.binary(max_size=200), st.integers(0, 1))
def test_any_bytes_are_blocks_or_a_protocol_error(data: bytes, looks_like_a_frame: int) -> None:
    try:
        decode((b"SWTT" if looks_like_a_frame else b"") + data)
    except ProtocolError:
        return


@given(written_frames, st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_disturbed_frames_are_blocks_or_a_protocol_error(
    frames: Parts,
    place: int,
    noise: bytes,
) -> None:
    data = stream_of(frames)
    place = place % (len(data) + 1)
    try:
        decode(data[:place] + noise + data[place + len(noise) :])
    except ProtocolError:
        return
