"""What a list of runs shows of each, read here or in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.runs.kept_index import index_path, keep_index, kept_index
from labctl.runs.run_index import from_line, index_run, stamped_runs, to_line
from labctl.storage import Recorder, RunHeader, TaggerHeader


def write_run(path: Path, *, note: str = "") -> None:
    header = RunHeader(
        experiment="counting",
        simulated=True,
        uid="abc123",
        parameters={"dwell_s": 0.5},
        instruments={"pump": {"manufacturer": "none"}},
    )
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=2, simulated=True)
    with Recorder(path, header, [tagger]) as recorder:
        recorder.event("info", "pump", "warmed up")
        recorder.event("warning", "window", "too dark")
        if note:
            recorder.event("info", "window", note)
        recorder.end("aborted", "enough")


def test_a_run_says_how_it_ended_with_which_parameters_and_notes(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    write_run(path, note="fiber touched")
    run = index_run(path)
    assert (run.found.experiment, run.found.uid) == ("counting", "abc123")
    assert (run.found.status, run.found.reason) == ("aborted", "enough")
    assert run.parameters == {"dwell_s": 0.5}
    assert run.notes == ("fiber touched",), "an instrument and a warning write no notes"


def test_a_damaged_file_is_listed_with_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(b"no HDF5 at all")
    run = index_run(path)
    assert run.found.status == "damaged"
    assert "run.h5" in run.found.reason


def test_the_process_answers_what_is_read_here(tmp_path: Path) -> None:
    good, bad = tmp_path / "a good\none.h5", tmp_path / "bad.h5"
    write_run(good)
    bad.write_bytes(b"")
    asked = "".join(json.dumps(str(path)) + "\n" for path in (good, bad))
    command = [sys.executable, "-m", "labctl.runs.run_index"]
    answer = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    lines = answer.stdout.splitlines()
    assert [from_line(line) for line in lines] == [index_run(good), index_run(bad)]
    assert from_line(to_line(index_run(good))) == index_run(good)


def test_the_newest_run_comes_first_and_a_stamp_changes_with_its_file(tmp_path: Path) -> None:
    older = tmp_path / "2026-11-22T10-00-00_counting_aaaaaa.h5"
    newer = tmp_path / "2026-11-23T10-00-00_counting_bbbbbb.h5"
    part = tmp_path / "2026-11-22T10-00-00_counting_aaaaaa.part2.h5"
    for path in (older, newer):
        path.write_bytes(b"x")
    before = stamped_runs(tmp_path)
    assert list(before) == [newer, older]
    part.write_bytes(b"xy")
    os.utime(newer, ns=(1, 1))
    after = stamped_runs(tmp_path)
    assert list(after) == [newer, older], "a run of two files is one run"
    assert after[older] != before[older]
    assert after[newer] != before[newer]


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert stamped_runs(tmp_path / "nowhere") == {}


def test_a_kept_list_comes_back_and_a_spoiled_one_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    write_run(folder / "run.h5", note="fiber\ntouched")
    known = {path: (stamp, index_run(path)) for path, stamp in stamped_runs(folder).items()}
    assert kept_index(folder) == {}
    keep_index(folder, known)
    assert kept_index(folder) == known
    for spoiled in ("", "no JSON\n", '{"labctl_index": 0}\n', '{"labctl_index": 1}\n[1, 2]\n'):
        index_path(folder).write_text(spoiled)
        assert kept_index(folder) == {}
