"""quTAG files: what is read, what is left out, what is refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import RunFileError
from labctl.tags.block import TagFlags
from labctl.tags.formats.qutag import FORMAT
from labctl.tags.formats.source import Disorder

Writer = Callable[..., bytes]
TAGS = [(1_000, 1), (2_500, 5), (2_400, 2), (9_000, 0), (9_000, 20)]


@pytest.fixture
def recording(tmp_path: Path, qutag_bytes: Writer) -> Callable[..., Path]:
    def write(*args: object, suffix: str = ".qutag", tail: bytes = b"") -> Path:
        path = tmp_path / f"recording{suffix}"
        path.write_bytes(qutag_bytes(*args) + tail)
        return path

    return write


def test_tags_come_out_sorted_with_their_channels(recording: Callable[..., Path]) -> None:
    source = FORMAT.open(recording(TAGS))

    (block,) = source.blocks()

    assert block.times_ps.tolist() == [1_000, 2_400, 2_500, 9_000, 9_000]
    assert block.channels.tolist() == [1, 2, 5, 0, 20]
    assert (block.start_ps, block.stop_ps) == (1_000, 9_001)
    assert block.flags == TagFlags.NONE
    assert source.disorder == Disorder(steps_backward=1, largest_ps=100)
    assert source.warnings == ()


def test_the_source_says_what_it_is(recording: Callable[..., Path]) -> None:
    path = recording(TAGS, bytes(range(100, 140)))
    source = FORMAT.open(path)

    assert (source.path, source.format_name) == (path, "qutag")
    assert (source.resolution_ps, source.n_channels) == (1, 21)
    assert source.metadata == {"records": 5, "header": bytes(range(100, 140)).hex()}


def test_each_iteration_starts_from_the_beginning(recording: Callable[..., Path]) -> None:
    source = FORMAT.open(recording(TAGS))
    unfinished = source.blocks(max_tags=1)
    next(unfinished)

    first = [block.times_ps.tolist() for block in source.blocks()]
    second = [block.times_ps.tolist() for block in source.blocks()]

    assert first == second == [[1_000, 2_400, 2_500, 9_000, 9_000]]
    assert source.disorder.steps_backward == 1


def test_markers_are_left_out_counted_and_reported(recording: Callable[..., Path]) -> None:
    source = FORMAT.open(recording([(1, 100), (2, 1), (3, 104), (4, 203)]))

    (block,) = source.blocks()

    assert block.times_ps.tolist() == [2]
    assert source.metadata["markers_skipped"] == 3
    assert source.warnings == ("Markers left out, as they are not detections: 3.",)


def test_a_header_without_records_has_no_blocks(recording: Callable[..., Path]) -> None:
    assert list(FORMAT.open(recording([])).blocks()) == []


@settings(deadline=None)
@given(
    tags=st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 20)), max_size=60),
    chunk_records=st.integers(1, 70),
    max_tags=st.integers(1, 70),
)
def test_sorted_recordings_are_read_alike_in_any_chunks(
    tmp_path_factory: pytest.TempPathFactory,
    qutag_bytes: Writer,
    tags: list[tuple[int, int]],
    chunk_records: int,
    max_tags: int,
) -> None:
    tags = sorted(tags, key=lambda tag: tag[0])
    path = tmp_path_factory.getbasetemp() / "any_chunks.qutag"
    path.write_bytes(qutag_bytes(tags))
    source = FORMAT.open(path)
    source.chunk_records = chunk_records

    blocks = list(source.blocks(max_tags))

    read = [(int(t), int(c)) for b in blocks for t, c in zip(b.times_ps, b.channels, strict=True)]
    assert read == tags
    assert all(a.stop_ps == b.start_ps for a, b in pairwise(blocks))


def test_memory_stays_bounded_however_long_the_file_is(tmp_path: Path) -> None:
    # 2 M records are 20 MB; decoded, 18 MB. Chunks of 64 Ki need about 5 MB at a time.
    records = np.zeros(2_000_000, [("time_ps", "<i8"), ("channel", "<i2")])
    records["time_ps"] = np.arange(records.size) * 1_000
    path = tmp_path / "long.qutag"
    path.write_bytes(bytes(40) + records.tobytes())
    del records
    next(FORMAT.open(path).blocks())  # loads the kernels, which are no part of the reading

    tracemalloc.start()
    n_tags = sum(len(block) for block in FORMAT.open(path).blocks())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert n_tags == 2_000_000
    assert peak_bytes < 10_000_000


def test_a_moved_tag_is_flagged_and_reported(recording: Callable[..., Path]) -> None:
    source = FORMAT.open(recording([(0, 1), (5_000_000, 1), (1_000_000, 2)]))

    (block,) = source.blocks()

    assert block.times_ps.tolist() == [0, 4_000_000, 5_000_000]
    assert block.flags == TagFlags.UNSORTED
    (warning,) = source.warnings
    assert warning.startswith("Tags moved forward: 1. They lay more than 1 µs (up to 4000000 ps)")


def test_a_clock_reset_that_cannot_be_put_in_order_is_an_error(tmp_path: Path) -> None:
    records = np.zeros(1_200_000, [("time_ps", "<i8"), ("channel", "<i2")])
    records["time_ps"] = np.arange(records.size) * 1_000
    records["time_ps"][0] = 10**13
    path = tmp_path / "reset.qutag"
    path.write_bytes(bytes(40) + records.tobytes())

    with pytest.raises(RunFileError, match=r"backward by up to 10 s\. The clock was reset"):
        list(FORMAT.open(path).blocks())


@pytest.mark.parametrize("left_over", [1, 5, 9])
def test_a_cut_file_says_how_many_bytes_are_left_over(
    recording: Callable[..., Path], left_over: int
) -> None:
    path = recording(TAGS, tail=bytes(left_over))

    with pytest.raises(RunFileError, match=f"after 5 records .* {left_over} bytes are left over"):
        FORMAT.open(path)


def test_a_cut_header_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "short.qutag"
    path.write_bytes(bytes(39))

    with pytest.raises(RunFileError, match="39 bytes, less than the 40 of a quTAG header"):
        FORMAT.open(path)


@pytest.mark.parametrize("channel", [-1, 21, 99, 105, 204])
def test_a_channel_that_no_quTAG_has_is_an_error_with_its_record(  # noqa: N802 - a product's name
    recording: Callable[..., Path], channel: int
) -> None:
    source = FORMAT.open(recording([(1, 1), (2, 100), (3, channel)]))
    source.chunk_records = 2

    with pytest.raises(RunFileError, match=f"record 2 has the channel {channel}, which no quTAG"):
        list(source.blocks())


@pytest.mark.parametrize("time_ps", [-1, -(2**63), 2**63 - 1])
def test_a_time_that_no_quTAG_has_is_an_error_with_its_record(  # noqa: N802 - a product's name
    recording: Callable[..., Path], time_ps: int
) -> None:
    with pytest.raises(RunFileError, match=f"record 1 has the time {time_ps}"):
        list(FORMAT.open(recording([(1, 1), (time_ps, 2)])).blocks())


def test_a_file_that_shrinks_while_it_is_read_is_an_error(recording: Callable[..., Path]) -> None:
    path = recording(TAGS)
    source = FORMAT.open(path)
    path.write_bytes(path.read_bytes()[:-12])

    with pytest.raises(RunFileError, match="ends after record 3, but had 5 records"):
        list(source.blocks())


def test_a_file_that_vanishes_before_it_is_read_is_an_error(recording: Callable[..., Path]) -> None:
    path = recording(TAGS)
    source = FORMAT.open(path)
    path.unlink()

    with pytest.raises(RunFileError, match="cannot be read: No such file"):
        list(source.blocks())
    with pytest.raises(RunFileError, match="cannot be read: No such file"):
        FORMAT.open(path)


def test_a_number_of_tags_per_block_that_is_not_positive_is_refused(
    recording: Callable[..., Path],
) -> None:
    with pytest.raises(ValueError, match="max_tags = 0 is not positive"):
        FORMAT.open(recording(TAGS)).blocks(0)
