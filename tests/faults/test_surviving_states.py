"""Row 23: whatever is ordered in whatever state of a run, state, file and exit agree."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labctl.errors import RunError
from labctl.lab import Bench, bench_path, find_open_labs
from labctl.runs import (
    Experiment,
    LabSession,
    Parameters,
    Plan,
    Point,
    Progress,
    Run,
    RunState,
    open_lab,
    settle,
    surviving,
)
from labctl.storage import open_run

#: What is ordered, in words, after the run has come to a state -> how it ends.
FROM_RUNNING = {
    "pause resume": "finished",
    "pause pause resume resume": "finished",
    "resume": "finished",
    "abort abort pause resume": "aborted",
    "pause abort resume": "aborted",
    "safe": "aborted",
    "pause safe": "aborted",
}
FROM_HELD_BY_A_FAULT = {
    "plug resume": "finished",
    "resume held plug resume": "finished",
    "pause plug resume": "finished",
    "abort abort": "aborted",
    "resume held abort": "aborted",
    "safe": "aborted",
}
FROM_RECONNECTING = {
    "plug": "finished",
    "pause paused plug resume": "finished",
    "pause paused resume plug": "finished",
    "pause paused abort": "aborted",
    "abort abort": "aborted",
    "safe": "aborted",
}
TABLES = {
    "running": FROM_RUNNING,
    "held": FROM_HELD_BY_A_FAULT,
    "reconnecting": FROM_RECONNECTING,
}


class Bench23:
    """A run in a bench five times as fast as the wall, and those who order it about."""

    def __init__(self, lab: LabSession, folder: Path) -> None:
        self.lab = lab
        self.may_end = threading.Event()
        self._folder = folder
        self._is_broken = False

    def start(self, *, is_broken: bool, on_fault: str) -> Run:
        self._is_broken = is_broken
        experiment = Experiment(
            name="orders",
            summary="",
            parameters=Parameters,
            plan=lambda bench, _: self._plan(bench),
            needs_light=False,
            points=lambda _: 1,
        )
        return self.lab.start(experiment, {}, folder=self._folder, on_fault=on_fault)

    def brought_to(self, state: str) -> Run:
        self.may_end.clear()
        self.lab.simulation.fault("alice_hwp", "plug")
        on_fault = "pause" if state == "held" else "retry"
        run = self.start(is_broken=state != "running", on_fault=on_fault)
        if state == "running":
            until(lambda: self.lab.run_status.fraction)
        elif state == "held":
            self.do("held", run)
        else:
            until(lambda: "reconnecting" in self.lab.run_status.text)
        return run

    def assert_ended(self, run: Run, ending: str, case: str) -> None:
        self.may_end.set()
        outcome = run.wait(20)
        assert outcome is not None, case
        assert outcome.path is not None
        assert (outcome.status, self.lab.run_status.state.value) == (ending, ending), case
        assert not any(thread.name.startswith("run ") for thread in threading.enumerate())
        with open_run(outcome.path) as file:
            taken = 1 if ending == "finished" else 0
            assert (file.status, file.end["taken"]) == (ending, taken), case

    def _plan(self, bench: Bench) -> Plan[None]:
        yield from surviving(bench, lambda: self._step(bench))
        yield Point(1, 1, {"x": 1})

    def _step(self, bench: Bench) -> Plan[None]:
        yield Progress(0.5)
        if self._is_broken:
            self._is_broken = False
            self.lab.simulation.fault("alice_hwp", "unplug")
        while True:
            assert bench.rotators["alice_hwp"].is_homed is not None
            yield from settle(bench, 0.02)
            if self.may_end.is_set():
                return

    def _is_paused(self, why: str) -> bool:
        status = self.lab.run_status
        return status.state is RunState.PAUSED and why in status.text

    def do(self, order: str, run: Run) -> None:
        match order:
            case "plug":
                self.lab.simulation.fault("alice_hwp", "plug")
            case "held":
                until(lambda: self._is_paused("unplugged"))
            case "paused":
                until(lambda: self._is_paused(""))
            case "safe":
                (client,) = find_open_labs(self.lab.loaded.path)
                client.ask("safe")
            case "abort":
                run.abort("enough")
            case _:
                getattr(run, order)()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


@pytest.fixture
def bench23(tmp_path: Path) -> Iterator[Bench23]:
    text = bench_path("default").read_text(encoding="utf-8")
    path = tmp_path / "instruments.toml"
    path.write_text(f"{text}\n[runs]\nfault_attempts = 100\n", encoding="utf-8")
    with open_lab(path, simulated=True, speed=5) as lab:
        lab.has_operator = True
        yield Bench23(lab, tmp_path)
        lab.simulation.fault("alice_hwp", "plug")


@pytest.mark.parametrize("state", TABLES)
def test_state_file_and_outcome_agree_whatever_is_ordered(state: str, bench23: Bench23) -> None:
    for orders, ending in TABLES[state].items():
        run = bench23.brought_to(state)
        with pytest.raises(RunError, match="is under way"):
            bench23.lab.start("counting", {})
        for order in orders.split():
            bench23.do(order, run)
        bench23.assert_ended(run, ending, f"{state}: {orders}")
        # Orders that come too late change nothing.
        for order in ("pause", "resume", "abort"):
            bench23.do(order, run)
        bench23.assert_ended(run, ending, f"{state}: {orders}, and more when it was over")


@pytest.mark.parametrize("state", TABLES)
def test_closing_the_laboratory_aborts_its_run_in_every_state(state: str, bench23: Bench23) -> None:
    run = bench23.brought_to(state)
    bench23.do("plug", run)

    bench23.lab.close()

    bench23.assert_ended(run, "aborted", state)


def test_two_who_start_at_the_same_time_get_one_run(bench23: Bench23) -> None:
    gate = threading.Barrier(8)
    started: list[Run] = []
    refused: list[RunError] = []

    def start() -> None:
        gate.wait()
        try:
            started.append(bench23.start(is_broken=False, on_fault="abort"))
        except RunError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench23.may_end.set()

    assert (len(started), len(refused)) == (1, 7)
    outcome = started[0].wait(20)
    assert outcome is not None
    assert outcome.status == "finished"
