"""kill -9 at any moment of a run: what was acknowledged is in the file, and it is true."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from labctl.lab import find_open_labs
from labctl.storage import open_run
from simulated_devices.truth import read_truth

Spawn = Callable[..., Any]
Tags = NDArray[np.int64]

KILLS = 10
#: The counter of the TDC1 starts again after 2^27 steps of 2 ns; a stream's times count from
#: the beginning of such a period.
PERIOD_PS = 2**27 * 2000


@dataclass(frozen=True)
class Corpse:
    """A run that was killed: its file, its true tags and what it had acknowledged."""

    path: Path
    truth: Path
    safe_until_ps: int | None


def sorted_tags(times_ps: Tags, channels: NDArray[Any]) -> Tags:
    """Return rows of (step, channel) in one order; the tagger counts in steps of 2 ns."""
    rows = np.stack([times_ps // 2000, channels.astype(np.int64)], axis=1)
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def recorded(path: Path, until_ps: int) -> Tags:
    with open_run(path) as file:
        blocks = [block.between(-(2**62), until_ps) for block in file.tags("tagger")]
    return sorted_tags(
        np.concatenate([block.times_ps for block in blocks]),
        np.concatenate([block.channels for block in blocks]),
    )


def true(path: Path, first_ps: int, until_ps: int) -> Tags:
    """Return what the tagger sent, in the stream's own time."""
    times_ps, channels = read_truth(path)
    times_ps = times_ps - (times_ps[0] - first_ps) // PERIOD_PS * PERIOD_PS
    is_safe = times_ps < until_ps
    return sorted_tags(times_ps[is_safe], channels[is_safe])


def killed(spawn: Spawn, bench: Path, number: int) -> Corpse:
    generator = random.Random(number)
    truth = Path(f"truth_{number}")
    run = spawn(
        "run", "counting", "-p", "dwell_s=600", "--simulated", "--seed", number, "--config", bench,
        "--progress", "json", "--truth", truth, "--out", f"runs_{number}",
    )  # fmt: skip
    # Half of the runs die at any moment, the others at any moment after an acknowledgement.
    said = run.status(lambda status: number % 2 == 0 or status["safe_until_ps"])
    end_s = time.monotonic() + generator.uniform(0.0, 4.0)
    # What the pipe holds after the kill was said before it.
    while time.monotonic() < end_s:
        said = run.status(lambda _: True)
    run.process.kill()
    run.process.wait()
    for line in run.process.stdout:
        if line.endswith("}\n"):
            said = json.loads(line)
    return Corpse(Path(said["path"]), truth, said["safe_until_ps"].get("tagger"))


@pytest.mark.slow
def test_no_acknowledged_tag_is_lost_by_kill_9(
    spawn: Spawn, bench: Path, labctl: Callable[..., Any]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        corpses = list(pool.map(lambda number: killed(spawn, bench, number), range(KILLS)))

    checked = 0
    for corpse in corpses:
        with open_run(corpse.path) as file:
            assert file.status == "interrupted"
        if corpse.safe_until_ps is None:
            continue
        in_file = recorded(corpse.path, corpse.safe_until_ps)
        sent = true(corpse.truth, int(in_file[0, 0]) * 2000, corpse.safe_until_ps)
        assert np.array_equal(in_file, sent), corpse
        checked += len(sent)
    acknowledged = sum(corpse.safe_until_ps is not None for corpse in corpses)
    assert acknowledged >= KILLS // 2
    assert checked > 100_000

    assert find_open_labs() == []
    assert labctl("status").out == "no laboratory is open\n"
    after = labctl(
        "run", "counting", "-p", "dwell_s=0.1", "--simulated", "--speed", "0", "--config", bench,
        "--json",
    )  # fmt: skip
    assert after.code == 0
    assert after.json["status"] == "finished"
    print(f"{KILLS} kills, {acknowledged} after an acknowledgement, {checked} tags compared")  # noqa: T201
