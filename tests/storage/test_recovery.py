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
from tests.storage.recording_process import Recording
from tests.storage.recordings import assert_published_is_there, done_alone

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


def test_all_taggers_of_a_run_are_recovered(tmp_path: Path) -> None:
    path = tmp_path / "full.h5"
    recording = Recording(str(path), 3, 60, limit_bytes=3_200_000)
    told = done_alone(recording).published[-1]
    assert min(told["n_tags"].values()) > 0

    recovery = recover_run_in_place(path)

    assert verify_run(path).state == "intact"
    assert_published_is_there(path, recording, told)
    with open_run(path) as run:
        assert list(run.taggers) == ["near", "far"], "in the order of the recorder"
        assert recovery.tags == {
            name: sum(len(part) for part in run.tags(name)) for name in run.taggers
        }


def test_damage_to_one_tagger_leaves_the_other_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    recording = Recording(str(path), 3, 20)
    told = done_alone(recording).published[-1]
    flip_bit(path, "entry/tags/far/delta", 0)

    recovery = recover_run_in_place(path)

    assert recovery.tags["near"] == told["n_tags"]["near"]
    assert recovery.tags["far"] == told["n_tags"]["far"] - recovery.tags_lost
    assert recovery.problems == ["append 0 of far: its times fail their checksum"]


@pytest.mark.parametrize("share", [0.0003, 0.6])
def test_a_disk_that_is_full_during_a_recovery_leaves_the_original(
    tmp_path: Path, share: float
) -> None:
    path = tmp_path / "run.h5"
    done_alone(Recording(str(path), 3, 60, limit_bytes=3_200_000))
    original = path.read_bytes()
    limit_bytes = int(share * recover_run(path).path.stat().st_size)

    outcome = done_alone(Recording(str(path), 3, limit_bytes=limit_bytes, task="recover"))

    assert "run.h5 could not be written" in outcome.error
    assert path.read_bytes() == original
    assert {file.name for file in tmp_path.iterdir()} == {"run.h5", "run.recovered.h5"}
    assert recover_run_in_place(path).problems == []


def test_a_recovery_goes_on_where_a_killed_one_had_named_the_original_twice(
    left_behind: Path,
) -> None:
    kept = left_behind.with_name("left_behind.h5.damaged")
    kept.hardlink_to(left_behind)
    original = left_behind.read_bytes()

    assert recover_run_in_place(left_behind).tags == {"tdc": 15_002}

    assert kept.read_bytes() == original
    assert verify_run(left_behind).state == "intact"


def test_rows_that_did_not_arrive_do_not_cost_those_acknowledged_before(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    """Power was lost with the newest commit row on the disk and its tags not."""
    path = tmp_path / "run.h5"
    with record(tmp_path / "growing.h5") as recorder:
        recorder.record("tdc", block([10, 20], start_ps=0, stop_ps=100))
        recorder.sync()
        recorder.record("tdc", block([110, 120, 130], start_ps=100, stop_ps=200))
        recorder.sync()
        shutil.copy(tmp_path / "growing.h5", path)
    with h5py.File(tmp_path / "growing.h5", "r") as file:
        delta_at = file["entry/tags/tdc/delta"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[delta_at + 4 * 2 : delta_at + 4 * 5] = bytes(12)
    path.write_bytes(content)

    with open_run(path) as run:
        blocks = list(run.tags(on_damage="flag"))
        with pytest.raises(RunFileError, match=r"append 0 of tdc .*times fail their checksum"):
            list(run.tags())
    recovery = recover_run(path)

    with open_run(recovery.path) as run:
        recovered = list(run.tags())
    for found in (blocks, recovered):
        assert [part.times_ps.tolist() for part in found] == [[10, 20], []]
        assert [(part.start_ps, part.stop_ps, part.lost) for part in found] == [
            (0, 100, 0),
            (100, 200, 3),
        ]
        assert found[1].flags == TagFlags.MISSED
    assert (recovery.tags, recovery.tags_lost) == ({"tdc": 2}, 3)
