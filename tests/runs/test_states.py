from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from labctl.errors import ConfigError, RunError
from labctl.lab import Bench, find_open_labs
from labctl.runs import (
    Experiment,
    LabSession,
    Parameters,
    Plan,
    Point,
    Progress,
    RunState,
    Warned,
    load_experiment,
    settle,
)
from labctl.storage import open_run

Make = Callable[..., Experiment[Parameters]]
Wait = Callable[[Callable[[], object]], None]


def endless(bench: Bench) -> Plan[None]:
    while True:
        yield from settle(bench, 0.05)


def three_points(bench: Bench) -> Plan[None]:
    for number in (1, 2, 3):
        yield from settle(bench, 0.01)
        yield Point(number, 3, {"x": 10 * number})


def test_a_laboratory_is_idle_then_running_then_finished(lab: LabSession, experiment: Make) -> None:
    idle = lab.run_status
    outcome = lab.start(experiment(three_points, points=3), {}).wait()

    assert outcome is not None
    assert outcome.status == "finished"
    assert [point["x"] for point in outcome.points] == [10, 20, 30]
    assert (idle.state, lab.run_status.state) == (RunState.IDLE, RunState.FINISHED)
    assert (lab.run_status.points_done, lab.run_status.points_total) == (3, 3)
    assert lab.run_status.path == outcome.path


def test_every_state_is_told_on_the_bus_in_order(lab: LabSession, experiment: Make) -> None:
    with lab.bus.subscribe() as events:
        lab.run(experiment(three_points, points=3))
        states = [getattr(event, "state", None) for event in events.drain()]

    told = [state for state in states if state is not None]
    assert told[0] is RunState.RUNNING
    assert told[-1] is RunState.FINISHED
    assert set(told) == {RunState.RUNNING, RunState.FINISHED}


def test_waiting_inside_a_plan_does_not_set_its_progress_back(
    lab: LabSession, experiment: Make
) -> None:
    def half(bench: Bench) -> Plan[None]:
        yield Progress(0.5, "half done")
        yield from settle(bench, 0.02)

    lab.run(experiment(half))

    assert lab.run_status.fraction == 0.5


def test_a_second_run_is_refused_while_one_is_under_way(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    run = lab.start(experiment(endless), {})
    wait_until(lambda: lab.run_status.uid)

    with pytest.raises(RunError, match=rf"run {lab.run_status.uid} \(endless\) is under way"):
        lab.start("counting", {})
    run.pause()
    wait_until(lambda: lab.run_status.state is RunState.PAUSED)
    with pytest.raises(RunError, match="is under way"):
        lab.start("counting", {})
    run.abort("enough")
    run.wait()

    assert lab.run(experiment(three_points)).status == "finished"


def test_an_aborted_run_keeps_its_points_and_says_why(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    def some_points(bench: Bench) -> Plan[None]:
        yield Point(1, 9, {"x": 1})
        yield from endless(bench)

    run = lab.start(experiment(some_points, points=9), {})
    wait_until(lambda: lab.run_status.points_done)
    run.abort("the operator said so")
    run.abort("and again")
    outcome = run.wait()

    assert outcome is not None
    assert outcome.path is not None
    assert (outcome.status, outcome.reason) == ("aborted", "the operator said so")
    assert outcome.result is None
    assert outcome.points == ({"x": 1},)
    with open_run(outcome.path) as file:
        assert file.status == "aborted"
        assert file.end["reason"] == "the operator said so"
        assert (file.end["planned"], file.end["taken"]) == (9, 1)


def test_a_run_is_aborted_from_outside(lab: LabSession, experiment: Make, wait_until: Wait) -> None:
    run = lab.start(experiment(endless), {})
    wait_until(lambda: lab.run_status.uid)
    (client,) = find_open_labs(lab.loaded.path)
    assert client.ask("status")["status"]["run"]["state"] == "running"

    client.ask("abort", reason="from the other terminal")
    outcome = run.wait(10)

    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("aborted", "from the other terminal")


@pytest.mark.parametrize("request_name", ["abort", "safe"])
def test_an_abort_without_a_run_changes_nothing(lab: LabSession, request_name: str) -> None:
    (client,) = find_open_labs(lab.loaded.path)

    client.ask(request_name)

    assert lab.run_status.state is RunState.IDLE


def test_a_paused_run_goes_no_further_until_it_is_resumed(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    steps: list[int] = []

    def counted(bench: Bench) -> Plan[int]:
        while not is_enough.is_set():
            yield from settle(bench, 0.01)
            steps.append(1)
        return len(steps)

    is_enough = threading.Event()
    run = lab.start(experiment(counted), {})
    wait_until(lambda: steps)
    run.pause()
    wait_until(lambda: lab.run_status.state is RunState.PAUSED)
    taken = len(steps)
    assert run.wait(0.3) is None
    assert len(steps) == taken

    run.resume()
    wait_until(lambda: lab.run_status.state is RunState.RUNNING)
    wait_until(lambda: len(steps) > taken)
    run.abort("done")
    run.wait()


def test_a_paused_run_can_be_aborted(lab: LabSession, experiment: Make, wait_until: Wait) -> None:
    run = lab.start(experiment(endless), {})
    wait_until(lambda: lab.run_status.uid)
    run.pause()
    wait_until(lambda: lab.run_status.state is RunState.PAUSED)

    run.abort("no more")
    outcome = run.wait(10)

    assert outcome is not None
    assert outcome.status == "aborted"


def test_pausing_a_run_that_has_ended_changes_nothing(lab: LabSession, experiment: Make) -> None:
    run = lab.start(experiment(three_points), {})
    run.wait()

    run.pause()
    run.resume()
    run.abort("late")

    outcome = run.wait()
    assert outcome is not None
    assert outcome.status == "finished"


@pytest.mark.parametrize("is_paused", [False, True], ids=["running", "paused"])
def test_closing_the_laboratory_ends_its_run(
    is_paused: object, lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    run = lab.start(experiment(endless), {})
    wait_until(lambda: lab.run_status.uid)
    if is_paused:
        run.pause()
        wait_until(lambda: lab.run_status.state is RunState.PAUSED)

    lab.close()

    outcome = run.wait(0)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == ("aborted", "the laboratory was closed")


def test_a_laboratory_closes_also_where_its_run_fails_at_the_end(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    def clumsy(bench: Bench) -> Plan[None]:
        try:
            yield Progress(0.5)
            yield from endless(bench)
        finally:
            raise RuntimeError("fell over the cable")

    lab.start(experiment(clumsy), {})
    wait_until(lambda: lab.run_status.fraction)

    with pytest.raises(RunError, match="RuntimeError: fell over the cable"):
        lab.close()

    assert find_open_labs() == []
    lab.close()


def test_an_interrupt_aborts_the_run_and_goes_on_to_the_caller(
    lab: LabSession, experiment: Make, wait_until: Wait
) -> None:
    def interrupt() -> None:
        try:
            wait_until(lambda: lab.run_status.fraction)
        finally:
            signal.raise_signal(signal.SIGINT)

    def lit(bench: Bench) -> Plan[None]:
        while True:
            yield from settle(bench, 0.05)
            yield Progress(0.5)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    keyboard = threading.Thread(target=interrupt)
    keyboard.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            lab.run(experiment(lit, needs_light=True))
    finally:
        keyboard.join()
        signal.signal(signal.SIGINT, before)

    status = lab.run_status
    assert (status.state, status.text) == (RunState.ABORTED, "interrupted from the keyboard")
    assert lab.emitting() == {"pump": False}
    assert status.path is not None
    with open_run(status.path) as file:
        assert file.status == "aborted"


def test_what_a_plan_warns_of_is_in_its_outcome_and_file(lab: LabSession, experiment: Make) -> None:
    def wary(_: Bench) -> Plan[None]:
        yield Warned("the window is odd")

    outcome = lab.run(experiment(wary))

    assert outcome.warnings == ("the window is odd",)
    assert outcome.path is not None
    with open_run(outcome.path) as file:
        assert ("warning", "the window is odd") in [
            (event["level"], event["payload"]) for event in file.events()
        ]


def test_an_unknown_experiment_is_refused_with_the_nearest_name(lab: LabSession) -> None:
    with pytest.raises(ConfigError, match=r'unknown experiment "countin" \(did you mean "count'):
        lab.run("countin")
    assert load_experiment("counting").name == "counting"


@pytest.mark.parametrize(
    "values",
    [{"dwel_s": 1, "points": "many", "dwell_s": -1}, {"dwel_s": "1", "points": 1.5, "dwell_s": 0}],
)
def test_all_wrong_parameters_are_told_at_once(values: dict[str, Any], lab: LabSession) -> None:
    with pytest.raises(ConfigError) as refused:
        lab.run("counting", **values)

    text = str(refused.value)
    assert "experiment counting has 3 mistakes" in text
    assert 'dwel_s: unknown key (did you mean "dwell_s"?)' in text
    assert "points: input should be a valid integer" in text
    assert "dwell_s: input should be greater than 0" in text
    assert lab.run_status.state is RunState.IDLE
