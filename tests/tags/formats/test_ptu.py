"""PTU files: every T2 layout, against the written tags and against ptufile."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import ptufile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.tags.formats.ptu import FORMAT
from labctl.tags.formats.ptu_records import resolution_from_s, ticks_to_ps

Writer = Callable[..., bytes]
Words = Callable[[int, list[tuple[int, int]]], list[int]]

PICOHARP, HYDRAHARP_V1, HYDRAHARP_V2 = 0x00010203, 0x00010204, 0x01010204
KINDS = [PICOHARP, HYDRAHARP_V1, HYDRAHARP_V2, 0x00010205, 0x00010206, 0x00010207]
ALL_KINDS = pytest.mark.parametrize("kind", KINDS, ids=hex)
#: Overflow periods of apx_tttrrecords.html.
PERIODS = dict.fromkeys(KINDS, 33_554_432) | {PICOHARP: 210_698_240, HYDRAHARP_V1: 33_552_000}


@pytest.fixture
def recording(tmp_path: Path, ptu_bytes: Writer) -> Callable[..., Path]:
    def write(words: list[int], **header: object) -> Path:
        path = tmp_path / "recording.ptu"
        path.write_bytes(ptu_bytes(words, **header))
        return path

    return write


def read(path: Path, chunk_records: int = 65_536) -> list[tuple[int, int]]:
    source = FORMAT.open(path)
    source.chunk_records = chunk_records
    return [
        (int(time_ps), int(channel))
        for block in source.blocks()
        for time_ps, channel in zip(block.times_ps, block.channels, strict=True)
    ]


@ALL_KINDS
def test_tags_of_every_channel_and_many_overflows_are_read(
    recording: Callable[..., Path], t2_words: Words, kind: int
) -> None:
    period = PERIODS[kind]
    tags = [(0, 0), (period - 1, 1), (period, 2), (3 * period, 4), (40 * period + 7, 0)]

    path = recording(t2_words(kind, tags), kind=kind, resolution_s=4e-12)

    assert read(path) == [(4 * ticks, channel) for ticks, channel in tags]


@ALL_KINDS
def test_ptufile_reads_the_same_tags_from_the_same_file(
    recording: Callable[..., Path], t2_words: Words, kind: int
) -> None:
    # ptufile gives the sync of T2 the same channel as input 1, so only inputs are compared.
    rng = np.random.default_rng(1)
    ticks = np.cumsum(rng.integers(0, 10**8, 500))
    channels = rng.integers(1, 5, ticks.size)
    words = t2_words(kind, list(zip(ticks.tolist(), channels.tolist(), strict=True)))
    path = recording(words, kind=kind)

    with ptufile.PtuFile(path) as reference:
        records = reference.decode_records()
    records = records[records["channel"] >= 0]
    first = 0 if kind == PICOHARP else 1
    expected = [(int(one["time"]), int(one["channel"]) + first) for one in records]

    assert read(path) == expected
    assert len(expected) == 500


@settings(deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    gaps=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 4)), max_size=40),
    chunk_records=st.integers(1, 60),
)
def test_any_chunk_size_gives_the_tags_that_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    ptu_bytes: Writer,
    t2_words: Words,
    kind: int,
    gaps: list[tuple[int, int]],
    chunk_records: int,
) -> None:
    ticks = np.cumsum([gap for gap, _ in gaps], dtype=np.int64).tolist()
    tags = [(time, channel) for time, (_, channel) in zip(ticks, gaps, strict=True)]
    path = tmp_path_factory.getbasetemp() / "any_chunks.ptu"
    path.write_bytes(ptu_bytes(t2_words(kind, tags), kind=kind))

    assert read(path, chunk_records) == tags


@pytest.mark.parametrize(
    ("kind", "highest"), [(PICOHARP, 4), (HYDRAHARP_V1, 64), (HYDRAHARP_V2, 64)]
)
def test_the_highest_channel_lies_below_the_number_of_channels(
    recording: Callable[..., Path], t2_words: Words, kind: int, highest: int
) -> None:
    path = recording(t2_words(kind, [(5, highest)]), kind=kind)

    assert read(path) == [(5, highest)]
    assert FORMAT.open(path).n_channels == highest + 1


def test_an_overflow_without_count_means_one(recording: Callable[..., Path]) -> None:
    assert read(recording([0xFE000000, 0x00000003])) == [(33_554_435, 1)]


def test_hydraharp_v1_ignores_the_count_of_an_overflow(recording: Callable[..., Path]) -> None:
    assert read(recording([0xFE000009, 0x00000003], kind=HYDRAHARP_V1)) == [(33_552_003, 1)]


def test_markers_are_left_out_counted_and_reported(recording: Callable[..., Path]) -> None:
    markers = [0x80000000 | code << 25 | 77 for code in (1, 2, 15)]
    source = FORMAT.open(recording([*markers, 100]))

    (block,) = source.blocks()

    assert block.times_ps.tolist() == [100]
    assert source.metadata["markers_skipped"] == 3
    assert source.warnings == ("Markers left out, as they are not detections: 3.",)


def test_picoharp_markers_are_told_from_overflows_by_four_bits(
    recording: Callable[..., Path],
) -> None:
    markers = [0xF0000011, 0xF0000012, 0xF0000014, 0xF0000018]
    source = FORMAT.open(recording([0xF0000010, *markers, 0x10000001], kind=PICOHARP))

    (block,) = source.blocks()

    assert block.times_ps.tolist() == [210_698_241]
    assert source.metadata["markers_skipped"] == 4


@pytest.mark.parametrize(
    ("kind", "word"),
    [(PICOHARP, 5 << 28), (PICOHARP, 14 << 28), (HYDRAHARP_V2, 0xA0000000)],
)
def test_records_of_an_undefined_kind_are_left_out_counted_and_reported(
    recording: Callable[..., Path], kind: int, word: int
) -> None:
    source = FORMAT.open(recording([word, 100], kind=kind))

    assert sum(len(block) for block in source.blocks()) == 1
    assert source.metadata["records_unknown"] == 1
    assert "Records of no documented kind left out: 1;" in source.warnings[0]


def test_the_interval_runs_from_the_start_of_the_measurement_to_the_last_overflow(
    recording: Callable[..., Path],
) -> None:
    blocks = list(FORMAT.open(recording([50, 0xFE000002], resolution_s=4e-12)).blocks())

    assert [(b.start_ps, b.stop_ps, len(b)) for b in blocks] == [(0, 2 * 4 * 33_554_432, 1)]


def test_a_dark_measurement_is_one_empty_block(recording: Callable[..., Path]) -> None:
    blocks = list(FORMAT.open(recording([0xFE000001])).blocks())

    assert [(b.start_ps, b.stop_ps, len(b)) for b in blocks] == [(0, 33_554_432, 0)]


def test_the_source_says_what_the_header_says(recording: Callable[..., Path]) -> None:
    path = recording([1, 2], kind=0x00010206, resolution_s=25e-12)
    source = FORMAT.open(path)

    assert (source.path, source.format_name, source.resolution_ps) == (path, "ptu", 25)
    assert source.metadata["record_type"] == "TimeHarp 260 P T2"
    assert source.metadata["records"] == 2
    assert source.metadata["File_Comment"] == "written by a test"
    assert source.metadata["HW_ExternalRefClock"] is False
    assert source.metadata["MeasDesc_GlobalResolution"] == 25e-12
    assert source.warnings == ()


@pytest.mark.parametrize(("stated", "key"), [(5, "records_missing"), (0, "records_extra")])
def test_a_wrong_number_of_records_is_reported_and_what_is_there_is_read(
    recording: Callable[..., Path], stated: int, key: str
) -> None:
    path = recording([1, 2], changes={"TTResult_NumberOfRecords": stated})
    source = FORMAT.open(path)

    assert len(read(path)) == 2
    assert source.metadata[key] == abs(stated - 2)
    assert f"promises {stated} records, the file holds 2" in source.warnings[0]


@pytest.mark.parametrize(
    ("resolution_s", "expected_ps"),
    [
        (4e-12, Fraction(4)),
        (1e-12, Fraction(1)),
        (2.5e-10, Fraction(250)),
        (25 * 1e-12, Fraction(25)),
        (8.23045e-11, Fraction(823_045, 10_000)),
        (1 / 12e9, Fraction(250, 3)),
    ],
)
def test_the_resolution_is_the_number_that_was_meant(
    resolution_s: float, expected_ps: Fraction
) -> None:
    assert resolution_from_s(resolution_s) == expected_ps


@settings(deadline=None)
@given(
    ticks=st.integers(0, 10**15),
    resolution_ps=st.fractions(Fraction(1, 1000), 10**3, max_denominator=10**6),
)
def test_times_are_rounded_exactly_for_any_resolution(ticks: int, resolution_ps: Fraction) -> None:
    exact = ticks * resolution_ps + Fraction(1, 2)

    (time_ps,) = ticks_to_ps(np.array([ticks], np.int64), resolution_ps)

    assert time_ps == exact.numerator // exact.denominator


def test_a_resolution_between_picoseconds_is_not_given_as_a_whole_number(
    recording: Callable[..., Path], t2_words: Words
) -> None:
    ticks = 3 * 10**13
    path = recording(t2_words(HYDRAHARP_V2, [(1, 1), (ticks, 2)]), resolution_s=1 / 12e9)

    assert FORMAT.open(path).resolution_ps is None
    assert read(path) == [(83, 1), (250 * 10**13, 2)]
