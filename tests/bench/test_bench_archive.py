"""Speed of archiving, verifying and exporting a run, against a plain copy of the file with fsync.

16 Mi tags at 1 Mcps on four channels, best of 3, on the disk of the temporary folder. Targets: at
most 3.3 bytes per archived tag; 130 Mtag/s for verify.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from labctl.storage import (
    Recorder,
    RunHeader,
    TaggerHeader,
    archive_run,
    open_run,
    verify_run,
)
from labctl.storage.export import TAG_FORMATS, plan_export
from labctl.tags.block import TagBlock

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]

TAGS = 16 * 2**20
BLOCK = 50_000
ROUNDS = 3


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "run.h5"
    rng = np.random.default_rng(1)
    times_ps = np.cumsum(rng.exponential(1e6, TAGS).astype(np.int64))
    channels = rng.integers(1, 5, TAGS).astype(np.uint8)
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=4, simulated=True)
    with Recorder(path, RunHeader(experiment="bench", simulated=True), [tagger]) as recorder:
        start_ps = 0
        for first in range(0, TAGS, BLOCK):
            part = slice(first, first + BLOCK)
            stop_ps = int(times_ps[part][-1]) + 1
            recorder.record("tdc", TagBlock(times_ps[part], channels[part], start_ps, stop_ps))
            start_ps = stop_ps
        recorder.end("finished")
    return path


@pytest.fixture(scope="module")
def archived(recorded: Path) -> Path:
    path = recorded.with_name("archived.h5")
    shutil.copy(recorded, path)
    archive_run(path)
    return path


def copy_and_sync(source: Path, target: Path) -> None:
    with source.open("rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing, 8 * 2**20)
        writing.flush()
        os.fsync(writing.fileno())


def measure(
    benchmark: BenchmarkFixture,
    name: str,
    run: Callable[[], Any],
    copied: tuple[Path, Path],
    prepare: Callable[[], Any] | None = None,
) -> None:
    """Print Mtag/s, best of 3, and how many copies of the source file fit into that time."""
    timed: Any = benchmark  # pytest-benchmark's `pedantic` is untyped
    copies_s = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        copy_and_sync(*copied)
        copies_s.append(time.perf_counter() - started)
    timed.pedantic(run, setup=prepare, rounds=ROUNDS, warmup_rounds=1)
    seconds = timed.stats.stats.min
    text = f"{TAGS / seconds / 1e6:.0f} Mtag/s, {seconds / min(copies_s):.2f} of a copy with fsync"
    benchmark.extra_info["rate"] = text
    print(f"\n{name}: {text}")


def test_speed_and_size_of_archiving(
    benchmark: BenchmarkFixture, recorded: Path, tmp_path: Path
) -> None:
    path = tmp_path / "run.h5"

    def prepare() -> None:
        shutil.copy(recorded, path)

    copied = (recorded, tmp_path / "copy")
    measure(benchmark, "archive, checks included", lambda: archive_run(path), copied, prepare)
    before, after = (file.stat().st_size / TAGS for file in (recorded, path))
    print(f"{after:.3f} bytes per tag after {before:.3f}")


@pytest.mark.parametrize("kind", ["recorded", "archived"])
def test_speed_of_verifying(
    benchmark: BenchmarkFixture, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(kind)
    measure(benchmark, f"verify, {kind}", lambda: verify_run(path), (path, tmp_path / "copy"))


@pytest.mark.parametrize("to", [name for name in TAG_FORMATS if name != "csv"])
def test_speed_of_exporting(
    benchmark: BenchmarkFixture, recorded: Path, tmp_path: Path, to: str
) -> None:
    def export() -> None:
        with open_run(recorded) as run:
            plan_export(run, to, of_points=False).write(tmp_path / "out", replaces=True)

    name = f"export to {to}, look-through included"
    measure(benchmark, name, export, (recorded, tmp_path / "copy"))
