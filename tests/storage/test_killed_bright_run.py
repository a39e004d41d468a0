"""The promise of the run file, whole: a bright source, kill -9, and nothing published is lost."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.storage import open_run, verify_run
from labctl.tags.block import TagBlock
from simulated_devices.truth import read_truth
from tests.storage.bright_run_process import PACED_PS, PACED_TAGS, paced_block
from tests.storage.recordings import environment

SCRIPT = Path(__file__).with_name("bright_run_process.py")


@dataclass(frozen=True)
class Killed:
    """What was published before the end."""

    path: Path
    published: list[dict[str, Any]]

    @property
    def rate_hz(self) -> float:
        """Tags per second of wall time, from the first acknowledgement to the last."""
        first, last = self.published[0], self.published[-1]
        return float((last["n_tags"] - first["n_tags"]) / (last["at_s"] - first["at_s"]))


def record_and_kill(folder: Path, source: str, life_s: float) -> Killed:
    """Kill the recording so long after its third acknowledgement."""
    folder.mkdir()
    lines: list[str] = []
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), source],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        lines += [process.stdout.readline() for _ in range(3)]
        try:
            process.wait(timeout=life_s)
        except subprocess.TimeoutExpired:
            process.kill()
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    published = [json.loads(line) for line in lines if line.endswith("\n")]
    return Killed(folder / "run.h5", published)


def whole(path: Path, told: dict[str, Any]) -> TagBlock:
    """Return all tags of the file as one block; it opens, verifies, and ends late enough."""
    found = verify_run(path)
    assert (found.state, found.damages) == ("unfinished", ())
    with open_run(path) as run:
        assert run.status == "interrupted"
        blocks = list(run.tags())
    assert blocks[-1].stop_ps >= told["safe_until_ps"]
    assert all(a.stop_ps == b.start_ps for a, b in itertools.pairwise(blocks))
    assert sum(block.lost for block in blocks) == 0
    times_ps = np.concatenate([block.times_ps for block in blocks])
    channels = np.concatenate([block.channels for block in blocks])
    assert times_ps.size >= told["n_tags"]
    return TagBlock(times_ps, channels, blocks[0].start_ps, blocks[-1].stop_ps)


def kill_and_compare_with_the_truth(folder: Path, power_mw: float, life_s: float) -> Killed:
    killed = record_and_kill(folder, str(power_mw), life_s)
    there = whole(killed.path, killed.published[-1])
    times_ps, channels = read_truth(folder / "truth.bin")
    first, last = np.searchsorted(times_ps, (there.start_ps, there.stop_ps))
    np.testing.assert_array_equal(there.times_ps, times_ps[first:last])
    np.testing.assert_array_equal(there.channels, channels[first:last])
    return killed


def test_a_killed_run_of_a_simulated_tagger_has_every_tag_that_was_safe(tmp_path: Path) -> None:
    kill_and_compare_with_the_truth(tmp_path / "run", 5.0, random.Random(1).uniform(0.0, 0.5))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kill", range(4))
def test_a_killed_run_at_20_mcps_of_a_simulated_tagger_has_every_tag_that_was_safe(
    tmp_path: Path, kill: int
) -> None:
    """20 million tags per second of tag time; the wall takes as long as the simulation needs."""
    life_s = random.Random(kill).uniform(0.0, 5.0)
    killed = kill_and_compare_with_the_truth(tmp_path / "run", 555.0, life_s)
    last = killed.published[-1]
    assert last["n_tags"] / (last["safe_until_ps"] * 1e-12) > 15e6
    print(f"{killed.rate_hz / 1e6:.1f} Mtag/s of wall time")  # noqa: T201 - shown with -s


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kill", range(4))
def test_a_run_killed_at_20_mtag_per_second_of_wall_time_has_every_tag_that_was_safe(
    tmp_path: Path, kill: int
) -> None:
    killed = record_and_kill(tmp_path / "run", "paced", random.Random(kill).uniform(0.0, 4.0))
    there = whole(killed.path, killed.published[-1])
    n_blocks = there.stop_ps // PACED_PS
    pattern = paced_block(0)
    assert len(there) == n_blocks * PACED_TAGS
    shifts_ps = np.arange(n_blocks, dtype=np.int64)[:, np.newaxis] * PACED_PS
    times_ps = there.times_ps.reshape(n_blocks, PACED_TAGS)
    np.testing.assert_array_equal(times_ps - shifts_ps, np.tile(pattern.times_ps, (n_blocks, 1)))
    np.testing.assert_array_equal(there.channels, np.tile(pattern.channels, n_blocks))
    print(f"{killed.rate_hz / 1e6:.1f} Mtag/s of wall time")  # noqa: T201 - shown with -s
