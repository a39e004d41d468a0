"""Row 10 in a run that survives: emission never comes back without the operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from labctl.errors import InterlockError, RunError
from labctl.experiments.counting import EXPERIMENT
from labctl.runs import LabSession, Run, RunOutcome, RunState
from labctl.tags import TagBlock

#: Without its picture, which takes longer than all the rest.
COUNTING = replace(EXPERIMENT, figure=None)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def ended(run: Run) -> RunOutcome:
    outcome = run.wait(60)
    assert outcome is not None
    return outcome


def paused(lab: LabSession, text: str) -> bool:
    return lab.run_status.state is RunState.PAUSED and text in lab.run_status.text


def strike_in_dwell(lab: LabSession, strike: Callable[[], object]) -> None:
    """Let `strike` happen when the first dwell has gone on for some tenths of a second."""
    fanout, strikes = lab.bench.pumps["tagger"].fanout, [strike]

    def sink(block: TagBlock) -> None:
        dwelling = lab.bench.dwelling
        if strikes and dwelling is not None and block.stop_ps > dwelling[1] + 3 * 10**11:
            strikes.pop()()

    fanout.add_sink(sink)


def test_light_that_went_dark_meanwhile_waits_for_the_operator(lab: LabSession) -> None:
    lab.has_operator = True
    lab.set("pump.power_mw", 1.0)
    strike_in_dwell(lab, lambda: lab.simulation.fault("tagger", "unplug"))
    run = lab.start(COUNTING, {"dwell_s": 0.8}, on_fault="pause")
    until(lambda: paused(lab, "unplugged"))
    lab.simulation.instruments["pump"].switch_off()
    lab.simulation.fault("tagger", "plug")
    run.resume()
    until(lambda: paused(lab, "pump went dark"))

    with pytest.raises(InterlockError, match=r"pump went dark .* Resume with arm"):
        run.resume()
    assert lab.run_status.state is RunState.PAUSED
    assert lab.emitting() == {"pump": False}
    run.resume(arm=True)
    outcome = ended(run)

    assert outcome.status == "finished"
    # A tenth of the 80 kHz/mW of pairs arrive; in the dark there are 100 Hz.
    assert outcome.result.singles_hz["alice_h"].value > 5_000
    assert lab.emitting() == {"pump": False}


def test_an_interlock_that_is_open_keeps_the_run_paused_and_says_why(
    lab: LabSession,
) -> None:
    lab.has_operator = True
    lab.set("pump.power_mw", 1.0)
    strike_in_dwell(lab, lambda: lab.simulation.fault("tagger", "hang_up"))
    run = lab.start(COUNTING, {"dwell_s": 0.8}, on_fault="pause")
    until(lambda: paused(lab, "lost"))
    lab.simulation.instruments["pump"].interlock_is_open = True
    run.resume()
    until(lambda: paused(lab, "pump went dark"))
    run.resume(arm=True)
    until(lambda: paused(lab, "its interlock is open"))
    run.abort("enough")

    assert ended(run).status == "aborted"
    assert lab.emitting() == {"pump": False}


def test_light_that_went_dark_ends_a_run_that_nobody_watches(lab: LabSession) -> None:
    def strike() -> None:
        lab.simulation.instruments["pump"].switch_off()
        lab.simulation.fault("tagger", "hang_up")

    lab.set("pump.power_mw", 1.0)
    strike_in_dwell(lab, strike)
    with pytest.raises(RunError, match="pump went dark while the run was interrupted"):
        lab.run(COUNTING, dwell_s=0.8)
    assert lab.emitting() == {"pump": False}
