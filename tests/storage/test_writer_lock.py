from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labctl.errors import RunFileError
from labctl.storage import Recorder, open_run
from labctl.storage.writer_lock import lock_path, note_path
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

RECORD_AND_DIE = """
import os, sys
from pathlib import Path
from labctl.storage import Recorder, RunHeader
recorder = Recorder(Path(sys.argv[1]), RunHeader(experiment="test", simulated=True), [])
recorder.point(1, 1, {})
recorder.sync()
os.kill(os.getpid(), 9)
"""


def test_a_second_writer_is_refused_with_process_and_host_of_the_first(
    tmp_path: Path, record: Record
) -> None:
    path = tmp_path / "run.h5"
    before = datetime.now(UTC)
    with record(path):
        with pytest.raises(RunFileError, match="being written by process") as caught, record(path):
            pass
        assert f"process {os.getpid()} on {platform.node()} since " in caught.value.message
        since = datetime.fromisoformat(caught.value.message.rpartition(" ")[2])
        assert before - timedelta(seconds=1) <= since <= datetime.now(UTC)
        with open_run(path) as run:
            assert run.status == "running"


def test_another_process_is_refused_too(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run.h5"
    with record(path):
        other = subprocess.run(
            [sys.executable, "-c", RECORD_AND_DIE, str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert f"process {os.getpid()} on {platform.node()}" in other.stderr
        open_for_writing = f"import h5py; h5py.File({str(path)!r}, 'r+')"
        other = subprocess.run(
            [sys.executable, "-c", open_for_writing], capture_output=True, text=True, check=False
        )
        assert "already open for write" in other.stderr


def test_the_lock_of_a_killed_writer_is_free(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run.h5"
    subprocess.run([sys.executable, "-c", RECORD_AND_DIE, str(path)], check=False)
    assert lock_path(path).exists()
    assert note_path(path).exists()
    with open_run(path) as run:
        assert run.status == "interrupted"
    path.unlink()
    with record(path):
        assert json.loads(note_path(path).read_text())["pid"] == os.getpid()
    assert not lock_path(path).exists()
    assert not note_path(path).exists()


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"pid": 1}', '{"pid": THIS, "host": "", "since": ""}']
)
def test_a_note_without_a_lock_means_nothing_though_its_process_lives(
    tmp_path: Path, record: Record, note: str
) -> None:
    """Numbers of processes come round: the one in the note may be anybody's by now."""
    path = tmp_path / "run.h5"
    note = note.replace("THIS", str(os.getpid()))
    lock_path(path).touch()
    note_path(path).write_text(note)
    with record(path):
        pass
    lock_path(path).touch()
    note_path(path).write_text(note)
    with open_run(path) as run:
        assert run.status == "interrupted"


@pytest.mark.parametrize("note", [None, "", "\udcff", "[1]", '{"pid": 1}'])
def test_without_a_legible_note_the_second_writer_is_refused_all_the_same(
    tmp_path: Path, record: Record, note: str | None
) -> None:
    path = tmp_path / "run.h5"
    with record(path):
        if note is None:
            note_path(path).unlink()
        else:
            note_path(path).write_bytes(note.encode("utf-8", "surrogateescape"))
        with (
            pytest.raises(RunFileError, match="being written by another recorder"),
            record(path),
        ):
            pass
