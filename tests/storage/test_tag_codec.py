from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.storage.tag_codec import TagEncoder, decode, split
from labctl.tags.block import Channels, TagBlock, TagFlags

INT64 = st.integers(-(2**63), 2**63 - 1)
TAGS = st.lists(st.tuples(INT64, st.integers(0, 254)), max_size=40)


@given(tags=TAGS, previous_ps=INT64, wide=st.booleans())
def test_any_tags_come_back_in_any_order_of_time(
    tags: list[tuple[int, int]], previous_ps: int, *, wide: bool
) -> None:
    times = np.array([time for time, _ in tags], np.int64)
    numbers = [channel for _, channel in tags]
    channels: Channels = np.array(numbers, np.uint16) if wide else np.array(numbers, np.uint8)
    rows = TagEncoder(channels.dtype).encode(times, channels, previous_ps)
    decoded_times, decoded_channels = decode(rows.delta, rows.channel, previous_ps)
    np.testing.assert_array_equal(decoded_times, times)
    np.testing.assert_array_equal(decoded_channels, channels)


def test_a_gap_below_two_to_the_32_ps_needs_no_escape() -> None:
    times = np.array([0, 2**32 - 1], np.int64)
    rows = TagEncoder(np.dtype(np.uint8)).encode(times, np.array([1, 2], np.uint8), 0)
    assert rows.delta.tolist() == [0, 2**32 - 1]
    assert rows.channel.tolist() == [1, 2]


def test_a_gap_of_two_to_the_32_ps_costs_one_escape_row() -> None:
    times = np.array([0, 3 * 2**32 + 5], np.int64)
    rows = TagEncoder(np.dtype(np.uint8)).encode(times, np.array([1, 2], np.uint8), 0)
    assert rows.delta.tolist() == [0, 3, 5]
    assert rows.channel.tolist() == [1, 255, 2]


def test_the_escape_of_wide_channels_is_65535() -> None:
    rows = TagEncoder(np.dtype(np.uint16)).encode(np.array([2**32]), np.array([300], np.uint16), 0)
    assert rows.channel.tolist() == [65535, 300]


@given(
    times=st.lists(st.integers(0, 30), max_size=60).map(sorted),
    max_tags=st.integers(1, 10),
    lost=st.integers(0, 3),
)
def test_parts_of_a_block_are_joined_and_hold_its_tags(
    times: list[int], max_tags: int, lost: int
) -> None:
    flags = TagFlags.OVERFLOW | TagFlags.GAP if lost else TagFlags.GAP
    channels = np.arange(len(times)).astype(np.uint8)
    block = TagBlock(np.array(times, np.int64), channels, -5, 40, 3, lost, flags)
    parts = list(split(block, max_tags))
    assert [time for part in parts for time in part.times_ps] == times
    assert [number for part in parts for number in part.channels] == channels.tolist()
    assert [part.start_ps for part in parts] == [-5, *(part.stop_ps for part in parts[:-1])]
    assert parts[-1].stop_ps == 40
    assert sum(part.lost for part in parts) == lost
    assert sum(part.live_ps for part in parts) == block.live_ps
    for part in parts:
        assert len(part) <= max_tags or len(set(part.times_ps.tolist())) == 1
        assert all(part.start_ps <= time < part.stop_ps for time in part.times_ps)
        assert bool(part.flags & TagFlags.GAP) == (part is parts[0])


def test_four_million_tags_of_one_time_are_refused() -> None:
    n_tags = 4 * 1024 * 1024 + 1
    block = TagBlock(np.zeros(n_tags, np.int64), np.zeros(n_tags, np.uint8), 0, 1)
    with pytest.raises(ValueError, match="same time 0 ps"):
        list(split(block, 65_536))
