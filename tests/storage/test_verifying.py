from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.storage import (
    Damage,
    Recorder,
    RunHeader,
    TaggerHeader,
    TagSums,
    archive_run,
    verify_run,
)
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

N_APPENDS = 3
N_TAGS = 5000
ROW_BYTES = 84


def fill(recorder: Recorder, block: MakeBlock) -> None:
    """Record three appends of 5000 tags, 10 ps apart, and a point."""
    for at in range(N_APPENDS):
        times = np.arange(at * N_TAGS, (at + 1) * N_TAGS) * 10
        start_ps = at * N_TAGS * 10
        recorder.record("tdc", block(times, start_ps=start_ps, stop_ps=start_ps + N_TAGS * 10))
        recorder.sync()
    recorder.point(1, 1, {"counts": 1})
    recorder.sync()


@pytest.fixture
def path(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        fill(recorder, block)
        recorder.end("finished")
    return path


def flip_bit(path: Path, dataset: str, byte: int) -> None:
    """Invert one bit of a byte of a dataset where it lies in the file."""
    with h5py.File(path, "r") as file:
        rows = file[dataset]
        is_chunked = rows.chunks is not None
        offset = rows.id.get_chunk_info(0).byte_offset if is_chunked else rows.id.get_offset()
    with path.open("r+b") as stream:
        stream.seek(offset + byte)
        value = stream.read(1)[0]
        stream.seek(offset + byte)
        stream.write(bytes([value ^ 0x10]))


def test_a_finished_run_is_intact_and_its_sums_are_told(path: Path) -> None:
    found = verify_run(path)

    assert (found.state, found.is_sound, found.is_growing) == ("intact", True, False)
    assert found.damages == ()
    assert found.status == "finished"
    assert found.taggers == {"tdc": TagSums(3, 0, 15_000, 0, 0, 150_000)}
    assert (found.records["points"], found.records["end"]) == (1, 1)


def test_lost_tags_are_added_up(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "lossy.h5"
    with record(path) as recorder:
        for at, lost in enumerate([0, 7, 5]):
            times, channels = np.array([at * 100 + 3]), np.array([1], np.uint8)
            flags = TagFlags.OVERFLOW if lost else TagFlags.NONE
            part = TagBlock(times, channels, at * 100, at * 100 + 100, at, lost, flags)
            recorder.record("tdc", part)
        recorder.end("finished")

    assert verify_run(path).taggers["tdc"] == TagSums(3, 0, 3, 12, 0, 300)


def test_a_growing_file_is_sound_as_far_as_it_is_committed(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "growing.h5"
    with record(path) as recorder:
        fill(recorder, block)
        found = verify_run(path)
        recorder.end("finished")

    assert (found.state, found.is_growing) == ("unfinished", True)
    assert found.taggers["tdc"].tags == 15_000


def test_a_file_left_behind_is_unfinished_but_sound(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    left_behind = tmp_path / "left_behind.h5"
    with record(tmp_path / "growing.h5") as recorder:
        fill(recorder, block)
        recorder.record("tdc", block([150_001, 150_002], start_ps=150_000))
        recorder.sync()
        shutil.copy(tmp_path / "growing.h5", left_behind)

    found = verify_run(left_behind)

    assert (found.state, found.is_growing, found.status) == ("unfinished", False, "")
    assert found.taggers["tdc"].tags == 15_002, "two of them are in the tail"


@pytest.mark.parametrize(
    ("dataset", "byte", "what"),
    [
        ("entry/tags/tdc/delta", 4 * (N_TAGS + 17), "its times fail their checksum"),
        ("entry/tags/tdc/channel", N_TAGS + 4999, "its channels fail their checksum"),
    ],
)
def test_a_flipped_bit_costs_one_append_and_its_interval_is_told(
    path: Path, dataset: str, byte: int, what: str
) -> None:
    flip_bit(path, dataset, byte)

    found = verify_run(path)

    assert found.state == "damaged"
    assert found.damages == (Damage("append 1 of tdc", what, 50_000, 100_000, N_TAGS),)
    assert found.taggers["tdc"] == TagSums(3, 1, 10_000, 0, 0, 150_000)
    assert found.records["points"] == 1


def test_a_flipped_bit_in_a_commit_row_costs_that_append(path: Path) -> None:
    flip_bit(path, "entry/tags/tdc/index", ROW_BYTES + 30)

    found = verify_run(path)

    assert found.damages == (Damage("append 1 of tdc", "its index row fails its check"),)
    assert found.taggers["tdc"].tags == 10_000


@pytest.mark.parametrize(
    ("dataset", "byte", "where"),
    [
        ("entry/points/data", 3, "record 0 of points"),
        ("entry/points/index", 9, "record 0 of points"),
        ("entry/header/configuration_sha256", 5, "header configuration"),
        ("entry/header/parameters_json", 0, "header parameters_json"),
    ],
)
def test_damage_beside_the_tags_is_found(path: Path, dataset: str, byte: int, where: str) -> None:
    flip_bit(path, dataset, byte)

    found = verify_run(path)

    assert [damage.where for damage in found.damages] == [where]
    assert found.taggers["tdc"].tags == 15_000


def test_swapped_commit_rows_are_found_although_their_checksums_agree(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        index = file["entry/tags/tdc/index"]
        index[:2] = index[:2][::-1]

    found = verify_run(path)

    assert [damage.where for damage in found.damages] == ["append 0 of tdc", "append 1 of tdc"]
    assert found.damages[0].what == "its index row is that of append 1"


def test_tags_that_were_recorded_out_of_order_are_found(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "unsorted.h5"
    with record(path) as recorder:
        recorder.record("tdc", block([30, 10, 20], start_ps=0, stop_ps=40))
        recorder.end("finished")

    found = verify_run(path)

    assert [damage.what for damage in found.damages] == ["its times are not in order"]
    assert found.is_readable
    assert not found.is_sound


def test_intervals_that_overlap_as_they_were_delivered_are_no_damage(
    tmp_path: Path, record: Record
) -> None:
    path = tmp_path / "overlapping.h5"
    with record(path) as recorder:
        for at, (start_ps, flags) in enumerate(
            [(0, TagFlags.NONE), (60, TagFlags.UNSORTED), (10, TagFlags.GAP), (90, TagFlags.NONE)]
        ):
            times, channels = np.array([start_ps + 5]), np.array([1], np.uint8)
            part = TagBlock(times, channels, start_ps, start_ps + 100, at, 0, flags)
            recorder.record("tdc", part)
        recorder.end("finished")

    found = verify_run(path)

    assert (found.state, found.damages) == ("intact", ())
    # The second begins 40 ps and the fourth 20 ps too early; the third says that its clock began
    # again. All of them together reach from 0 to 190 ps.
    assert found.taggers["tdc"] == TagSums(4, 0, 4, 0, 0, 190, overlaps=2)


def test_damage_to_one_tagger_leaves_the_other_readable(tmp_path: Path, block: MakeBlock) -> None:
    path = tmp_path / "run.h5"
    taggers = [
        TaggerHeader(name=name, resolution_ps=1, n_channels=8, simulated=True)
        for name in ("alice", "bob")
    ]
    with Recorder(path, RunHeader(experiment="test", simulated=True), taggers) as recorder:
        for at in range(N_APPENDS):
            start_ps = at * N_TAGS * 10
            for name in ("alice", "bob"):
                recorder.record(name, block(start_ps + np.arange(N_TAGS) * 10, None, start_ps))
            recorder.sync()
        recorder.end("finished")
    flip_bit(path, "entry/tags/bob/delta", 4 * (N_TAGS + 17))

    found = verify_run(path)

    assert list(found.taggers) == ["alice", "bob"]
    assert [damage.where for damage in found.damages] == ["append 1 of bob"]
    assert (found.taggers["alice"].tags, found.taggers["bob"].tags) == (15_000, 10_000)
    assert found.to_dict()["taggers"]["bob"]["appends_unreadable"] == 1


def test_in_an_archived_file_a_flipped_bit_costs_the_appends_of_its_chunk(path: Path) -> None:
    archive_run(path)
    with h5py.File(path, "r") as file:
        chunk = file["entry/tags/tdc/delta"].id.get_chunk_info(0)
    # All steps but the first are 10 ps, so a code has one bit and the first append has 625 bytes.
    header_bytes = 21
    flip_bit(path, "entry/tags/tdc/delta", header_bytes + 700)

    found = verify_run(path)

    assert chunk.size < 5_000
    assert [damage.where for damage in found.damages] == ["append 1 of tdc"]
    assert found.taggers["tdc"].tags == 10_000


@pytest.mark.parametrize("kept", [0.0, 0.001, 0.02, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_damaged_and_never_half_believed(path: Path, kept: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])

    found = verify_run(path)

    assert found.state == "damaged"
    assert found.damages[0].where == "file"
    sums = found.taggers.get("tdc", TagSums())
    assert sums.tags == N_TAGS * (sums.appends - sums.appends_unreadable)


def test_a_missing_file_and_a_foreign_one_are_told(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.h5"
    foreign.write_bytes(b"hello" * 100)

    assert "does not begin as HDF5" in verify_run(foreign).damages[0].what
    assert "No such file" in verify_run(tmp_path / "missing.h5").damages[0].what


def test_no_flipped_bit_is_taken_for_other_tags(path: Path) -> None:
    content = path.read_bytes()
    rng = np.random.default_rng(6)
    # Metadata are a small part of the file and lie at its beginning.
    places = np.append(rng.integers(0, len(content), 20), rng.integers(0, 20_000, 40))
    for at in places:
        damaged = bytearray(content)
        damaged[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found = verify_run(path)
        if found.is_sound:
            assert found.taggers["tdc"].tags == 15_000


def test_progress_grows_to_the_whole(path: Path) -> None:
    told: list[float] = []

    verify_run(path, told.append)

    assert told == sorted(told)
    assert told[-1] == 1.0
