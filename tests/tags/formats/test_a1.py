"""a1 files: times, patterns, dummies and rollovers, against a slow reading of the same words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import RunFileError
from labctl.tags.block import TagBlock, TagFlags
from labctl.tags.formats import open_tags
from labctl.tags.formats.a1 import FORMAT

Writer = Callable[..., bytes]
Event = tuple[int, int]
"""Time in 1/256 ns since some origin, and the five lowest bits of the word."""

PERIOD = 2**54
DUMMY = 16
HOUR = 3_600 * 10**9 * 256
MICROSECOND = 256_000


@pytest.fixture
def recording(tmp_path: Path, a1_bytes: Writer) -> Callable[..., Path]:
    def write(events: Sequence[Event], name: str = "recording.a1", **options: bool) -> Path:
        path = tmp_path / name
        path.write_bytes(a1_bytes(events, **options))
        return path

    return write


def picoseconds(units: int) -> int:
    """1/256 ns are 125/32 ps; halves are rounded upward."""
    return (units * 250 + 32) // 64


def slow_tags(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Return the tags in the order of the file: each as near as can be to the latest before."""
    held = [(units % PERIOD, low) for units, low in events if low & 31]
    tags, newest = [], held[0][0] if held else 0
    for units, low in held:
        time = units + PERIOD * round((newest - units) / PERIOD)
        newest = max(newest, time)
        if not low & DUMMY:
            tags += [(picoseconds(time), bit + 1) for bit in range(4) if low >> bit & 1]
    return tags


def in_blocks(blocks: Sequence[TagBlock]) -> list[tuple[int, int]]:
    return [
        (int(time_ps), int(channel))
        for block in blocks
        for time_ps, channel in zip(block.times_ps, block.channels, strict=True)
    ]


def read(path: Path, chunk_records: int = 65_536, max_tags: int = 65_536) -> list[TagBlock]:
    source = FORMAT.open(path)
    source.chunk_records = chunk_records
    return list(source.blocks(max_tags))


@st.composite
def recordings(draw: st.DrawFn, longest_gap: int = HOUR) -> list[Event]:
    """Events in time order; gaps are as often tiny as they are nearly the largest."""
    near = st.integers(0, 5)
    gaps = near | st.integers(0, longest_gap) | near.map(lambda n: longest_gap - n)
    steps = draw(st.lists(st.tuples(gaps, st.integers(1, 31)), min_size=1, max_size=40))
    start = draw(st.integers(0, PERIOD - 1))
    times = accumulate((gap for gap, _ in steps), initial=start)
    return [(units, low) for units, (_, low) in zip(times, steps, strict=False)]


@settings(deadline=None)
@given(
    events=recordings(),
    exchanged=st.booleans(),
    chunk_records=st.integers(1, 50),
    max_tags=st.integers(1, 50),
)
def test_any_chunks_and_either_word_order_give_the_tags_that_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    a1_bytes: Writer,
    events: list[Event],
    *,
    exchanged: bool,
    chunk_records: int,
    max_tags: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / ("any.a1x" if exchanged else "any.a1")
    path.write_bytes(a1_bytes(events, exchanged=exchanged))

    blocks = read(path, chunk_records, max_tags)

    start = events[0][0] - events[0][0] % PERIOD
    assert in_blocks(blocks) == slow_tags(events)
    assert in_blocks(blocks) == [
        (picoseconds(units - start), bit + 1)
        for units, low in events
        for bit in range(4)
        if low < DUMMY and low >> bit & 1
    ]
    assert all(a.stop_ps == b.start_ps for a, b in pairwise(blocks))
    assert all(b.start_ps <= t < b.stop_ps for b in blocks for t in b.times_ps.tolist())
    assert not any(block.flags for block in blocks)


@pytest.mark.parametrize("chunk_records", [1_000, 4_096, 65_536])
def test_long_files_with_everything_in_them_are_read_as_the_slow_reading_does(
    recording: Callable[..., Path], chunk_records: int
) -> None:
    # Hours pass between some events, so that near and far ones share a batch.
    rng = np.random.default_rng(5)
    gaps = np.where(rng.random(5_000) < 0.01, rng.integers(0, HOUR, 5_000), 50_000)
    times = rng.integers(0, PERIOD) + np.cumsum(gaps) - rng.integers(0, 10_000, 5_000)
    events = list(zip(times.tolist(), rng.integers(0, 32, 5_000).tolist(), strict=True))
    path = recording(events)

    blocks = read(path, chunk_records)

    assert in_blocks(blocks) == sorted(slow_tags(events), key=lambda tag: tag[0])
    assert len(in_blocks(blocks)) > 4_000


@pytest.mark.parametrize("low", range(32))
def test_a_pattern_is_one_tag_per_input_and_a_dummy_is_none(
    recording: Callable[..., Path], low: int
) -> None:
    blocks = read(recording([(256_000, DUMMY), (512_000, low | 0x3E0 & ~31)]))

    named = [n + 1 for n in range(4) if low & 1 << n and low < DUMMY]
    assert in_blocks(blocks) == [(2_000_000, channel) for channel in named]


def test_bits_that_vary_with_the_counter_do_not_matter(recording: Callable[..., Path]) -> None:
    assert in_blocks(read(recording([(512, 0x321), (1024, 0x3E2)]))) == [(2_000, 1), (4_000, 2)]


@pytest.mark.parametrize(
    ("units", "time_ps"), [(0, 0), (1, 4), (4, 16), (16, 63), (48, 188), (512, 2_000)]
)
def test_times_are_rounded_to_picoseconds_half_upward(
    recording: Callable[..., Path], units: int, time_ps: int
) -> None:
    assert in_blocks(read(recording([(units, 1)]))) == [(time_ps, 1)]


@pytest.mark.parametrize(
    ("units", "resolution_ps"), [(512, 2_000), (1_024, 2_000), (32, 125), (256, 125), (1, None)]
)
def test_the_resolution_is_that_of_the_counter_that_the_times_fit(
    recording: Callable[..., Path], units: int, resolution_ps: int | None
) -> None:
    source = FORMAT.open(recording([(n * units, 1) for n in range(8)]))

    assert source.resolution_ps == resolution_ps
    assert FORMAT.open(recording([(n * units, 1) for n in range(7)])).resolution_ps is None


def test_times_off_the_grid_of_the_first_ones_are_reported(recording: Callable[..., Path]) -> None:
    source = FORMAT.open(recording([*((n * 512, 1) for n in range(65_536)), (65_536 * 512 + 3, 1)]))

    assert sum(len(block) for block in source.blocks()) == 65_537
    assert source.resolution_ps == 2_000
    (warning,) = source.warnings
    assert warning.startswith("Times that are no multiple of 2000 ps, as the first ones are: 1;")


def test_the_source_says_what_it_is_and_what_it_passed_over(
    recording: Callable[..., Path],
) -> None:
    path = recording([*((n * 1_000_001, 1) for n in range(20)), (20_500_000, DUMMY), (0, 0)])
    source = open_tags(path)

    assert sum(len(block) for block in source.blocks()) == 20
    assert (source.path, source.format_name) == (path, "a1")
    assert (source.resolution_ps, source.n_channels) == (None, 5)
    assert source.metadata == {
        "records": 22,
        "word_order": "low half first",
        "dummies": 1,
        "records_empty": 1,
        "times_off_grid": 0,
    }
    assert source.warnings == ()


def test_the_interval_runs_from_the_first_to_the_last_event_dummies_included(
    recording: Callable[..., Path],
) -> None:
    (block,) = read(recording([(512, DUMMY), (5_120, 2), (51_200, DUMMY)]))

    assert (block.start_ps, block.stop_ps) == (2_000, 200_000)
    assert in_blocks([block]) == [(20_000, 2)]


def test_a_dark_recording_is_one_empty_block(recording: Callable[..., Path]) -> None:
    (block,) = read(recording([(512, DUMMY), (51_200, DUMMY)]))

    assert (len(block), block.start_ps, block.stop_ps) == (0, 2_000, 200_000)


def test_an_empty_word_does_not_carry_time(recording: Callable[..., Path]) -> None:
    events = [(n * 10**6, 1) for n in range(300)]
    times = [tag for tag, _ in in_blocks(read(recording([*events[:150], (0, 0), *events[150:]])))]

    assert times == [picoseconds(units) for units, _ in events]


def test_a_late_tag_from_before_a_rollover_is_put_in_order(recording: Callable[..., Path]) -> None:
    late = [(PERIOD - 64, 1), (PERIOD + 32, 2), (PERIOD - 32, 4), (PERIOD + 64, 8)]

    assert [channel for _, channel in in_blocks(read(recording(late)))] == [1, 3, 2, 4]


def test_a_recording_that_begins_with_a_late_tag_at_a_rollover_has_no_negative_times(
    recording: Callable[..., Path],
) -> None:
    (block,) = read(recording([(PERIOD + 32, 2), (PERIOD - 32, 4), (PERIOD + 64, 8)]))

    zero_ps = picoseconds(PERIOD)
    assert in_blocks([block]) == [(zero_ps - 125, 3), (zero_ps + 125, 2), (zero_ps + 250, 4)]
    assert block.start_ps == zero_ps - 125


@pytest.mark.parametrize("bit", [46, 53])
def test_a_damaged_time_does_not_shift_the_times_after_it(
    recording: Callable[..., Path], bit: int
) -> None:
    """Bit 46 is set in all times; bit 53 is half of the period, and taken as a step back."""
    events = [(2**46 + n * MICROSECOND, 1) for n in range(1_000)]
    damaged = [(units ^ 1 << bit if n == 500 else units, 1) for n, (units, _) in enumerate(events)]
    source = FORMAT.open(recording(damaged))

    times = [time_ps for time_ps, _ in in_blocks(list(source.blocks()))]

    expected = [picoseconds(units) for units, _ in events]
    # It is moved to 1 µs before the newest tag, onto the one before that.
    assert times == sorted([*expected[:500], expected[498], *expected[501:]])
    assert source.disorder.displaced == 1


def test_a_moved_tag_is_flagged(recording: Callable[..., Path]) -> None:
    source = FORMAT.open(
        recording([*((n * MICROSECOND, 1) for n in range(200)), (100 * MICROSECOND, 2)])
    )

    assert [block.flags for block in source.blocks()] == [TagFlags.UNSORTED]
    assert source.warnings[0].startswith("Tags moved forward: 1. They lay more than 1 µs")


def test_times_beyond_int64_are_an_error_with_their_event(tmp_path: Path) -> None:
    # 106.75 days are 262.2 steps of nearly half a period, 9.77 h.
    times = np.arange(65_536 + 300, dtype=np.uint64) * np.uint64(1_000)
    times[65_536:] += np.arange(1, 301, dtype=np.uint64) * np.uint64(2**53 - 2_000)
    path = tmp_path / "long.a1"
    path.write_bytes(((times % np.uint64(PERIOD)) << np.uint64(10) | np.uint64(1)).tobytes())

    with pytest.raises(RunFileError, match=r"time of event 65798 is beyond the 106 days"):
        read(path)
