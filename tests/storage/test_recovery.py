from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, open_run, recover_run, recover_run_in_place, verify_run
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

N_TAGS = 5000


def fill(recorder: Recorder, block: MakeBlock) -> None:
    """Record three appends of 5000 tags, 10 ps apart, and two points."""
    for at in range(3):
        times = np.arange(at * N_TAGS, (at + 1) * N_TAGS) * 10
        start_ps = at * N_TAGS * 10
        recorder.record("tdc", block(times, start_ps=start_ps, stop_ps=start_ps + N_TAGS * 10))
        recorder.sync()
    recorder.point(1, 2, {"counts": 1})
    recorder.point(2, 2, {"counts": 4})
    recorder.sync()


@pytest.fixture
def finished(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        fill(recorder, block)
        recorder.end("finished", result={"car": 12.5}, taken=2)
    return path


@pytest.fixture
def left_behind(tmp_path: Path, record: Record, block: MakeBlock) -> Path:
    """Return what a writer leaves that dies after its last acknowledgement."""
    path = tmp_path / "left_behind.h5"
    with record(tmp_path / "growing.h5") as recorder:
        fill(recorder, block)
        recorder.record("tdc", block([150_001, 150_002], start_ps=150_000))
        recorder.sync()
        shutil.copy(tmp_path / "growing.h5", path)
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


def all_times(path: Path) -> np.ndarray:
    with open_run(path) as run:
        return np.concatenate([part.times_ps for part in run.tags()])


def test_a_killed_run_is_copied_whole_and_the_original_stays(left_behind: Path) -> None:
    content = left_behind.read_bytes()

    recovery = recover_run(left_behind)

    assert recovery.path == left_behind.with_name("left_behind.recovered.h5")
    assert left_behind.read_bytes() == content
    assert verify_run(recovery.path).state == "intact"
    expected = [*range(0, 150_000, 10), 150_001, 150_002]
    np.testing.assert_array_equal(all_times(recovery.path), expected)
    with open_run(recovery.path) as run, open_run(left_behind) as original:
        assert run.status == "interrupted"
        assert "recovered from left_behind.h5, whose recorder was killed" in run.end["reason"]
        assert run.end["taken"] == 2
        assert run.points() == original.points()
        assert run.metadata == original.metadata
        assert run.taggers == original.taggers
    assert recovery.tags == {"tdc": 15_002}
    assert (recovery.tags_lost, recovery.problems) == (0, [])


def test_the_copy_is_read_by_h5py_alone(left_behind: Path) -> None:
    with h5py.File(recover_run(left_behind).path, "r") as file:
        tdc = file[f"entry/tags/{file['entry/tags'].attrs['default']}"]
        assert tdc.attrs["signal"] == "rate_hz"
        assert tdc["index"]["tag_count"].tolist() == [N_TAGS, N_TAGS, N_TAGS, 2]
        assert file["entry/title"][()] == b"test"


def test_a_run_killed_between_its_end_and_the_closing_of_its_file_has_finished(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "growing.h5") as recorder:
        fill(recorder, block)
        recorder.end("finished", taken=2)
        recorder.sync()
        shutil.copy(tmp_path / "growing.h5", tmp_path / "run.h5")

    with open_run(recover_run(tmp_path / "run.h5").path) as run:
        assert run.status == "finished"


def test_a_damaged_append_becomes_a_flagged_interval(finished: Path) -> None:
    flip_bit(finished, "entry/tags/tdc/delta", 4 * (N_TAGS + 17))

    recovery = recover_run(finished)

    assert recovery.tags_lost == N_TAGS
    assert recovery.problems == ["append 1 of tdc: its times fail their checksum"]
    assert verify_run(recovery.path).state == "intact"
    with open_run(recovery.path) as run:
        blocks = list(run.tags())
        assert run.status == "interrupted"
        assert run.result == {"car": 12.5}
        assert "damaged after the run had finished; missing: append 1" in run.end["reason"]
    assert [len(part) for part in blocks] == [N_TAGS, 0, N_TAGS]
    assert [part.lost for part in blocks] == [0, N_TAGS, 0]
    assert blocks[1].flags == TagFlags.MISSED
    assert (blocks[1].start_ps, blocks[1].stop_ps) == (50_000, 100_000)


def test_behind_a_damaged_commit_row_there_is_a_gap(finished: Path) -> None:
    row_bytes = 84
    flip_bit(finished, "entry/tags/tdc/index", row_bytes + 30)

    with open_run(recover_run(finished).path) as run:
        blocks = list(run.tags())

    assert [part.start_ps for part in blocks] == [0, 100_000]
    assert blocks[1].flags == TagFlags.GAP


def test_a_damaged_point_costs_itself_only(finished: Path) -> None:
    flip_bit(finished, "entry/points/data", 3)
    with open_run(finished) as run, pytest.raises(RunFileError, match="record 0 of points"):
        run.points()

    with open_run(recover_run(finished).path) as run:
        assert [(point["number"], point["counts"]) for point in run.points()] == [(2, 4)]


def test_a_damaged_header_entry_costs_itself_only(finished: Path) -> None:
    flip_bit(finished, "entry/header/parameters_json", 0)
    flip_bit(finished, "entry/header/configuration_sha256", 0)
    with pytest.raises(RunFileError, match="damaged"):
        open_run(finished)

    with open_run(recover_run(finished).path) as run:
        assert "parameters" not in run.metadata
        assert run.configuration == ""
        assert run.metadata["experiment"] == "test"
    np.testing.assert_array_equal(
        all_times(finished.with_name("run.recovered.h5")), np.arange(0, 150_000, 10)
    )


def test_what_is_left_of_a_truncated_file_is_recovered(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "long.h5"
    with record(path) as recorder:
        for at in range(3):
            first, stop = at * 10**6, (at + 1) * 10**6
            recorder.record("tdc", block(np.arange(first, stop, 10), start_ps=first, stop_ps=stop))
            recorder.sync()
        recorder.end("finished")
    with h5py.File(path, "r") as file:
        # The second of its chunks begins at row 262144, inside the third append.
        cut = file["entry/tags/tdc/delta"].id.get_chunk_info(1).byte_offset
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RunFileError, match="truncated"):
        open_run(path)

    recovery = recover_run(path)

    with open_run(recovery.path) as run:
        blocks = list(run.tags())
        assert run.status == "interrupted"
    times = np.concatenate([part.times_ps for part in blocks])
    np.testing.assert_array_equal(times, np.arange(0, 2 * 10**6, 10))
    assert (blocks[-1].lost, recovery.tags_lost) == (100_000, 100_000)
    assert "truncated" in recovery.problems[0]


def test_in_place_the_original_is_kept_beside_the_copy(left_behind: Path) -> None:
    content = left_behind.read_bytes()

    recovery = recover_run_in_place(left_behind)

    kept = left_behind.with_name("left_behind.h5.damaged")
    assert (recovery.path, recovery.kept) == (left_behind, kept)
    assert kept.read_bytes() == content
    assert verify_run(left_behind).state == "intact"
    assert all_times(left_behind).size == 15_002
    names = {path.name for path in left_behind.parent.iterdir()} - {"growing.h5"}
    assert names == {"left_behind.h5", "left_behind.h5.damaged"}


def test_a_file_that_is_being_written_is_refused(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "growing.h5"
    with record(path) as recorder:
        fill(recorder, block)
        for recover in (recover_run, recover_run_in_place):
            with pytest.raises(RunFileError, match="still being written"):
                recover(path)
        recorder.end("finished")
    assert [file.name for file in tmp_path.iterdir()] == ["growing.h5"]


def test_a_file_that_needs_nothing_is_refused(finished: Path, left_behind: Path) -> None:
    for path in (finished, recover_run(left_behind).path):
        with pytest.raises(RunFileError, match="needs no recovery"):
            recover_run(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for recover in (recover_run, recover_run_in_place):
        with pytest.raises(RunFileError, match=r"none\.h5 cannot be read: No such file"):
            recover(tmp_path / "none.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_run_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.h5"
    foreign.write_bytes(b"hello" * 100)

    with pytest.raises(RunFileError, match="does not begin as HDF5"):
        recover_run(foreign)

    assert [file.name for file in tmp_path.iterdir()] == ["foreign.h5"]


def test_no_other_file_is_overwritten(left_behind: Path) -> None:
    taken = left_behind.with_name("taken.h5")
    taken.write_bytes(b"precious")
    with pytest.raises(RunFileError, match=r"taken\.h5 exists"):
        recover_run(left_behind, taken)
    left_behind.with_name("left_behind.h5.damaged").write_bytes(b"precious")
    with pytest.raises(RunFileError, match=r"damaged exists; move it away"):
        recover_run_in_place(left_behind)
    assert taken.read_bytes() == b"precious"


def test_a_recovery_goes_on_where_a_killed_one_had_named_the_original_twice(
    left_behind: Path,
) -> None:
    kept = left_behind.with_name("left_behind.h5.damaged")
    kept.hardlink_to(left_behind)
    original = left_behind.read_bytes()

    assert recover_run_in_place(left_behind).tags == {"tdc": 15_002}

    assert kept.read_bytes() == original
    assert verify_run(left_behind).state == "intact"
