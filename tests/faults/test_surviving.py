"""Rows 1 to 4 and 21, the run's half: an instrument is lost, comes back, and the run goes on."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from labctl.analysis import MatrixAnalyzer
from labctl.errors import ConfigError, LinkError, RunError
from labctl.experiments.counting import EXPERIMENT
from labctl.lab import Bench
from labctl.runs import (
    Dwell,
    Experiment,
    LabSession,
    Parameters,
    Plan,
    Point,
    Run,
    RunOutcome,
    RunState,
    dwell,
    surviving,
    turn,
)
from labctl.storage import RunFile, open_run
from labctl.tags import TagBlock, TagFlags

#: Without its picture, which takes longer than all the rest.
COUNTING = replace(EXPERIMENT, figure=None)
CHANNELS = 5
WINDOW_PS = 6000


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def strike_in_dwell(lab: LabSession, strike: Callable[[], object]) -> None:
    """Let `strike` happen when the first dwell has gone on for some tenths of a second."""
    fanout, strikes = lab.bench.pumps["tagger"].fanout, [strike]

    def sink(block: TagBlock) -> None:
        dwelling = lab.bench.dwelling
        if strikes and dwelling is not None and block.stop_ps > dwelling[1] + 3 * 10**11:
            strikes.pop()()

    fanout.add_sink(sink)


def turns(strike: Callable[[], object]) -> Experiment[Parameters]:
    """Return an experiment that turns a plate and dwells, four times; `strike` at the second.

    It is dark, so that a stepped bench has little to simulate.
    """
    strikes = [strike]

    def plan(bench: Bench, _: Parameters) -> Plan[None]:
        for number in range(1, 5):

            def step(number: int = number) -> Plan[Dwell]:
                if number == 2 and strikes:
                    strikes.pop()()
                yield from turn(bench, [(bench.rotators["alice_hwp"], 0.5 * number)])
                return (yield from dwell(bench, bench.pumps["tagger"], 0.02, list))

            taken = yield from surviving(bench, step)
            angle_deg = bench.rotators["alice_hwp"].angle_deg
            live_ps = taken.stop_ps - taken.start_ps
            yield Point(number, 4, {"angle_deg": angle_deg, "live_ps": live_ps})

    return Experiment("turns", "", Parameters, plan, needs_light=False, points=lambda _: 4)


def assert_all_turned(outcome: RunOutcome) -> None:
    assert outcome.status == "finished"
    angles_deg = [point["angle_deg"] for point in outcome.points]
    assert angles_deg == pytest.approx([0.5, 1.0, 1.5, 2.0], abs=0.01)
    assert [point["live_ps"] for point in outcome.points] == [20_000_000_000] * 4


def ended(run: Run) -> RunOutcome:
    outcome = run.wait(60)
    assert outcome is not None
    return outcome


def paused(lab: LabSession, text: str) -> bool:
    return lab.run_status.state is RunState.PAUSED and text in lab.run_status.text


def events_of(file: RunFile, level: str) -> list[Any]:
    return [event["payload"] for event in file.events() if event["level"] == level]


def has_points(lab: LabSession, points: int) -> bool:
    return lab.run_status.points_done >= points


def test_a_tagger_lost_in_mid_dwell_costs_that_dwell_and_no_more(lab: LabSession) -> None:
    lab.set("pump.power_mw", 1.0)
    strike_in_dwell(lab, lambda: lab.simulation.fault("tagger", "hang_up"))
    outcome = lab.run(COUNTING, dwell_s=0.8, points=2)

    assert [point["live_s"] for point in outcome.points] == pytest.approx([0.8, 0.8], abs=1e-12)
    assert lab.run_status.repeated == 1
    assert outcome.path is not None
    with open_run(outcome.path) as file:
        assert (file.end["taken"], file.end["repeated"]) == (2, 1)
        assert events_of(file, "alarm") == ["tagger: the simulated connection was lost"]
        (lost,) = events_of(file, "retaken")
        blocks = list(file.tags("tagger"))
        seams = [n for n, block in enumerate(blocks) if block.flags & TagFlags.GAP]
        assert len(seams) == 1
        # The thrown away dwell ends where the stream broke; after it, tag time only goes on.
        assert lost["stop_ps"] == blocks[seams[0] - 1].stop_ps
        assert lost["start_ps"] < lost["stop_ps"]
        for before, after in itertools.pairwise(blocks):
            assert after.start_ps == before.stop_ps or after.flags & TagFlags.GAP
            assert after.start_ps >= before.stop_ps
        # What the result says is what the recorded tags of the dwells say.
        matrix = MatrixAnalyzer(CHANNELS, WINDOW_PS)
        for dwell in events_of(file, "dwell"):
            for block in blocks:
                if block.start_ps < dwell["stop_ps"] and block.stop_ps > dwell["start_ps"]:
                    matrix.update(block.between(dwell["start_ps"], dwell["stop_ps"]))
    counts = matrix.result().counts
    assert counts[1, 3] > 100
    rate = outcome.result.pairs[0].coincidences_hz.value
    assert rate == pytest.approx(counts[1, 3] / 1.6, rel=1e-12)


@pytest.mark.parametrize("name", ["alice_hwp", "tagger"])
def test_a_lost_connection_is_opened_anew_by_itself_and_the_point_taken_again(
    lab: LabSession, name: str
) -> None:
    assert_all_turned(lab.run(turns(lambda: lab.simulation.fault(name, "hang_up"))))
    assert lab.run_status.repeated == 1


@pytest.mark.slow
def test_a_bell_test_survives_lost_connections_with_its_result(lab: LabSession) -> None:
    run = lab.start("chsh", {"dwell_s": 0.3})
    for points, name in enumerate(["alice_hwp", "tagger", "bob_hwp"], 1):
        until(partial(has_points, lab, points))
        lab.simulation.fault(name, "hang_up")
    outcome = ended(run)

    # S = 2 sqrt(2) V with V = 0.95, at 5 sigma.
    assert abs(outcome.result.s.value - 2.687) < 5 * outcome.result.s.sigma
    assert lab.run_status.repeated >= 2


def test_a_fault_that_stays_ends_the_run_after_its_attempts(lab: LabSession) -> None:
    with pytest.raises(RunError, match=r"alice_hwp: run .* the simulated cable is unplugged"):
        lab.run(turns(lambda: lab.simulation.fault("alice_hwp", "unplug")))

    assert not any(lab.emitting().values())
    path = lab.run_status.path
    assert path is not None
    with open_run(path) as file:
        assert (file.status, file.end["taken"], file.end["repeated"]) == ("failed", 1, 0)
    lab.simulation.fault("alice_hwp", "plug")


def test_another_instrument_behind_the_cable_is_refused_until_the_right_one_is_back(
    lab: LabSession,
) -> None:
    lab.has_operator = True
    swap = partial(lab.simulation.fault, "alice_hwp", "swap", other="bob_hwp")
    run = lab.start(turns(swap), {}, on_fault="pause")
    until(lambda: paused(lab, "lost"))
    run.resume()
    until(lambda: paused(lab, "another instrument answers"))
    # Nobody may take the stranger's values for those of the instrument.
    with pytest.raises(LinkError, match="another instrument answers"):
        lab.get("alice_hwp.angle_deg")
    swap()
    run.resume()

    assert_all_turned(ended(run))


@pytest.mark.parametrize("on_fault", ["abort", "pause"])
def test_a_run_ends_at_its_first_fault_where_nobody_is_to_mend_it(
    lab: LabSession, on_fault: str
) -> None:
    experiment = turns(lambda: lab.simulation.fault("alice_hwp", "hang_up"))
    with pytest.raises(RunError, match="the simulated connection was lost"):
        lab.run(experiment, on_fault=on_fault)
    assert lab.run_status.repeated == 0


def test_an_unknown_policy_is_refused_before_anything_is_recorded(lab: LabSession) -> None:
    with pytest.raises(ConfigError, match=r'"retyr" is not one of .*did you mean "retry"'):
        lab.start("counting", {}, on_fault="retyr")
    assert lab.run_status.state is RunState.IDLE


def test_garbage_once_is_asked_again_and_no_reply_shifts(hasty_lab: LabSession) -> None:
    lab = hasty_lab
    truncate = partial(lab.simulation.fault, "alice_hwp", "truncate", keep_bytes=3)

    assert_all_turned(lab.run(turns(truncate)))
    assert lab.run_status.repeated == 1


def test_a_reply_that_never_comes_holds_the_run_up_for_its_timeout_only(
    hasty_lab: LabSession,
) -> None:
    lab = hasty_lab
    assert_all_turned(lab.run(turns(lambda: lab.simulation.fault("alice_hwp", "drop"))))
    assert lab.run_status.repeated == 1


def test_an_instrument_that_the_run_does_without_may_stay_away(lab: LabSession) -> None:
    def strike() -> None:
        lab.simulation.fault("pump_meter", "unplug")
        lab.simulation.fault("alice_hwp", "hang_up")

    outcome = lab.run(turns(strike))

    assert_all_turned(outcome)
    assert outcome.path is not None
    with open_run(outcome.path) as file:
        end = list(file.snapshots())[-1]["instruments"]
    assert "the link was lost" in end["pump_meter"]["error"]
    assert end["pump"]["power_mw"] == pytest.approx(5.0)
    lab.simulation.fault("pump_meter", "plug")


def test_a_driver_that_raises_whatever_it_likes_fails_the_run_with_one_message(
    lab: LabSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: object) -> bool:
        raise ZeroDivisionError("a mistake in the driver")

    driver = type(lab.devices["alice_hwp"])
    monkeypatch.setattr(driver, "is_moving", property(stumble))
    with pytest.raises(RunError, match="ZeroDivisionError: a mistake in the driver") as failed:
        lab.run(turns(bool))

    assert str(failed.value).count("ZeroDivisionError") == 1
    path = lab.run_status.path
    assert path is not None
    with open_run(path) as file:
        assert file.status == "failed"
        snapshots = list(file.snapshots())
    # One that is broken hides no other.
    end = snapshots[-1]["instruments"]
    assert end["pump"]["power_mw"] == pytest.approx(5.0)
    assert not any(lab.emitting().values())
