from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import labctl.storage
from labctl.errors import RunFileError
from labctl.storage import Recorder, open_run, verify_run
from labctl.storage.disk_space import DiskWatch
from labctl.storage.writer_lock import lock_path, note_path
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

SCRIPT = Path(__file__).with_name("filling_process.py")
ROOT = Path(labctl.storage.__file__).parents[2]
GIB = 1024**3
MB = 1_000_000
#: What the recording process makes safe before its disk is full.
N_TAGS = 100_000


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class Disk:
    """The free space as the system tells it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free_bytes = GIB
        monkeypatch.setattr(
            shutil, "disk_usage", lambda _: Usage(GIB, GIB - self.free_bytes, self.free_bytes)
        )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def fill(path: Path, moment: str) -> dict[str, Any]:
    """Record in a process whose files cannot grow from that moment; return what it said."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), moment],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_disk_with_room_ends_the_run_in_order(tmp_path: Path) -> None:
    assert fill(tmp_path / "run.h5", "never") == {"error": "", "n_safe": N_TAGS}


def test_a_disk_full_at_the_start_leaves_nothing_behind(tmp_path: Path) -> None:
    told = fill(tmp_path / "run.h5", "open")
    assert "could not be created: " in told["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["run", "close"])
def test_a_disk_full_later_leaves_all_that_was_acknowledged(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "run.h5"
    told = fill(path, moment)
    assert "the recorder stopped: " in told["error"]
    assert "All up to acknowledgement 1 is intact (tdc to 100000 ps)." in told["error"]
    assert told["n_safe"] == N_TAGS
    assert not lock_path(path).exists()
    assert not note_path(path).exists()
    with open_run(path) as run:
        assert run.status == "interrupted"
        times_ps = np.concatenate([part.times_ps for part in run.tags()])
    np.testing.assert_array_equal(times_ps[:N_TAGS], np.arange(N_TAGS))
    assert verify_run(path).damages == ()


def test_no_run_starts_on_a_nearly_full_disk(tmp_path: Path, record: Record, disk: Disk) -> None:
    disk.free_bytes = 1000
    with pytest.raises(RunFileError, match="nearly full"), record(tmp_path / "new" / "run.h5"):
        pass
    assert not (tmp_path / "new").exists()


def test_a_disk_that_fills_up_refuses_tags_but_takes_the_end(
    tmp_path: Path, record: Record, block: MakeBlock, disk: Disk
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block([1]))
        disk.free_bytes = 1000
        recorder.sync()
        with pytest.raises(RunFileError, match="nearly full"):
            recorder.record("tdc", block([2]))
        recorder.end("failed", "disk nearly full")
    with open_run(tmp_path / "run.h5") as run:
        assert run.status == "failed"
        assert [len(part) for part in run.tags()] == [1]


def watch_of(disk: Disk, path: Path, *, left_bytes: int) -> DiskWatch:
    """Return a watch that warns ten minutes before, with so much room above its minimum."""
    disk.free_bytes = 100 * MB + left_bytes
    return DiskWatch(path, min_free_bytes=100 * MB, warn_before_s=600.0)


def warning_of(watch: DiskWatch) -> str | None:
    # A call, because mypy takes an attribute that was None once for None ever after.
    return watch.warning


def test_the_warning_comes_as_long_before_as_was_asked_for(tmp_path: Path, disk: Disk) -> None:
    # At 1 MB/s, 601 MB last longer than ten minutes and 599 MB do not.
    watch = watch_of(disk, tmp_path / "run.h5", left_bytes=601 * MB)
    assert watch.look(0.0, 0) is None
    assert watch.look(10.0, 10 * MB) is None
    assert warning_of(watch) is None
    disk.free_bytes -= 2 * MB
    warning = watch.look(12.0, 12 * MB)
    assert warning is not None
    assert "full in about 10 min at the present 1 MB/s (599 MB left)" in warning
    assert warning_of(watch) == warning
    assert watch.fault is None


def test_a_warning_is_new_once_and_ends_when_there_is_room_again(
    tmp_path: Path, disk: Disk
) -> None:
    watch = watch_of(disk, tmp_path / "run.h5", left_bytes=300 * MB)
    watch.look(0.0, 0)
    assert "5 min" in str(watch.look(10.0, 10 * MB))
    assert watch.look(20.0, 20 * MB) is None
    assert warning_of(watch) is not None
    disk.free_bytes = 1400 * MB
    assert watch.look(30.0, 30 * MB) is None
    assert warning_of(watch) is None
    disk.free_bytes = 160 * MB
    assert "1 min" in str(watch.look(40.0, 40 * MB))


def test_a_slow_run_is_not_warned_where_a_fast_one_is(tmp_path: Path, disk: Disk) -> None:
    slow = watch_of(disk, tmp_path / "run.h5", left_bytes=300 * MB)
    slow.look(0.0, 0)
    assert slow.look(1000.0, 10 * MB) is None


def test_a_burst_is_no_rate(tmp_path: Path, disk: Disk) -> None:
    """A scan may write 10 MB in a tenth of a second and then wait for its motor."""
    watch = watch_of(disk, tmp_path / "run.h5", left_bytes=300 * MB)
    watch.look(0.0, 0)
    assert watch.look(0.1, 10 * MB) is None


def test_a_recorder_tells_the_warning_and_goes_on(
    tmp_path: Path, record: Record, block: MakeBlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.storage.disk_space._RATE_SPAN_S", 0.0)
    told: list[str] = []
    # A thousand years is longer than any disk lasts at the rate of a tag per acknowledgement.
    with record(tmp_path / "run.h5", warn_before_s=3e10, on_disk_warning=told.append) as recorder:
        for time_ps in range(5):
            recorder.record("tdc", block([time_ps]))
            recorder.sync()
        assert told == [recorder.disk_warning]
        assert "will be full in about" in told[0]
