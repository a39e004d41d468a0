from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.analysis import MatrixAnalyzer, RateAnalyzer
from labctl.lab import Bench
from labctl.runs import Experiment, Parameters, Plan, open_lab, settle
from labctl.storage import open_run

Labctl = Callable[..., Any]


@pytest.fixture
def finished(bench: Path, tmp_path: Path) -> Path:
    with open_lab(bench, simulated=True, seed=2, speed=0) as lab:
        path = lab.run("counting", folder=tmp_path / "runs", dwell_s=0.5).path
    assert path is not None
    return path


@pytest.fixture
def aborted(bench: Path, tmp_path: Path) -> Path:
    def plan(bench: Bench, _: Parameters) -> Plan[None]:
        lab.abort("the fire alarm rang")
        yield from settle(bench, 0.05)

    experiment = Experiment("drill", "", Parameters, plan, needs_light=False, points=lambda _: 1)
    with open_lab(bench, simulated=True, seed=2, speed=0) as lab:
        path = lab.run(experiment, folder=tmp_path / "runs").path
    assert path is not None
    return path


def test_a_finished_run_is_shown(finished: Path, labctl: Labctl) -> None:
    told = labctl("show", finished)

    assert told.code == 0
    assert ": finished" in told.out
    assert "1 of 1 points" in told.out
    assert "alice_h-bob_h" in told.out
    assert "SIMULATED" in told.err

    shown = labctl("show", finished, "--json").json
    with open_run(finished) as file:
        assert shown["status"] == "finished"
        assert shown["uid"] == file.metadata["uid"]
        assert shown["result"]["pairs"] == file.result["pairs"]
        assert shown["tags"] == {"tagger": sum(len(block) for block in file.tags())}
    assert (shown["planned"], shown["taken"], shown["repeated"]) == (1, 1, 0)


def test_an_aborted_run_is_shown_with_its_reason(aborted: Path, labctl: Labctl) -> None:
    assert "aborted (the fire alarm rang)" in labctl("show", aborted).out
    shown = labctl("show", aborted, "--json").json
    assert (shown["status"], shown["reason"]) == ("aborted", "the fire alarm rang")
    assert shown["result"] is None


def test_an_interrupted_run_is_shown_with_what_there_is(
    spawn: Callable[..., Any], bench: Path, labctl: Labctl
) -> None:
    run = spawn(
        "run", "counting", "-p", "dwell_s=60", "--simulated", "--config", bench, "--progress",
        "json", "--out", "runs",
    )  # fmt: skip
    path = run.status(lambda status: status["safe_until_ps"])["path"]
    growing = labctl("show", path, "--json").json
    assert growing["status"] == "running"
    run.process.kill()
    run.process.wait()

    shown = labctl("show", path, "--json").json

    assert shown["status"] == "interrupted"
    assert shown["tags"]["tagger"] > 0
    assert ": interrupted" in labctl("show", path).out
    counted = labctl("count", path, "--json").json
    assert counted["tags"] == shown["tags"]["tagger"]


def test_a_recorded_run_is_counted_as_the_analysis_counts_it(
    finished: Path, labctl: Labctl
) -> None:
    rates, pairs = RateAnalyzer(5), MatrixAnalyzer(5, 6000)
    with open_run(finished) as file:
        for block in file.tags():
            rates.update(block)
            pairs.update(block)

    counted = labctl("count", finished, "--window-full-ps", "6000", "--json").json

    assert counted["tags"] == rates.result().counts.sum() > 90_000
    for row in counted["singles"]:
        assert row["counts"] == rates.result().counts[row["channel"]]
    assert [row["pair"] for row in counted["pairs"]] == ["1-2", "1-3", "1-4", "2-3", "2-4", "3-4"]
    for row in counted["pairs"]:
        a, b = map(int, row["pair"].split("-"))
        assert row["coincidences"] == pairs.result().counts[a, b]
        assert row["window_effective_ps"] == 6000


def test_the_rates_of_a_recorded_run_are_those_of_its_result(
    finished: Path, labctl: Labctl
) -> None:
    counted = labctl("count", finished, "--window-full-ps", "6000", "--json").json
    with open_run(finished) as file:
        singles = file.result["singles_hz"]

    # The file holds the dwell and a little more, at the same rates.
    for row, name in zip(counted["singles"], singles, strict=True):
        sigma = singles[name]["sigma"]
        assert row["rate_hz"] == pytest.approx(singles[name]["value"], abs=5 * sigma)


def test_counts_are_told_for_people_too(finished: Path, labctl: Labctl) -> None:
    told = labctl(
        "count", finished, "--pairs", "1-3,2-4", "--window-full-ps", "4000", "--delays", "3=0"
    )

    assert told.code == 0
    rows = [line.split()[0] for line in told.out.splitlines() if line[:3].count("-") == 1]
    assert rows == ["1-3", "2-4"]
    assert "all_pairs, full window 4000 ps" in told.out
    assert "acts as 6000 ps" in told.err, "4 ns is no odd multiple of 2 ns"


@pytest.mark.parametrize("convention", ["all_pairs", "any_partner", "greedy_one_to_one"])
def test_every_convention_of_counting_is_there(
    convention: str, finished: Path, labctl: Labctl
) -> None:
    counted = labctl("count", finished, "--convention", convention, "--json").json

    assert counted["convention"] == convention
    assert counted["pairs"][1]["coincidences"] > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--window-full-ps", "0"), "--window-full-ps 0 is not positive"),
        (("--window-full-ps", "-2000"), "--window-full-ps -2000 is not positive"),
        (("--window-full-ps", 10**18), "more than a second"),
        (("--window-full-ps", 10**30), "more than a second"),
        (("--pairs", "1-9"), "channel 9 has no tags in this file; channels here: 1, 2, 3, 4"),
        (("--pairs", "1-1"), "--pairs: 1-1 names one channel twice"),
        (("--pairs", "1"), '"1" is not two channels joined by -'),
        (("--pairs", "1-²"), '"1-²" is not two channels joined by -'),
        (("--pairs", "a-b"), '"a-b" is not two channels joined by -'),
        (("--pairs", ""), '"" is not two channels joined by -'),
        (("--delays", "1"), '"1" is not CHANNEL=PICOSECONDS'),
        (("--delays", "1=x"), '"1=x" is not CHANNEL=PICOSECONDS'),
        (("--delays", "7=0"), "channel 7 has no tags in this file"),
        (("--delays", f"1={10**30}"), "more than a second"),
        (("--convention", "all_pair"), 'did you mean "all_pairs"?'),
    ],
)
def test_a_wrong_choice_ends_with_2_and_says_what_is_allowed(
    arguments: tuple[object, ...], said: str, finished: Path, labctl: Labctl
) -> None:
    told = labctl("count", finished, *arguments)

    assert told.code == 2
    assert said in told.err
    assert told.out == ""


@pytest.mark.parametrize("command", ["show", "count"])
@pytest.mark.parametrize("kind", ["missing", "empty", "foreign", "truncated", "a folder"])
def test_a_file_that_is_no_run_ends_with_1_and_its_name(
    command: str, kind: str, finished: Path, here: Path, labctl: Labctl
) -> None:
    file = here / "run.h5"
    if kind == "a folder":
        file.mkdir()
    elif kind != "missing":
        whole = finished.read_bytes()
        contents = {"empty": b"", "foreign": b"hello" * 100, "truncated": whole[: len(whole) // 3]}
        file.write_bytes(contents[kind])

    told = labctl(command, file)

    assert told.code == 1
    assert "run.h5" in told.err
    assert "bug of labctl" not in told.err
    assert "Traceback" not in told.err
