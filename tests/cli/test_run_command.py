from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labctl.lab import find_open_labs
from labctl.storage import open_run

Labctl = Callable[..., Any]
FAST = ("--simulated", "--speed", "0", "--out", "runs")
FAILS = """
from labctl.runs import Experiment, Parameters, Progress, settle

def plan(bench, _):
    yield from settle(bench, 0.05)
    raise RuntimeError("the sample fell off")

EXPERIMENT = Experiment("fails", "", Parameters, plan, needs_light=True, points=lambda _: 1)
"""


def run_files() -> list[Path]:
    return sorted(Path("runs").glob("*/*.h5"))


def test_a_run_prints_its_result_and_where_it_is(labctl: Labctl, bench: Path) -> None:
    told = labctl("run", "counting", "-p", "dwell_s=0.2", *FAST, "--config", bench)

    assert told.code == 0
    assert "alice_h-bob_h" in told.out
    (file,) = run_files()
    assert f"finished — {file}" in told.out
    assert "SIMULATED" in told.err
    assert "armed by itself: every instrument of this bench is simulated" in told.err
    assert find_open_labs() == []


def test_a_run_tells_its_result_as_json(labctl: Labctl, bench: Path) -> None:
    told = labctl("run", "counting", "-p", "dwell_s=0.2", *FAST, "--config", bench, "--json")

    assert told.code == 0
    outcome = told.json
    assert outcome["status"] == "finished"
    assert outcome["result"]["singles_hz"]["alice_h"]["value"] > 20_000
    with open_run(outcome["path"]) as file:
        assert file.status == "finished"
        assert file.metadata["uid"] == outcome["uid"]
        assert file.result["pairs"] == outcome["result"]["pairs"]


def test_a_run_tells_its_progress_as_json_lines(labctl: Labctl, bench: Path) -> None:
    told = labctl(
        "run", "counting", "-p", "dwell_s=1", "-p", "points=3", *FAST, "--config", bench,
        "--progress", "json",
    )  # fmt: skip

    assert told.code == 0
    *statuses, end = [json.loads(line) for line in told.out.splitlines()]
    assert {status["event"] for status in statuses} == {"status"}
    assert statuses[-1]["state"] == "finished"
    fractions = [status["fraction"] for status in statuses]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert (statuses[-1]["points_done"], statuses[-1]["points_total"]) == (3, 3)
    assert (end["event"], end["status"]) == ("end", "finished")


def test_equal_seeds_give_equal_results(labctl: Labctl, bench: Path) -> None:
    results = [
        labctl(
            "run", "counting", "-p", "dwell_s=0.1", *FAST, "--seed", seed, "--config", bench,
            "--json",
        ).json["result"]
        for seed in (4, 4, 5)
    ]  # fmt: skip

    assert results[0] == results[1]
    assert results[0] != results[2]


def test_a_run_that_is_not_armed_counts_in_the_dark(labctl: Labctl, bench: Path) -> None:
    told = labctl(
        "run", "counting", "-p", "dwell_s=0.2", *FAST, "--no-arm", "--config", bench, "--json"
    )

    assert told.json["result"]["singles_hz"]["alice_h"]["value"] < 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("countin",), ('unknown experiment "countin" (did you mean "counting"?)',)),
        (("absent.py",), ("there is no experiment file absent.py",)),
        (("counting", "-p", "dwell_s"), ('parameter "dwell_s" is not NAME=VALUE',)),
        (
            ("counting", "-p", "dwel_s=1", "-p", "points=many", "-p", "window_full_ps=0"),
            (
                "experiment counting has 3 mistakes",
                'dwel_s: unknown key (did you mean "dwell_s"?)',
                "points: input should be a valid integer",
                "window_full_ps: input should be greater than 0",
            ),
        ),
    ],
)
def test_a_wrong_experiment_or_parameter_ends_with_2_before_anything_opens(
    arguments: tuple[str, ...], said: tuple[str, ...], labctl: Labctl, bench: Path
) -> None:
    told = labctl("run", *arguments, *FAST, "--config", bench)

    assert told.code == 2
    for text in said:
        assert text in told.err
    assert "Traceback" not in told.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ("alice_h-bobh", 'unknown detector "bobh" (did you mean "bob_h"?)'),
        ("1-9", 'unknown detector "9"'),
        ("alice_h", 'pair "alice_h" is not two detectors joined by -'),
        ("alice_h-alice_h", "names the same detector twice"),
    ],
)
def test_a_wrong_pair_ends_with_2(pairs: str, said: str, labctl: Labctl, bench: Path) -> None:
    told = labctl("run", "counting", "-p", f"pairs={pairs}", *FAST, "--config", bench)

    assert told.code == 2
    assert said in told.err


def test_a_plan_that_fails_ends_with_1_and_a_file_that_says_so(
    labctl: Labctl, bench: Path, here: Path
) -> None:
    (here / "fails.py").write_text(FAILS)

    told = labctl("run", "fails.py", *FAST, "--config", bench)

    assert told.code == 1
    assert "RuntimeError: the sample fell off" in told.err
    assert "Traceback" not in told.err
    (path,) = run_files()
    with open_run(path) as file:
        assert file.status == "failed"
        assert file.snapshots()[-1]["instruments"]["pump"]["emission"] is False


def test_a_plan_that_fails_shows_its_traceback_where_it_was_asked_for(
    spawn: Callable[..., Any], bench: Path, here: Path
) -> None:
    (here / "fails.py").write_text(FAILS)

    told = spawn("run", "fails.py", *FAST, "--config", bench, "--debug").end()

    assert told.code == 1
    assert "Traceback" in told.err
    assert "the sample fell off" in told.err


def test_a_folder_that_cannot_be_made_fails_the_run(
    labctl: Labctl, bench: Path, here: Path
) -> None:
    (here / "taken").write_text("a file")

    told = labctl("run", "counting", *FAST, "--out", "taken", "--config", bench)

    assert told.code == 1
    assert "the data folder taken" in told.err


def test_a_list_of_true_tags_that_cannot_be_written_is_refused(labctl: Labctl, bench: Path) -> None:
    told = labctl("run", "counting", *FAST, "--truth", "absent/truth", "--config", bench)

    assert told.code == 2
    assert "absent/truth" in told.err
    assert "bug of labctl" not in told.err
