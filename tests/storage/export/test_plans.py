"""What an export refuses, warns of, and does with files that grow, were killed or are damaged."""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeAlias

import h5py
import numpy as np
import pandas as pd
import pytest

from labctl.errors import LimitError, RunFileError
from labctl.storage import Recorder, RunHeader, TaggerHeader, open_run, recover_run
from labctl.storage.export import POINT_FORMATS, TAG_FORMATS, plan_export
from labctl.tags.block import TagBlock, TagFlags

Record: TypeAlias = Callable[..., AbstractContextManager[Recorder]]
MakeBlock: TypeAlias = Callable[..., TagBlock]

FIXTURES = Path(__file__).parents[1] / "compatibility" / "version_1"


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond this, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Return the file of a recorder that was killed."""
    path = tmp_path / "killed.h5"
    path.write_bytes(gzip.decompress((FIXTURES / "interrupted.h5.gz").read_bytes()))
    return path


@pytest.mark.parametrize("to", TAG_FORMATS)
def test_a_killed_run_exports_what_it_had_committed_and_says_so(
    tmp_path: Path, killed: Path, to: str
) -> None:
    with open_run(killed) as run:
        plan = plan_export(run, to, of_points=False, tagger="alice")
        size = plan.write(tmp_path / "out", replaces=False)

    # What make_fixtures.py recorded and had acknowledged before it died.
    assert plan.rows == 184
    assert plan.survey is not None
    assert (plan.survey.lost, plan.survey.flagged, plan.survey.uncovered) == (9, 3, 1)
    assert size == (tmp_path / "out").stat().st_size > 184
    assert "has no end (status interrupted)" in plan.warnings[0]
    assert any("9 lost tags and 3 flagged intervals" in warning for warning in plan.warnings)


@pytest.mark.parametrize("to", TAG_FORMATS)
def test_a_growing_run_exports_what_it_held_when_it_was_planned(
    tmp_path: Path, record: Record, block: MakeBlock, to: str
) -> None:
    ended = tmp_path / "ended.h5"
    with record(ended) as recorder:
        recorder.record("tdc", block(range(100), start_ps=0, stop_ps=100))
        recorder.end("finished")
    with open_run(ended) as run:
        plan_export(run, to, of_points=False).write(tmp_path / "expected", replaces=False)
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block(range(100), start_ps=0, stop_ps=100))
        recorder.sync()
        with open_run(tmp_path / "run.h5") as run:
            plan = plan_export(run, to, of_points=False)
            recorder.record("tdc", block(range(100, 5_000), start_ps=100, stop_ps=5_000))
            recorder.sync()
            plan.write(tmp_path / "found", replaces=False)

    assert (plan.rows, plan.warnings[0]) == (
        100,
        "the run has no end (status running); what it had committed is exported",
    )
    if to in ("npz", "csv", "qutag"):
        assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()
    if to == "photon-hdf5":
        with h5py.File(tmp_path / "found") as file:
            assert file["photon_data/timestamps"][:].tolist() == list(range(100))
            assert file["user/labctl/taggers/tdc/covered/stop_ps"][:].tolist() == [100]


@pytest.mark.parametrize("to", TAG_FORMATS)
def test_losses_and_stretches_without_recording_are_told_with_their_numbers(
    tmp_path: Path, record: Record, to: str
) -> None:
    channel = np.ones(1, np.uint8)
    with record(tmp_path / "run.h5") as recorder:
        for sequence, (lost, flags, start_ps) in enumerate(
            [(0, TagFlags.NONE, 10), (7, TagFlags.OVERFLOW, 20), (5, TagFlags.MISSED, 50)]
        ):
            times_ps = np.array([start_ps], np.int64)
            recorder.record(
                "tdc", TagBlock(times_ps, channel, start_ps, start_ps + 10, sequence, lost, flags)
            )
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        plan = plan_export(run, to, of_points=False)
    told = "\n".join(plan.warnings)
    assert "12 lost tags and 2 flagged intervals" in told
    assert "1 stretches without recording" in told
    assert ("begins at 10 ps" in told) == (to == "ptu")


@pytest.mark.parametrize(
    ("to", "time_ps", "channel", "message"),
    [
        ("qutag", 0, 21, "channel 21; qutag files hold channels 0 to 20"),
        ("ptu", 0, 65, "channel 65; ptu files hold channels 0 to 64"),
        ("qutag", -5, 1, "at -5 ps; qutag files hold no times before 0"),
        ("ptu", -5, 1, "at -5 ps; ptu files hold no times before 0"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path,
    record: Record,
    block: MakeBlock,
    to: str,
    time_ps: int,
    channel: int,
    message: str,
) -> None:
    with record(tmp_path / "run.h5", n_channels=100) as recorder:
        recorder.record("tdc", block([time_ps, 3], [channel, 1]))
    with open_run(tmp_path / "run.h5") as run:
        with pytest.raises(RunFileError, match=message):
            plan_export(run, to, of_points=False)
        plan = plan_export(run, "npz", of_points=False)
        plan.write(tmp_path / "run.npz", replaces=False)
    with np.load(tmp_path / "run.npz") as arrays:
        assert arrays["time_ps"].tolist() == [time_ps, 3]


@pytest.mark.parametrize("to", TAG_FORMATS)
def test_a_damaged_run_is_refused_until_it_is_recovered(
    tmp_path: Path, record: Record, block: MakeBlock, to: str
) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.record("tdc", block(range(10_000)))
        recorder.end("finished")
    with h5py.File(path, "r+") as file:
        file["entry/tags/tdc/delta"][5] = 99
    with open_run(path) as run, pytest.raises(RunFileError, match="fail their checksum"):
        plan_export(run, to, of_points=False)
    # Recovered, it is exported, and the gap is told.
    with open_run(recover_run(path).path) as run:
        plan = plan_export(run, to, of_points=False)
    assert plan.rows == 0
    assert any("10000 lost tags" in warning for warning in plan.warnings)


@pytest.mark.parametrize("to", TAG_FORMATS)
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, record: Record, block: MakeBlock, to: str
) -> None:
    rng = np.random.default_rng(1)
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block(np.cumsum(rng.integers(0, 10**6, 50_000))))
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        plan = plan_export(run, to, of_points=False)
        with (
            largest_file(60_000),
            pytest.raises(RunFileError, match="cannot be written: File too large"),
        ):
            plan.write(tmp_path / "out", replaces=False)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["run.h5"]


def test_of_several_taggers_one_must_be_named(tmp_path: Path, block: MakeBlock) -> None:
    taggers = [
        TaggerHeader(name=name, resolution_ps=4, n_channels=8, simulated=False)
        for name in ("alice", "bob")
    ]
    header = RunHeader(experiment="x", simulated=False)
    with Recorder(tmp_path / "run.h5", header, taggers) as recorder:
        recorder.record("bob", block([2, 3]))
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        with pytest.raises(LimitError, match="tags of alice, bob; name one with --tagger"):
            plan_export(run, "csv", of_points=False)
        with pytest.raises(LimitError, match=r'no tagger "bobb" \(did you mean "bob"'):
            plan_export(run, "csv", of_points=False, tagger="bobb")
        plan = plan_export(run, "csv", of_points=False, tagger="bob")
    assert (plan.rows, plan.warnings) == (2, ())


def test_a_run_without_a_tagger_has_no_tags_but_points(tmp_path: Path) -> None:
    header = RunHeader(experiment="x", simulated=True)
    with Recorder(tmp_path / "run.h5", header, []) as recorder:
        recorder.point(1, 1, {"power_mw": 2.5})
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        with pytest.raises(RunFileError, match="used no tagger"):
            plan_export(run, "npz", of_points=False)
        plan = plan_export(run, "csv", of_points=True)
    assert (plan.rows, plan.warnings) == (1, ("the run is simulated",))


@pytest.mark.parametrize("to", POINT_FORMATS)
def test_points_become_a_table(tmp_path: Path, record: Record, to: str) -> None:
    path = tmp_path / f"points.{to}"
    with record(tmp_path / "run.h5") as recorder:
        recorder.point(1, 2, {"angle_deg": 22.5, "counts": {"1-2": 7}, "trace": [1, 2]})
        recorder.point(2, 2, {"angle_deg": 45, "note": "é, last", "counts": {"1-2": 9}})
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        plan = plan_export(run, to, of_points=True)
        assert plan.write(path, replaces=False) == path.stat().st_size
    table = pd.read_csv(path) if to == "csv" else pd.read_parquet(path)
    assert list(table.columns) == [
        "number",
        "total",
        "utc_ns",
        "angle_deg",
        "counts.1-2",
        "trace",
        "note",
    ]
    assert table["number"].tolist() == [1, 2]
    assert table["total"].tolist() == [2, 2]
    assert table["angle_deg"].tolist() == [22.5, 45.0]
    assert table["counts.1-2"].tolist() == [7, 9]
    assert json.loads(table["trace"][0]) == [1, 2]
    assert pd.isna(table["trace"][1])
    assert table["note"][1] == "é, last"


@pytest.mark.parametrize("to", POINT_FORMATS)
def test_a_run_without_points_gives_an_empty_table(tmp_path: Path, record: Record, to: str) -> None:
    path = tmp_path / f"points.{to}"
    with record(tmp_path / "run.h5") as recorder:
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        plan_export(run, to, of_points=True).write(path, replaces=False)
    table = pd.read_csv(path) if to == "csv" else pd.read_parquet(path)
    assert list(table.columns) == ["number", "total", "utc_ns"]
    assert len(table) == 0


def test_a_parquet_column_of_mixed_kinds_becomes_json_text(tmp_path: Path, record: Record) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.point(1, 2, {"value": 1})
        recorder.point(2, 2, {"value": "out of range"})
        recorder.end("finished")
    with open_run(tmp_path / "run.h5") as run:
        plan_export(run, "parquet", of_points=True).write(tmp_path / "p.parquet", replaces=False)
    values = pd.read_parquet(tmp_path / "p.parquet")["value"].tolist()
    assert [json.loads(value) for value in values] == [1, "out of range"]
