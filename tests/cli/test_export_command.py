from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.cli.exit_codes import ExitCode
from labctl.storage import Recorder, RunHeader, TaggerHeader
from labctl.tags.block import TagBlock, TagFlags

Labctl = Callable[..., Any]


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    """Return a finished run: three tags of `tdc`, seven lost ones, one point."""
    path = tmp_path / "night.h5"
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=4, simulated=False)
    block = TagBlock(
        np.array([3, 500, 10**12], np.int64),
        np.array([1, 2, 1], np.uint8),
        0,
        2 * 10**12,
        lost=7,
        flags=TagFlags.OVERFLOW,
    )
    with Recorder(path, RunHeader(experiment="test", simulated=False), [tagger]) as recorder:
        recorder.record("tdc", block)
        recorder.point(1, 1, {"power_mw": 2.5})
        recorder.end("finished")
    return path


def test_an_export_says_what_it_wrote_and_what_is_not_in_it(run_path: Path, labctl: Labctl) -> None:
    told = labctl("export", run_path, "--to", "qutag")

    written = run_path.with_suffix(".qutag")
    assert told.code == ExitCode.FINISHED
    # The header of 40 bytes and three records of 10.
    assert told.out == f"wrote 3 tags, 70 bytes, to {written}\n"
    assert written.stat().st_size == 70
    assert "warning: 7 lost tags and 1 flagged intervals" in told.err


def test_machines_get_one_json_document(run_path: Path, labctl: Labctl, tmp_path: Path) -> None:
    target = tmp_path / "mine.csv"
    told = labctl("export", run_path, "--to", "csv", "--out", target, "--tagger", "tdc", "--json")

    assert told.code == ExitCode.FINISHED
    assert told.err == ""
    facts = told.json
    (warning,) = facts.pop("warnings")
    assert warning.startswith("7 lost tags")
    assert facts == {
        "path": str(target),
        "format": "csv",
        "tags": 3,
        "bytes": target.stat().st_size,
        "start_ps": 0,
        "stop_ps": 2 * 10**12,
        "lost": 7,
        "flagged": 1,
    }
    with target.open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [
            {"time_ps": "3", "channel": "1"},
            {"time_ps": "500", "channel": "2"},
            {"time_ps": "1000000000000", "channel": "1"},
        ]


def test_photon_hdf5_says_where_the_losses_are(run_path: Path, labctl: Labctl) -> None:
    told = labctl("export", run_path, "--to", "photon-hdf5")

    written = run_path.with_name("night.photon.hdf5")
    assert told.code == ExitCode.FINISHED
    assert told.out == f"wrote 3 tags, {written.stat().st_size} bytes, to {written}\n"
    assert "7 lost tags and 1 flagged intervals of the run are listed in" in told.err
    assert "/user/labctl/taggers" in told.err
    assert labctl("export", run_path, "--to", "photon-hdf5", "--force").code == ExitCode.FINISHED


def test_points_go_beside_the_tags(run_path: Path, labctl: Labctl) -> None:
    told = labctl("export", run_path, "--to", "csv", "--what", "points", "--json")

    assert told.json["path"] == str(run_path.with_name("night_points.csv"))
    assert told.json["points"] == 1
    with run_path.with_name("night_points.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["power_mw"] == "2.5"


def test_a_file_that_exists_is_replaced_with_force_only(run_path: Path, labctl: Labctl) -> None:
    written = run_path.with_suffix(".npz")
    written.write_bytes(b"old")
    told = labctl("export", run_path, "--to", "npz")
    assert told.code == ExitCode.FAILED
    assert "exists already. Add --force" in told.err
    assert written.read_bytes() == b"old"

    assert labctl("export", run_path, "--to", "npz", "--force").code == ExitCode.FINISHED
    with np.load(written) as arrays:
        assert arrays["time_ps"].tolist() == [3, 500, 10**12]


def test_the_run_itself_is_not_replaced_even_with_force(run_path: Path, labctl: Labctl) -> None:
    before = run_path.read_bytes()
    told = labctl("export", run_path, "--to", "csv", "--out", run_path, "--force")
    assert told.code == ExitCode.FAILED
    assert "HDF5 file and is not replaced" in told.err
    assert run_path.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "qutog"], '"qutog" is no format for tags (did you mean "qutag"?)'),
        (["--to", "h5"], '"h5" is no format for tags'),
        (["--to", "ptu", "--what", "points"], "for points; known are: csv, parquet"),
        (["--to", "csv", "--what", "noise"], '--what "noise" is unknown'),
        (["--to", "csv", "--tagger", "tdd"], 'no tagger "tdd" (did you mean "tdc"?)'),
    ],
)
def test_a_wrong_wish_is_explained(
    run_path: Path, labctl: Labctl, options: list[str], message: str
) -> None:
    told = labctl("export", run_path, *options)
    assert told.code == ExitCode.USAGE
    assert message in told.err
    assert [path.name for path in run_path.parent.glob("night*")] == ["night.h5"]


def test_a_missing_run_is_named(tmp_path: Path, labctl: Labctl) -> None:
    told = labctl("export", tmp_path / "none.h5", "--to", "csv")
    assert told.code == ExitCode.FAILED
    assert "none.h5" in told.err
