"""Run files in the data folder of a service, for tests of the window that lists them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from labctl.runs import open_lab
from labctl.storage import Recorder, RunHeader, TaggerHeader, run_path

__all__ = ["write_damaged_file", "write_runs_of_tags", "write_trivial_run"]


def write_runs_of_tags(folder: Path) -> list[Path]:
    """Record two runs of the simulated default bench, the second twice as long; return both."""
    with open_lab(simulated=True, seed=3, speed=0) as lab:
        outcomes = [
            lab.run("counting", dwell_s=dwell_s, points=3, folder=folder) for dwell_s in (0.1, 0.2)
        ]
    return [outcome.path for outcome in outcomes if outcome.path is not None]


def write_trivial_run(
    folder: Path, experiment: str, uid: str, status: str, *, note: str = ""
) -> Path:
    """Write a run of 2025 without tags; `status` "interrupted" leaves it without an end."""
    start = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
    path = run_path(folder, experiment, uid, start)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = RunHeader(
        experiment=experiment,
        simulated=False,
        uid=uid,
        parameters={"dwell_s": 7.0},
        start=start,
    )
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=2, simulated=False)
    with Recorder(path, header, [tagger]) as recorder:
        if note:
            recorder.event("info", "window", note)
        if status == "aborted":
            recorder.end("aborted", "seen enough")
        elif status == "failed":
            recorder.end("failed", "the pump is lost")
    return path


def write_damaged_file(folder: Path) -> Path:
    """Write a file that has the name of a run and nothing else of one."""
    path = folder / "2024-01-02" / "2024-01-02T03-04-05_chsh_dead00.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not a run")
    return path
