"""Words are built here from the documented layout: bits 31-5 time, 4 marker, 3-0 inputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.s15_tdc1 import Tdc1Decoder
from labctl.tags import TagBlock, TagFlags

PERIOD = 1 << 27
STEP_PS = 2000
MARKER = 0x10

Click = tuple[int, int]
"""Counter steps since power-up, and the inputs that clicked as bits 0 to 3."""


def word(step: int, low_bits: int) -> bytes:
    return (((step % PERIOD) << 5) | low_bits).to_bytes(4, "little")


def stream(clicks: Iterable[Click], *, with_markers: bool) -> bytes:
    """The bytes of a run: one word a step, and one marker at each rollover passed."""
    data, before = b"", None
    for step, inputs in clicks:
        if with_markers and before is not None:
            for _ in range(before // PERIOD, step // PERIOD):
                data += word(0, MARKER)
        data += word(step, inputs)
        before = step
    return data


def tags_of(clicks: Sequence[Click]) -> list[tuple[int, int]]:
    origin = clicks[0][0] // PERIOD * PERIOD if clicks else 0
    return [
        ((step - origin) * STEP_PS, channel)
        for step, inputs in clicks
        for channel in (1, 2, 3, 4)
        if inputs >> (channel - 1) & 1
    ]


def decode(chunks: Iterable[bytes]) -> list[TagBlock]:
    decoder = Tdc1Decoder()
    return [block for chunk in chunks if (block := decoder.feed(chunk)) is not None]


def tags_in(blocks: Iterable[TagBlock]) -> list[tuple[int, int]]:
    return [
        (int(time), int(channel))
        for block in blocks
        for time, channel in zip(block.times_ps, block.channels, strict=True)
    ]


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def clicks_with_gaps(largest_gap: int) -> st.SearchStrategy[list[Click]]:
    """Clicks in time order; gaps are as often tiny as they are nearly the largest.

    None is in the very step of a rollover: alone in its period, it would be ambiguous.
    """
    near = st.integers(1, 5)
    gaps = near | st.integers(1, largest_gap) | near.map(lambda n: largest_gap + 1 - n)
    return (
        st.tuples(
            st.integers(0, 3 * PERIOD),
            st.lists(st.tuples(gaps, st.integers(1, 15)), min_size=1, max_size=30),
        )
        .map(
            lambda run: list(
                zip(
                    itertools.accumulate((gap for gap, _ in run[1]), initial=run[0]),
                    [inputs for _, inputs in run[1]],
                    strict=False,
                )
            )
        )
        .filter(lambda clicks: all(step % PERIOD for step, _ in clicks))
    )


cuts = st.lists(st.integers(0, 1000), max_size=12)


@pytest.mark.parametrize(
    ("bits", "tags"),
    [
        (0b0001, [(2000, 1)]),
        (0b0010, [(2000, 2)]),
        (0b0100, [(2000, 3)]),
        (0b1000, [(2000, 4)]),
        (0b1011, [(2000, 1), (2000, 2), (2000, 4)]),
        (0b1111, [(2000, 1), (2000, 2), (2000, 3), (2000, 4)]),
        (MARKER, []),
        (MARKER | 0b1111, []),
    ],
)
def test_one_word_names_all_inputs_that_clicked(bits: int, tags: list[tuple[int, int]]) -> None:
    assert tags_in(decode([word(1, bits)])) == tags


def test_the_last_step_of_the_counter_is_not_beyond_it() -> None:
    assert tags_in(decode([b"\xe1\xff\xff\xff"])) == [((PERIOD - 1) * STEP_PS, 1)]


@given(clicks_with_gaps(4 * PERIOD), cuts)
def test_with_markers_any_gap_is_bridged_and_any_chunking_gives_the_same_tags(
    clicks: list[Click], places: list[int]
) -> None:
    blocks = decode(cut(stream(clicks, with_markers=True), places))
    assert tags_in(blocks) == tags_of(clicks)
    assert not any(block.flags or block.lost for block in blocks)


@given(clicks_with_gaps(PERIOD // 2 - 1), cuts)
def test_without_markers_gaps_up_to_half_a_period_are_bridged(
    clicks: list[Click], places: list[int]
) -> None:
    blocks = decode(cut(stream(clicks, with_markers=False), places))
    assert tags_in(blocks) == tags_of(clicks)
    assert not any(block.flags or block.lost for block in blocks)


@given(clicks_with_gaps(2 * PERIOD), cuts)
def test_blocks_join_and_hold_their_tags(clicks: list[Click], places: list[int]) -> None:
    blocks = decode(cut(stream(clicks, with_markers=True), places))
    for before, after in itertools.pairwise(blocks):
        assert after.start_ps == before.stop_ps
    for block in blocks:
        assert np.all((block.start_ps <= block.times_ps) & (block.times_ps < block.stop_ps))
    last_ps = tags_of(clicks)[-1][0]
    assert blocks[0].start_ps == tags_of(clicks)[0][0]
    assert blocks[-1].stop_ps == last_ps + STEP_PS


@pytest.mark.parametrize("markers", [1, 2, 5])
def test_markers_alone_carry_time_on_in_the_dark(markers: int) -> None:
    """Without a click in several periods, nothing but markers tells that time passes."""
    decoder = Tdc1Decoder()
    decoder.feed(word(7, 1))
    for n in range(1, markers + 1):
        block = decoder.feed(word(0, MARKER))
        assert block is not None
        assert (len(block), block.stop_ps) == (0, n * PERIOD * STEP_PS)
    block = decoder.feed(word(7, 1))
    assert block is not None
    assert tags_in([block]) == [((markers * PERIOD + 7) * STEP_PS, 1)]


def test_a_stream_that_begins_with_a_marker_begins_at_zero() -> None:
    assert tags_in(decode([word(0, MARKER) + word(7, 1)])) == [(7 * STEP_PS, 1)]


@pytest.mark.parametrize("order", [(MARKER, 2), (2, MARKER)])
def test_a_click_in_the_step_of_a_marker_is_kept(order: tuple[int, int]) -> None:
    """Which of the two is sent first is not documented."""
    data = word(PERIOD - 5, 1) + word(0, order[0]) + word(0, order[1]) + word(1, 1)
    assert tags_in(decode([data])) == [
        ((PERIOD - 5) * STEP_PS, 1),
        (PERIOD * STEP_PS, 2),
        ((PERIOD + 1) * STEP_PS, 1),
    ]


def test_a_backward_step_is_put_in_order_and_flagged() -> None:
    (block,) = decode([word(100, 1) + word(50, 2) + word(200, 1)])
    assert tags_in([block]) == [(50 * STEP_PS, 2), (100 * STEP_PS, 1), (200 * STEP_PS, 1)]
    assert block.flags == TagFlags.UNSORTED
    assert block.is_lossless


def test_a_tag_that_comes_after_its_block_is_counted_as_lost() -> None:
    first, second = decode([word(100, 1), word(50, 0b11) + word(200, 1)])
    assert first.is_lossless
    assert tags_in([second]) == [(200 * STEP_PS, 1)]
    assert second.lost == 2
    assert second.flags == TagFlags.UNSORTED | TagFlags.MISSED
    assert second.start_ps == first.stop_ps


def test_a_step_back_by_more_than_half_a_period_is_a_rollover() -> None:
    far, near = PERIOD // 2 + 2, 1
    assert tags_in(decode([word(far, 1) + word(near, 1)])) == [
        (far * STEP_PS, 1),
        ((PERIOD + near) * STEP_PS, 1),
    ]


@given(st.lists(st.integers(0, 1 << 32).map(lambda n: n % (1 << 32)), max_size=60), cuts)
def test_any_words_give_sorted_joined_blocks_and_every_click_is_kept_or_counted(
    words: list[int], places: list[int]
) -> None:
    data = b"".join(number.to_bytes(4, "little") for number in words)
    blocks = decode(cut(data, places))
    tags = slow_tags(words)
    # Of a click that comes twice out of order in one piece, one is kept.
    assert len(set(tags)) <= sum(len(block) + block.lost for block in blocks) <= len(tags)
    for before, after in itertools.pairwise(blocks):
        assert after.start_ps == before.stop_ps
    for block in blocks:
        assert np.all(np.diff(block.times_ps) >= 0)
        assert np.all((block.start_ps <= block.times_ps) & (block.times_ps < block.stop_ps))
        assert np.all((block.channels >= 1) & (block.channels <= 4))
        assert bool(block.flags & TagFlags.MISSED) == (block.lost > 0)


def slow_tags(words: Sequence[int]) -> list[tuple[int, int]]:
    """Read word after word by the words of the decoder's docstring; tags in stream order."""
    tags, periods, before = [], 0, 0
    for number in words:
        drop = (before >> 5) - (number >> 5)
        if number & MARKER:
            periods += drop > 0 or (drop == 0 and before & MARKER != 0)
        else:
            periods += drop > PERIOD // 2
            time_ps = (periods * PERIOD + (number >> 5)) * STEP_PS
            tags += [(time_ps, bit + 1) for bit in range(4) if number >> bit & 1]
        before = number
    return tags


@given(st.lists(st.integers(0, (1 << 32) - 1), max_size=300))
def test_any_words_are_read_as_one_after_the_other(words: list[int]) -> None:
    data = b"".join(number.to_bytes(4, "little") for number in words)
    tags = slow_tags(words)
    times_ps = [time_ps for time_ps, _ in tags]
    expected = tags if times_ps == sorted(times_ps) else sorted(set(tags))
    assert tags_in(decode([data])) == expected


def test_a_packet_that_comes_twice_at_once_is_kept_once_and_flagged() -> None:
    packet = word(100, 1) + word(150, 0b1010) + word(200, 1)
    (block,) = decode([packet + packet])
    assert tags_in([block]) == [
        (100 * STEP_PS, 1), (150 * STEP_PS, 2), (150 * STEP_PS, 4), (200 * STEP_PS, 1),
    ]  # fmt: skip
    assert block.flags == TagFlags.UNSORTED


@pytest.mark.parametrize("size", [1_001, 40_000])
@pytest.mark.parametrize("share", [0.0, 0.002, 0.1])
def test_long_streams_are_read_as_one_word_after_the_other(share: float, size: int) -> None:
    rng = np.random.default_rng(23)
    steps = PERIOD // 2 + np.cumsum(np.where(rng.random(10_000) < share, PERIOD // 3, 500))
    inputs = np.where(rng.random(10_000) < share, rng.integers(0, 32, 10_000), 1)
    words = (steps % PERIOD << 5 | inputs).tolist()
    data = b"".join(number.to_bytes(4, "little") for number in words)
    blocks = decode(data[first : first + size] for first in range(0, len(data), size))
    assert tags_in(blocks) == slow_tags(words)


@given(st.lists(st.binary(max_size=30)))
def test_any_bytes_are_decoded_without_a_foreign_error(chunks: list[bytes]) -> None:
    blocks = decode(chunks)
    assert bool(blocks) == (sum(map(len, chunks)) >= 4)


def test_two_decoders_know_nothing_of_each_other() -> None:
    first = Tdc1Decoder()
    first.feed(word(100, 1) + b"\x01")
    assert tags_in(decode([word(5, 1)])) == [(5 * STEP_PS, 1)]
