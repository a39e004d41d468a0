"""`surviving` as a plan of its own, and what a replay makes of a pause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.errors import InstrumentError, LabError, LinkError, ProtocolError, ReplyTimeoutError
from labctl.experiments.counting import EXPERIMENT
from labctl.lab.config import RunsConfig
from labctl.runs import Faulted, LabSession, Plan, Progress, surviving
from labctl.runs.mending import fault_policy
from labctl.runs.replaying import prepare_replay

#: Without its picture, which takes longer than all the rest.
COUNTING = replace(EXPERIMENT, figure=None)
Open = Callable[..., LabSession]
Wait = Callable[[Callable[[], object]], None]


def failing(errors: list[LabError], trace: list[str]) -> Callable[[], Plan[int]]:
    def step() -> Plan[int]:
        trace.append("begun")
        yield Progress(0.5)
        if errors:
            raise errors.pop(0)
        return 42

    return step


def test_a_step_that_goes_well_is_taken_once_and_gives_its_value(lab: LabSession) -> None:
    trace: list[str] = []
    plan = surviving(lab.bench, failing([], trace))
    assert next(plan) == Progress(0.5)
    with pytest.raises(StopIteration) as done:
        next(plan)
    assert (done.value.value, trace) == (42, ["begun"])


@pytest.mark.parametrize("error", [LinkError("a"), ReplyTimeoutError("b"), ProtocolError("c")])
def test_a_fault_that_nobody_mends_goes_on(lab: LabSession, error: LabError) -> None:
    with pytest.raises(type(error)) as raised:
        list(surviving(lab.bench, failing([error], [])))
    assert raised.value is error


def test_after_each_mended_fault_the_step_begins_anew(lab: LabSession) -> None:
    trace: list[str] = []
    faults = [LinkError("a"), ReplyTimeoutError("b")]
    steps = []
    for step in surviving(lab.bench, failing([*faults], trace)):
        if isinstance(step, Faulted):
            step.is_mended = True
        steps.append(step)
    assert [step.error for step in steps if isinstance(step, Faulted)] == faults
    assert trace == ["begun"] * 3


def test_what_the_instrument_itself_reports_is_no_fault_to_survive(lab: LabSession) -> None:
    with pytest.raises(InstrumentError):
        list(surviving(lab.bench, failing([InstrumentError("over range")], [])))


def test_a_paused_replay_waits_and_repeats_nothing(
    open_bench: Open, wait_until: Wait, tmp_path: Path
) -> None:
    faint = open_bench(("power_mw = 5.0", "power_mw = 0.5"))
    outcome = faint.run(COUNTING, dwell_s=0.2)
    assert outcome.path is not None
    with prepare_replay(outcome.path).open(speed=0.5) as lab:
        run = lab.start(COUNTING, {"dwell_s": 0.2}, folder=tmp_path)
        wait_until(lambda: 0.02 < lab.run_status.fraction < 0.9)
        run.pause()
        wait_until(lambda: lab.run_status.state.value == "paused")
        run.resume()
        again = run.wait(30)
    assert again is not None
    assert lab.run_status.repeated == 0
    assert again.result.to_dict() == outcome.result.to_dict()


@pytest.mark.parametrize(("given", "followed"), [(None, "abort"), ("pause", "pause")])
def test_the_configured_policy_counts_unless_a_run_has_its_own(
    given: str | None, followed: str
) -> None:
    config = RunsConfig.model_validate({"on_fault": "abort", "fault_attempts": 7})
    policy = fault_policy(config, given, lambda: False)
    assert (policy.on_fault, policy.attempts) == (followed, 7)
