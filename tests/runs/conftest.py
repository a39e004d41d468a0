"""Laboratories to run in, plans to run, and waits on conditions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from labctl.lab import Bench, bench_path
from labctl.runs import (
    Experiment,
    LabSession,
    Parameters,
    Plan,
    Run,
    RunOutcome,
    load_experiment,
    open_lab,
)

OpenBench: TypeAlias = Callable[..., LabSession]
MakeExperiment: TypeAlias = Callable[..., Experiment[Parameters]]
StartScan: TypeAlias = Callable[..., Run]
Scan: TypeAlias = Callable[..., RunOutcome]
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


@pytest.fixture
def start_scan(monkeypatch: pytest.MonkeyPatch) -> StartScan:
    """Return a starter of scans of a plan, which is found by its name as an installed one is."""
    scanned: dict[str, Experiment[Parameters]] = {}
    monkeypatch.setattr(
        "labctl.runs.scanning.load_experiment",
        lambda name: scanned.get(name) or load_experiment(name),
    )

    def start(
        lab: LabSession,
        plan: Callable[[Bench], Plan[Any]],
        axes: list[str],
        *,
        needs_light: bool = False,
        points: int = 1,
    ) -> Run:
        name = plan.__name__
        scanned[name] = Experiment(
            name, "", Parameters, lambda bench, _: plan(bench), needs_light, lambda _: points
        )
        return lab.start("scan", {"axes": axes, "each": name})

    return start


@pytest.fixture
def scan(start_scan: StartScan) -> Scan:
    """Return a starter of scans that waits for their ends."""

    def run(*arguments: Any, **about: Any) -> RunOutcome:
        outcome = start_scan(*arguments, **about).wait(30)
        assert outcome is not None
        return outcome

    return run
