"""Recoveries of whole recordings: several taggers, a full disk, tags that did not arrive."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, open_run, recover_run, recover_run_in_place, verify_run
from labctl.tags.block import TagBlock, TagFlags
from tests.storage.recording_process import Recording
from tests.storage.recordings import assert_published_is_there, done_alone

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]


def flip_bit(path: Path, dataset: str, byte: int) -> None:
    """Invert one bit of a byte of a dataset where it lies in the file."""
    with h5py.File(path, "r") as file:
        rows = file[dataset]
        offset = rows.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as stream:
        stream.seek(offset + byte)
        value = stream.read(1)[0]
        stream.seek(offset + byte)
        stream.write(bytes([value ^ 0x10]))


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
