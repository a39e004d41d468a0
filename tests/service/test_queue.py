from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import ConfigError, InterlockError, LimitError
from labctl.lab import bench_path
from labctl.runs import LabSession, RunState, open_lab
from labctl.service.queue import RunQueue
from labctl.storage import open_run

WaitUntil = Callable[[Callable[[], object]], None]
QUICK = """
from labctl.runs import Experiment, Parameters, Plan, Point, settle

class Choice(Parameters):
    fails: bool = False
    waits: bool = False

def plan(bench, choice):
    yield from settle(bench, 0.05)
    while choice.waits:
        yield from settle(bench, 0.05)
    if choice.fails:
        raise RuntimeError("the sample fell off")
    yield Point(1, 1, {"reading_mw": 1.0})

EXPERIMENT = Experiment(
    "quick", "", Choice, plan, needs_light=True, points=lambda _: 1, duration_s=lambda _: 10.0
)
"""


@pytest.fixture
def session() -> Iterator[LabSession]:
    with open_lab(bench_path("default"), simulated=True, speed=0) as lab:
        yield lab


@pytest.fixture
def queue(session: LabSession) -> Iterator[RunQueue]:
    """Return a queue that has begun."""
    queue = RunQueue(session)
    queue.start()
    yield queue
    queue.close()


@pytest.fixture
def quick(tmp_path: Path) -> str:
    """Return an experiment that ends at once, fails or waits for its abort."""
    file = tmp_path / "quick.py"
    file.write_text(QUICK)
    return str(file)


def labels(queue: RunQueue, state: str = "waiting") -> list[str]:
    return [e["label"] for e in queue.to_dict()["entries"] if e["state"] == state]


def ended(queue: RunQueue) -> list[tuple[str, str]]:
    """Return label and state of what has ended, oldest first."""
    return [(e["label"], e["state"]) for e in reversed(queue.to_dict()["ended"])]


def test_runs_are_taken_one_after_the_other_in_order(
    queue: RunQueue, quick: str, tmp_path: Path, wait_until: WaitUntil
) -> None:
    for label in "abc":
        queue.add(quick, {}, label=label, folder=tmp_path / "runs")
    wait_until(lambda: len(ended(queue)) == 3)

    assert ended(queue) == [("a", "finished"), ("b", "finished"), ("c", "finished")]
    for entry in queue.to_dict()["ended"]:
        with open_run(entry["path"]) as file:
            assert file.status == "finished"
            assert file.metadata["uid"] == entry["uid"]
    assert queue.to_dict()["entries"] == []


def test_what_waits_is_moved_and_removed_and_starts_when_the_queue_goes(
    queue: RunQueue, quick: str, wait_until: WaitUntil
) -> None:
    queue.hold()
    ids = {label: queue.add(quick, {}, label=label) for label in "abcd"}

    queue.move(ids["d"], 0)
    assert labels(queue) == ["d", "a", "b", "c"]
    queue.move(ids["d"], 99)
    assert labels(queue) == ["a", "b", "c", "d"]
    queue.remove(ids["b"])
    assert labels(queue) == ["a", "c", "d"]
    assert ended(queue) == []

    queue.go()
    wait_until(lambda: len(ended(queue)) == 3)
    assert [label for label, _ in ended(queue)] == ["a", "c", "d"]


@pytest.mark.parametrize("act", ["move", "remove"])
def test_only_what_waits_is_moved_and_removed(
    act: str, queue: RunQueue, session: LabSession, quick: str, wait_until: WaitUntil
) -> None:
    running = queue.add(quick, {"waits": True})
    wait_until(lambda: session.run_status.state is RunState.RUNNING)
    waiting = queue.add(quick, {})

    def touch(entry: str) -> None:
        queue.move(entry, 0) if act == "move" else queue.remove(entry)

    with pytest.raises(InterlockError, match="is under way; abort it instead"):
        touch(running)
    with pytest.raises(ConfigError, match=rf'no run "99" waits.*waiting are: {waiting}'):
        touch("99")
    queue.hold()
    session.abort("the test is over")


@pytest.mark.parametrize(
    ("experiment", "parameters", "scan", "said"),
    [
        ("countin", {}, (), 'did you mean "counting"?'),
        ("counting", {"dwel_s": 1}, (), 'did you mean "dwell_s"?'),
        ("counting", {"pairs": "alice_h-bobh"}, (), 'unknown detector "bobh"'),
        ("counting", {}, ("pump.power 1",), 'did you mean "power_mw"?'),
        ("counting", {"dwel_s": 1}, ("pump.power_mw 1",), 'did you mean "dwell_s"?'),
    ],
)
def test_mistakes_are_told_when_a_run_is_added_not_when_its_turn_comes(
    experiment: str,
    parameters: dict[str, Any],
    scan: tuple[str, ...],
    said: str,
    queue: RunQueue,
) -> None:
    with pytest.raises(ConfigError) as refused:
        queue.add(experiment, parameters, scan=scan)

    assert said in str(refused.value)
    assert queue.to_dict()["entries"] == []


def test_the_values_of_a_queued_scan_are_checked_against_the_limits_in_force(
    queue: RunQueue,
) -> None:
    with pytest.raises(LimitError, match="25 mW is outside 0 to 20 mW"):
        queue.add("counting", {}, scan=["pump.power_mw 5:25:2"])


def test_a_scan_waits_as_one_run(queue: RunQueue, quick: str, wait_until: WaitUntil) -> None:
    queue.hold()
    queue.add(quick, {}, scan=["pump.power_mw 1,2", "snspd.trigger_level_mv 20,30,40"])
    (entry,) = queue.to_dict()["entries"]

    assert (entry["experiment"], entry["points"]) == ("scan", 6)
    queue.go()
    wait_until(lambda: ended(queue))
    with open_run(queue.to_dict()["ended"][0]["path"]) as file:
        assert [point["pump.power_mw"] for point in file.points()] == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_a_run_that_fails_stops_the_queue_where_that_is_wanted(
    policy: Any, queue: RunQueue, quick: str, wait_until: WaitUntil
) -> None:
    queue.policy(policy)
    queue.hold()
    queue.add(quick, {"fails": True}, label="broken")
    queue.add(quick, {}, label="next")
    queue.go()

    if policy == "continue":
        wait_until(lambda: len(ended(queue)) == 2)
        assert ended(queue) == [("broken", "failed"), ("next", "finished")]
        assert not queue.to_dict()["is_held"]
        return
    wait_until(lambda: queue.to_dict()["is_held"])
    told = queue.to_dict()
    assert "run 1 (broken) failed" in told["reason"]
    assert "the sample fell off" in told["reason"]
    assert labels(queue) == ["next"]
    queue.go()
    wait_until(lambda: len(ended(queue)) == 2)
    assert ended(queue)[-1] == ("next", "finished")


def test_an_aborted_run_holds_the_queue_so_that_nothing_lights_up_after_it(
    queue: RunQueue, session: LabSession, quick: str, wait_until: WaitUntil
) -> None:
    queue.policy("continue")
    queue.add(quick, {"waits": True}, label="first")
    queue.add(quick, {}, label="next")
    wait_until(lambda: session.emitting() == {"pump": True})

    session.abort("all safe was ordered")
    session.make_safe()
    wait_until(lambda: queue.to_dict()["is_held"])

    assert queue.to_dict()["reason"] == "run 1 (first) was aborted: all safe was ordered"
    assert ended(queue) == [("first", "aborted")]
    assert labels(queue) == ["next"]
    assert session.emitting() == {"pump": False}


def test_a_run_that_somebody_else_started_is_waited_for(
    queue: RunQueue, session: LabSession, quick: str, wait_until: WaitUntil
) -> None:
    other = session.start(quick, {"waits": True})
    queue.add(quick, {}, label="queued")
    wait_until(lambda: session.run_status.fraction or session.run_status.uid)

    assert labels(queue) == ["queued"]
    other.abort("enough")
    wait_until(lambda: ended(queue))
    assert ended(queue) == [("queued", "finished")]


def test_a_run_that_cannot_start_any_more_fails_with_the_reason(
    queue: RunQueue, quick: str, wait_until: WaitUntil
) -> None:
    queue.hold()
    queue.add(quick, {}, label="gone")
    Path(quick).unlink()
    queue.go()
    wait_until(lambda: ended(queue))

    assert ended(queue) == [("gone", "failed")]
    assert "there is no experiment file" in queue.to_dict()["ended"][0]["reason"]


def test_the_ends_are_estimated_one_behind_the_other(quick: str) -> None:
    # A bench at twice the speed of the wall takes half as long as the experiment says.
    with open_lab(bench_path("default"), simulated=True, speed=2) as session:
        queue = RunQueue(session)
        for _ in range(3):
            queue.add(quick, {})
        now_s = time.time()
        first, second, third = queue.to_dict()["entries"]

    assert [entry["duration_s"] for entry in (first, second, third)] == [5.0] * 3
    assert first["start_utc"] == pytest.approx(now_s, abs=5)
    assert second["start_utc"] == first["end_utc"] == pytest.approx(first["start_utc"] + 5)
    assert third["end_utc"] == pytest.approx(first["start_utc"] + 15)


def test_nothing_is_estimated_where_nobody_can_know(queue: RunQueue, quick: str) -> None:
    queue.hold()
    queue.add(quick, {})
    told = queue.to_dict()

    # A stepped bench takes no time of its own.
    assert told["entries"][0]["duration_s"] is None
    assert (told["entries"][0]["start_utc"], told["end_utc"]) == (None, None)


def test_every_change_is_told(session: LabSession, quick: str, wait_until: WaitUntil) -> None:
    told: list[list[str]] = []

    def note() -> None:
        told.append([entry["state"] for entry in watched.to_dict()["entries"]])

    watched = RunQueue(session, on_change=note)
    watched.start()
    watched.add(quick, {})
    wait_until(lambda: ended(watched))
    watched.close()

    assert ["running"] in told
    assert told[-1] == []


def test_a_queue_that_is_closed_leaves_its_run_to_the_laboratory(
    session: LabSession, quick: str, wait_until: WaitUntil
) -> None:
    queue = RunQueue(session)
    queue.start()
    queue.add(quick, {"waits": True})
    queue.add(quick, {})
    wait_until(lambda: session.run_status.state is RunState.RUNNING)

    queue.close()

    assert session.run_status.state is RunState.RUNNING
    session.abort("the test is over")
    wait_until(lambda: session.run_status.state is RunState.ABORTED)
    assert labels(queue) == [""]
