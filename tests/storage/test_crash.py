from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import labctl.storage
from labctl.errors import RunFileError
from labctl.storage import open_run

SCRIPT = Path(__file__).with_name("recording_process.py")
ROOT = Path(labctl.storage.__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """What the recording process said before it ended."""

    acknowledgements: list[dict[str, int]]
    error: str | None
    return_code: int
    life_s: float


@pytest.fixture(scope="module")
def source() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recording_process", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_recorder(
    path: Path,
    seed: int,
    life_s: float | None,
    limit_bytes: int = 0,
    acknowledged_before: int = 0,
) -> Outcome:
    """Record in a process of its own; kill it `life_s` after it acknowledged so often."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(path), str(seed), str(limit_bytes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began_s = time.monotonic()
        first = [process.stdout.readline() for _ in range(acknowledged_before)]
        try:
            process.wait(timeout=life_s)
        except subprocess.TimeoutExpired:
            process.kill()
        lived_s = time.monotonic() - began_s
        text, errors = process.communicate()
        text = "".join(first) + text
    assert errors == ""
    whole_lines = text[: text.rfind("\n") + 1].splitlines()
    facts: list[dict[str, Any]] = [json.loads(line) for line in whole_lines]
    said = [fact["error"] for fact in facts if "error" in fact]
    return Outcome(
        [fact for fact in facts if "error" not in fact],
        said[0] if said else None,
        process.returncode,
        lived_s,
    )


def assert_acknowledged_is_there(
    path: Path, seed: int, outcome: Outcome, source: ModuleType
) -> None:
    """Compare the file with the source's own list, up to and beyond the last acknowledgement."""
    if not outcome.acknowledgements:
        return
    last = outcome.acknowledgements[-1]
    with open_run(path) as run:
        blocks = list(run.tags())
        n_points = len(run.points())
    sent = list(source.blocks(seed))
    times_ps = np.concatenate([block.times_ps for block in blocks])
    channels = np.concatenate([block.channels for block in blocks])
    assert times_ps.size >= last["n_tags"]
    assert blocks[-1].stop_ps >= last["safe_until_ps"]
    assert n_points >= last["n_points"]
    sent_times_ps = np.concatenate([block.times_ps for block in sent])
    sent_channels = np.concatenate([block.channels for block in sent])
    np.testing.assert_array_equal(times_ps, sent_times_ps[: times_ps.size])
    np.testing.assert_array_equal(channels, sent_channels[: times_ps.size])
    stop_ps = blocks[-1].stop_ps
    assert sum(block.lost for block in blocks) == sum(
        block.lost for block in sent if block.stop_ps <= stop_ps
    )


@pytest.fixture(scope="module")
def whole_life_s(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Return how long a recording that nobody kills takes on this machine, close included."""
    path = tmp_path_factory.mktemp("undisturbed") / "run.h5"
    outcome = run_recorder(path, 0, None)
    assert outcome.return_code == 0
    return outcome.life_s


def kill_and_compare(folder: Path, kill: int, life_s: float, source: ModuleType) -> Outcome:
    path = folder / f"{kill}.h5"
    outcome = run_recorder(path, kill, random.Random(kill).uniform(0.0, life_s))
    assert_acknowledged_is_there(path, kill, outcome, source)
    if outcome.acknowledgements and outcome.return_code != 0:
        with open_run(path) as run:
            # Killed after its last record but before the process was gone: the run did finish.
            assert run.status == ("finished" if run.end else "interrupted")
    return outcome


def kill_many_times(
    folder: Path, kills: range, life_s: float, source: ModuleType
) -> tuple[int, int]:
    """Return how many recorders died of the kill, and how many of these had acknowledged."""
    outcomes = [kill_and_compare(folder, kill, life_s, source) for kill in kills]
    killed = [outcome for outcome in outcomes if outcome.return_code == -signal.SIGKILL]
    return len(killed), sum(bool(outcome.acknowledgements) for outcome in killed)


@pytest.mark.parametrize("kill", range(10))
def test_kill_9_loses_nothing_acknowledged(tmp_path: Path, kill: int, source: ModuleType) -> None:
    """Killed at a random moment after a random acknowledgement, however fast the machine is."""
    chance = random.Random(kill)
    path = tmp_path / "killed.h5"
    outcome = run_recorder(
        path, kill, chance.uniform(0.0, 0.01), acknowledged_before=chance.randint(0, 20)
    )
    assert outcome.return_code == -signal.SIGKILL
    assert_acknowledged_is_there(path, kill, outcome, source)
    if outcome.acknowledgements:
        with open_run(path) as run:
            assert run.status == "interrupted"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_200_times_kill_9_loses_nothing_acknowledged(
    tmp_path: Path, whole_life_s: float, source: ModuleType
) -> None:
    n_killed, n_with_tags = kill_many_times(tmp_path, range(100, 300), whole_life_s, source)
    print(f"{n_killed} of 200 recorders killed, {n_with_tags} after an acknowledgement")  # noqa: T201 - shown with -s
    assert n_killed >= 120
    assert n_with_tags >= 80


@pytest.mark.parametrize("limit_bytes", [1_400_000, 1_500_000])
def test_a_full_disk_ends_the_run_with_all_acknowledged_intact(
    tmp_path: Path, limit_bytes: int, source: ModuleType
) -> None:
    path = tmp_path / "full.h5"
    outcome = run_recorder(path, 1, None, limit_bytes)
    assert outcome.return_code == 0
    assert outcome.error is not None
    assert "the recorder stopped" in outcome.error
    assert f"All up to acknowledgement {len(outcome.acknowledgements)} is intact" in outcome.error
    assert outcome.acknowledgements[-1]["n_tags"] > 0
    assert_acknowledged_is_there(path, 1, outcome, source)
    with open_run(path) as run:
        assert run.status == "interrupted"


def test_a_disk_full_at_the_start_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "full.h5"
    outcome = run_recorder(path, 1, None, 2_000)
    assert outcome.error is not None
    assert "could not be created" in outcome.error
    assert outcome.acknowledgements == []
    assert outcome.return_code == 0
    assert not path.exists()
    with pytest.raises(RunFileError, match="cannot be read: No such file"):
        open_run(path)
