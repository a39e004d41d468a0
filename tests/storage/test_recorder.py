from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import pytest

from labctl.errors import RunFileError, TagLossError
from labctl.storage import Acknowledgement, Recorder, open_run
from labctl.storage.writer_lock import lock_path
from labctl.tags.block import TagBlock, TagFlags

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

GIB = 1024**3


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_an_acknowledgement_comes_without_being_asked_for(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    arrived = threading.Event()
    seen: list[Acknowledgement] = []

    def on_ack(acknowledgement: Acknowledgement) -> None:
        seen.append(acknowledgement)
        arrived.set()

    with record(tmp_path / "run.h5", ack_interval_s=0.01, on_ack=on_ack) as recorder:
        assert recorder.safe_until_ps("tdc") is None
        recorder.record("tdc", block([1, 2, 3], stop_ps=50))
        assert arrived.wait(10)
        assert recorder.safe_until_ps("tdc") == 50
        assert recorder.acknowledged == seen[0]
    assert seen[0].number == 1
    assert seen[0].n_tags == {"tdc": 3}


def test_enough_bytes_are_acknowledged_before_the_time_is_up(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    arrived = threading.Event()
    with record(
        tmp_path / "run.h5",
        ack_interval_s=1000.0,
        ack_bytes=500,
        on_ack=lambda _: arrived.set(),
    ) as recorder:
        # 99 tags are 495 bytes, 100 are 500.
        recorder.record("tdc", block(range(99)))
        assert not arrived.is_set()
        recorder.record("tdc", block([99]))
        assert arrived.wait(10)


def test_a_failing_consumer_does_not_end_the_recording(
    tmp_path: Path, record: Record, block: MakeBlock, caplog: pytest.LogCaptureFixture
) -> None:
    def on_ack(_: Acknowledgement) -> None:
        raise ZeroDivisionError

    with record(tmp_path / "run.h5", on_ack=on_ack) as recorder:
        recorder.record("tdc", block([1]))
        recorder.sync()
        recorder.record("tdc", block([2]))
        assert recorder.sync().n_tags == {"tdc": 2}
    assert "on_ack" in caplog.text


def test_a_stalled_disk_makes_an_explicit_loss(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    is_stalled, may_go_on = threading.Event(), threading.Event()

    def stall(_: Acknowledgement) -> None:
        is_stalled.set()
        may_go_on.wait(60)

    with record(
        tmp_path / "run.h5",
        ack_interval_s=0.0,
        on_ack=stall,
        queue_bytes=20_000,
        max_wait_s=0.01,
    ) as recorder:
        recorder.record("tdc", block(range(10), start_ps=0, stop_ps=10))
        assert is_stalled.wait(10)
        recorder.record("tdc", block(range(10, 1010), start_ps=10, stop_ps=1010))
        recorder.record("tdc", block(range(1010, 2010), start_ps=1010, stop_ps=2010))
        with pytest.raises(TagLossError, match="1000 tags from 2010 to 3010 ps") as caught:
            recorder.record("tdc", block(range(2010, 3010), start_ps=2010, stop_ps=3010))
        assert caught.value.device == "tdc"
        # Points have room of their own.
        recorder.point(1, 1, {"counts": 3})
        may_go_on.set()
        recorder.sync()
        recorder.record("tdc", block(range(3010, 3020), start_ps=3010, stop_ps=3020))
    with open_run(tmp_path / "run.h5") as run:
        blocks = list(run.tags())
        assert len(run.points()) == 1
    assert sum(len(part) for part in blocks) == 2020
    (lossy,) = (part for part in blocks if part.lost)
    assert (lossy.start_ps, lossy.stop_ps, lossy.lost) == (2010, 3010, 1000)
    assert lossy.flags == TagFlags.MISSED
    assert sum(part.live_ps for part in blocks) == 3020 - 1000


def test_a_second_writer_is_refused_while_the_first_lives(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run.h5"
    with record(path):
        with pytest.raises(RunFileError, match="being written by another"), record(path):
            pass
        open_for_writing = f"import h5py; h5py.File({str(path)!r}, 'r+')"
        other = subprocess.run(
            [sys.executable, "-c", open_for_writing], capture_output=True, text=True, check=False
        )
        assert "already open for write" in other.stderr
        with open_run(path) as run:
            assert run.status == "running"


def test_a_run_is_never_overwritten(tmp_path: Path, record: Record, block: MakeBlock) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.record("tdc", block([1, 2]))
    content = path.read_bytes()
    with pytest.raises(RunFileError, match="never overwritten"), record(path):
        pass
    assert path.read_bytes() == content


def test_a_lock_file_left_by_a_dead_writer_means_nothing(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run.h5"
    lock_path(path).touch()
    with record(path):
        pass
    assert not lock_path(path).exists()
    lock_path(path).touch()
    with open_run(path) as run:
        assert run.status == "interrupted"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, record: Record) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(RunFileError, match="could not be created"),
        record(tmp_path / "file" / "run.h5"),
    ):
        pass


def test_after_its_end_a_run_takes_nothing_more(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        with pytest.raises(ValueError, match="finished, aborted, failed"):
            recorder.end("done")  # type: ignore[arg-type] # what a script without types may do
        recorder.end("failed", "interlock")
        with pytest.raises(RunFileError, match="its run has ended"):
            recorder.record("tdc", block([1]))
        with pytest.raises(RunFileError, match="its run has ended"):
            recorder.point(1, 1, {})
        with pytest.raises(RunFileError, match="its run has ended"):
            recorder.end("finished")
        recorder.close()
        recorder.close()
    with open_run(tmp_path / "run.h5") as run:
        assert (run.status, run.end["reason"]) == ("failed", "interlock")


def test_unknown_taggers_and_the_reserved_channel_are_refused(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        with pytest.raises(ValueError, match="'tdx' is not a tagger"):
            recorder.record("tdx", block([1]))
        with pytest.raises(ValueError, match="channel 255 is outside 0 to 254"):
            recorder.record("tdc", block([1], [255]))
        with pytest.raises(TypeError, match="cannot be stored as JSON"):
            recorder.point(1, 1, {"recorder": recorder})


def test_no_run_starts_on_a_nearly_full_disk(
    tmp_path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(GIB, GIB - 1000, 1000))
    with pytest.raises(RunFileError, match="nearly full"), record(tmp_path / "new" / "run.h5"):
        pass
    assert not (tmp_path / "new").exists()


def test_a_disk_that_fills_up_refuses_tags_but_takes_the_end(
    tmp_path: Path, record: Record, block: MakeBlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block([1]))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(GIB, GIB - 1000, 1000))
        recorder.sync()
        with pytest.raises(RunFileError, match="nearly full"):
            recorder.record("tdc", block([2]))
        recorder.end("failed", "disk nearly full")
    with open_run(tmp_path / "run.h5") as run:
        assert run.status == "failed"
        assert [len(part) for part in run.tags()] == [1]
