"""Laboratories to run in, plans to run, and waits on conditions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from labctl.lab import Bench, bench_path
from labctl.runs import Experiment, LabSession, Parameters, Plan, open_lab

OpenBench: TypeAlias = Callable[..., LabSession]
MakeExperiment: TypeAlias = Callable[..., Experiment[Parameters]]
WaitUntil: TypeAlias = Callable[[Callable[[], object]], None]


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[OpenBench]:
    """Return an opener of simulated benches, stepped unless told so; `edits` change the file."""
    labs: list[LabSession] = []

    def start(
        *edits: tuple[str, str], seed: int = 1, speed: float = 0.0, truth_file: Path | None = None
    ) -> LabSession:
        text = bench_path("default").read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new, 1)
        file = tmp_path / f"bench_{len(labs)}.toml"
        file.write_text(text, encoding="utf-8")
        labs.append(open_lab(file, simulated=True, seed=seed, speed=speed, truth_file=truth_file))
        return labs[-1]

    yield start
    for lab in labs:
        lab.close()


@pytest.fixture
def lab(open_bench: OpenBench) -> LabSession:
    """Return the default bench on a stepped clock."""
    return open_bench()


@pytest.fixture
def experiment() -> MakeExperiment:
    """Return a maker of experiments without parameters from a function of the bench."""

    def make(
        plan: Callable[[Bench], Plan[Any]], *, needs_light: bool = False, points: int = 1
    ) -> Experiment[Parameters]:
        return Experiment(
            name=plan.__name__,
            summary="",
            parameters=Parameters,
            plan=lambda bench, _: plan(bench),
            needs_light=needs_light,
            points=lambda _: points,
        )

    return make


@pytest.fixture
def wait_until() -> WaitUntil:
    """Return a wait on a condition, which fails after ten seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10.0
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.002)

    return wait
