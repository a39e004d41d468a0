from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import labctl
from labctl.cli.exit_codes import ExitCode
from labctl.cli.main import run_command

EXPERIMENT = """
from labctl.runs import Experiment, Parameters, Plan, Point, settle


class Settings(Parameters):
    steps: int = 2


class Result:
    def to_dict(self):
        return {"steps": 2}

    def rows(self):
        return [{"of": "scan", "quantity": "power_mw", "value": 1.0, "sigma": 0.1}]


def plan(bench, parameters) -> Plan[Result]:
    for number in range(1, parameters.steps + 1):
        bench.devices["pump"].power_mw = float(number)
        yield from settle(bench, 0.1)
        yield Point(number, parameters.steps, {"power_mw": bench.devices["pump"].power_mw})
    return Result()


EXPERIMENT = Experiment(
    name="my_scan",
    summary="Two pump powers.",
    parameters=Settings,
    plan=plan,
    needs_light=False,
    points=lambda parameters: parameters.steps,
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with one finished run of each kind."""
    where = tmp_path_factory.mktemp("runs")
    with labctl.open_lab(simulated=True, seed=4, speed=0) as lab:
        lab.run("counting", folder=where, dwell_s=0.2)
        lab.run("chsh", folder=where, dwell_s=0.1)
    return where


def run_file(folder: Path, experiment: str) -> str:
    (path,) = folder.glob(f"*/*_{experiment}_*.h5")
    return str(path)


def test_runs_of_the_same_second_are_listed_by_when_they_were_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = "2026-11-23T10-00-00"
    names = {"counting": f"{second}_a_000000.h5", "chsh": f"{second}_b_ffffff.h5"}
    for age_s, experiment in enumerate(("counting", "chsh")):
        path = tmp_path / names[experiment]
        shutil.copy(run_file(folder, experiment), path)
        os.utime(path, (1_000_000 - age_s, 1_000_000 - age_s))
    assert run_command(["runs", str(tmp_path), "--json"]) == ExitCode.FINISHED
    found = json.loads(capsys.readouterr().out)
    assert [run["experiment"] for run in found] == ["counting", "chsh"]


def test_runs_are_listed_newest_first_and_found_by_what_they_say(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["runs", str(folder), "--json"]) == ExitCode.FINISHED
    found = json.loads(capsys.readouterr().out)
    assert [run["experiment"] for run in found] == ["chsh", "counting"]
    assert {run["status"] for run in found} == {"finished"}
    assert all(run["simulated"] for run in found)
    for options in (["--experiment", "counting"], ["--text", "singles_hz"]):
        run_command(["runs", str(folder), *options, "--json"])
        assert [run["experiment"] for run in json.loads(capsys.readouterr().out)] == ["counting"]


def test_a_damaged_file_among_the_runs_is_shown_as_such(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path(run_file(folder, "counting")).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    assert run_command(["runs", str(tmp_path)]) == ExitCode.FINISHED
    assert "damaged" in capsys.readouterr().out


def test_a_folder_without_runs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["runs", str(tmp_path / "none")]) == ExitCode.USAGE
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_a_replay_says_that_the_result_is_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command(["replay", run_file(folder, "chsh"), "--json"])
    assert code == ExitCode.FINISHED
    replayed = json.loads(capsys.readouterr().out)
    assert replayed["same_as_original"] is True
    assert replayed["tags"] > 0


def test_show_prints_the_result_and_every_setting_and_writes_the_figure(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    png = tmp_path / "s.png"
    code = run_command(["show", run_file(folder, "chsh"), "--settings", "--png", str(png)])
    assert code == ExitCode.FINISHED
    shown = capsys.readouterr().out
    assert "E(a'b')" in shown
    for setting in ("pump.power_mw", "snspd.bias_ua", "alice_hwp.angle_deg", "tagger.threshold_v"):
        assert setting in shown
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_correlation_is_printed_and_written_as_table_and_picture(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, png = tmp_path / "peak.csv", tmp_path / "peak.png"
    options = ["--pairs", "1-3,2-4", "--range-ps", "20000", "--bin-ps", "2000"]
    files = ["--csv", str(table), "--png", str(png)]
    source = run_file(folder, "counting")
    assert run_command(["correlate", source, *options, *files, "--json"]) == ExitCode.FINISHED
    found = json.loads(capsys.readouterr().out)
    lags, counts = np.array(found["lags_ps"]), np.array(found["counts"]["1-3"])
    # All four ways are equally long: the peak of the pairs is at zero lag.
    assert lags[counts.argmax()] == 0
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows[0] == ["lag_ps", "1-3", "2-4"]
    assert [int(row[1]) for row in rows[1:]] == counts.tolist()
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--pairs", "1-9"], "channel 9 has no tags"),
        (["--pairs", "one-two"], "not two channels"),
        (["--pairs", "1-3", "--bin-ps", "0"], "must both be positive"),
    ],
)
def test_a_correlation_that_makes_no_sense_is_refused(
    folder: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["correlate", run_file(folder, "counting"), *options]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_an_experiment_in_one_file_runs_like_any_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "my_scan.py"
    script.write_text(EXPERIMENT)
    options = ["--simulated", "--speed", "0", "--out", str(tmp_path), "-p", "steps=3", "--json"]
    assert run_command(["run", str(script), *options]) == ExitCode.FINISHED
    path = json.loads(capsys.readouterr().out)["path"]
    with labctl.open_run(path) as run:
        assert [point["power_mw"] for point in run.points()] == [1.0, 2.0, 3.0]
        assert run.metadata["experiment"] == "my_scan"


@pytest.mark.parametrize(
    ("text", "said"),
    [("x = 1\n", "defines no EXPERIMENT"), ("import nothing_like_it\n", "cannot be imported")],
)
def test_a_file_that_is_no_experiment_is_refused(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(text)
    assert run_command(["run", str(script), "--simulated"]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_measured_delays_are_kept_when_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run_command(["init"])
    options = ["--simulated", "--speed", "0", "--out", str(tmp_path), "--apply"]
    assert run_command(["run", "delays", *options]) == ExitCode.FINISHED
    assert "calibration written to" in capsys.readouterr().err
    kept = json.loads((tmp_path / "instruments.calibration.json").read_text())
    assert set(kept["delays_ps"]) == {"alice_h", "alice_v", "bob_h", "bob_v"}
    assert run_command(["run", "counting", *options]) == ExitCode.USAGE
    assert "measures nothing to keep" in capsys.readouterr().err
