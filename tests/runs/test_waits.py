from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

from labctl.analysis import MatrixAnalyzer, RateAnalyzer
from labctl.errors import ConfigError, ReplyTimeoutError, RunError, TagLossError
from labctl.lab import Bench
from labctl.runs import Experiment, LabSession, Parameters, Plan, Point, Progress, dwell, settle
from labctl.storage import open_run

Make = Callable[..., Experiment[Parameters]]
Open = Callable[..., LabSession]
Wait = Callable[[Callable[[], object]], None]


class Counts:
    """The counts of one dwell, with the interval it covered."""

    def __init__(self, start_ps: int, stop_ps: int, rates: Any, pairs: Any) -> None:
        self.start_ps, self.stop_ps = start_ps, stop_ps
        self.rates, self.pairs = rates, pairs

    def to_dict(self) -> dict[str, Any]:
        return {"start_ps": self.start_ps, "stop_ps": self.stop_ps}

    def rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]


def counted(bench: Bench) -> Plan[Counts]:
    rates, pairs = RateAnalyzer(5), MatrixAnalyzer(5, 6000)
    taken = yield from dwell(bench, bench.pumps["tagger"], 0.3, lambda: (rates, pairs))
    return Counts(taken.start_ps, taken.stop_ps, rates.result(), pairs.result())


def test_a_settle_on_a_stepped_clock_ends_whenever_it_begins(lab: LabSession) -> None:
    for _ in range(200):
        before_s = lab.clock.now_s()
        waits = list(islice(settle(lab.bench, 0.03), 10))
        assert len(waits) == 1
        assert lab.clock.now_s() - before_s == pytest.approx(0.03)


def test_a_long_settle_yields_at_least_every_hundred_milliseconds(lab: LabSession) -> None:
    times_s = [lab.clock.now_s()]
    times_s += [lab.clock.now_s() for _ in settle(lab.bench, 1.0)]

    assert times_s[-1] - times_s[0] == pytest.approx(1.0)
    assert max(np.diff(times_s)) <= 0.1


@pytest.mark.parametrize("speed", [0.0, 1.0, 5.0])
def test_every_point_covers_exactly_its_dwell_of_tag_time(speed: float, open_bench: Open) -> None:
    lab = open_bench(speed=speed)

    outcome = lab.run("counting", dwell_s=0.21, points=3)

    assert [point["live_s"] for point in outcome.points] == pytest.approx([0.21] * 3, abs=1e-12)
    assert outcome.result.live_s == pytest.approx(3 * 0.21, abs=1e-11)


def test_the_recorded_tags_of_the_dwell_give_the_counts_of_the_result(
    lab: LabSession, experiment: Make
) -> None:
    outcome = lab.run(experiment(counted, needs_light=True))

    rates, pairs = RateAnalyzer(5), MatrixAnalyzer(5, 6000)
    result = outcome.result
    assert result.stop_ps - result.start_ps == 300_000_000_000
    assert outcome.path is not None
    with open_run(outcome.path) as file:
        for block in file.tags("tagger"):
            part = block.between(result.start_ps, result.stop_ps)
            if part.stop_ps > part.start_ps:
                rates.update(part)
                pairs.update(part)
    assert rates.result().live_s == pytest.approx(0.3, abs=1e-12)
    assert rates.result().counts.tolist() == result.rates.counts.tolist()
    assert pairs.result().counts.tolist() == result.pairs.counts.tolist()
    assert rates.result().counts[1:5].min() > 10_000


def test_a_dwell_that_was_paused_is_taken_again(open_bench: Open, wait_until: Wait) -> None:
    lab = open_bench(speed=2)
    run = lab.start("counting", {"dwell_s": 0.5, "points": 2})
    wait_until(lambda: lab.run_status.fraction > 0.1)

    run.pause()
    wait_until(lambda: lab.run_status.state.value == "paused")
    run.resume()
    outcome = run.wait(20)

    assert outcome is not None
    assert outcome.path is not None
    assert [point["live_s"] for point in outcome.points] == pytest.approx([0.5, 0.5], abs=1e-12)
    assert lab.run_status.repeated == 1
    with open_run(outcome.path) as file:
        assert (file.end["repeated"], file.end["taken"], file.end["planned"]) == (1, 2, 2)
        warnings = [event["payload"] for event in file.events() if event["level"] == "warning"]
    assert warnings == ["the run was paused during the dwell"]


def test_equal_seeds_give_equal_results_on_a_stepped_clock(open_bench: Open) -> None:
    results = [
        open_bench(seed=seed).run("counting", dwell_s=0.2).result.to_dict() for seed in (7, 7, 8)
    ]

    assert results[0] == results[1]
    assert results[0] != results[2]


def test_equal_seeds_give_equal_files_on_a_stepped_clock(open_bench: Open) -> None:
    streams = []
    for _ in range(2):
        outcome = open_bench(seed=7).run("counting", dwell_s=0.2)
        assert outcome.path is not None
        with open_run(outcome.path) as file:
            blocks = list(file.tags("tagger"))
        streams.append(
            (
                np.concatenate([block.times_ps for block in blocks]).tolist(),
                np.concatenate([block.channels for block in blocks]).tolist(),
            )
        )

    assert streams[0] == streams[1]
    assert len(streams[0][0]) > 40_000


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_tagger_that_falls_silent_fails_the_run(
    when: str,
    open_bench: Open,
    experiment: Make,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("labctl.runs.waits._SILENCE_S", 0.5)
    lab = open_bench(speed=1)
    tagger = lab.simulation.instruments["tagger"]

    def listening(bench: Bench) -> Plan[Counts]:
        if when == "before":
            tagger.is_streaming = False
        return (yield from counted(bench))

    run = lab.start(experiment(listening), {})
    if when == "during":
        wait_until(lambda: lab.run_status.fraction)
        tagger.is_streaming = False

    with pytest.raises(RunError, match=r"failed: tagger has delivered no tags for") as e:
        run.wait(20)
    assert isinstance(e.value.__cause__, ReplyTimeoutError)


def send_clicks(lab: LabSession, *steps_from_now: int) -> None:
    """Let the tagger send clicks of its first input; its decoder must count late ones as lost."""
    port = lab.simulation.instruments["tagger"].port
    pump = lab.bench.pumps["tagger"]
    with port.guard:
        # Bench time stands still meanwhile; what was sent must be delivered, or the late click
        # is sorted in with it. The last click of a slice is 20 us from its end on average.
        deadline_s = time.monotonic() + 10.0
        counter_period_ps = 2000 << 27
        while (
            pump.stop_ps is None
            or (lab.simulation.world.time_ps - pump.stop_ps) % counter_period_ps > 400_000_000
        ):
            assert time.monotonic() < deadline_s
        now = lab.simulation.world.time_ps // 2000
        words = [((now + step) % (1 << 27)) << 5 | 1 for step in steps_from_now]
        port.send(b"".join(word.to_bytes(4, "little") for word in words))


MILLISECOND_AGO = -500_000


@pytest.mark.parametrize(
    ("steps", "cut_s"), [((MILLISECOND_AGO,), 0.0), ((MILLISECOND_AGO, 0), 1e-9)]
)
def test_lost_tags_are_counted_and_their_interval_is_no_live_time(
    steps: tuple[int, ...], cut_s: float, open_bench: Open, wait_until: Wait
) -> None:
    lab = open_bench(speed=1)
    run = lab.start("counting", {"dwell_s": 0.6})
    wait_until(lambda: lab.run_status.fraction > 0.1)

    send_clicks(lab, *steps)
    outcome = run.wait(20)

    assert outcome is not None
    assert outcome.result.lost == 1
    assert 0.5 < outcome.result.live_s <= 0.6 - cut_s
    assert outcome.result.singles_hz["alice_h"].value == pytest.approx(50_000, rel=0.05)


def test_lost_tags_fail_the_run_where_the_bench_says_so(open_bench: Open, wait_until: Wait) -> None:
    lab = open_bench(('on_tag_loss = "flag"', 'on_tag_loss = "abort"'), speed=1)
    run = lab.start("counting", {"dwell_s": 5.0})
    wait_until(lambda: lab.run_status.fraction > 0.02)

    send_clicks(lab, MILLISECOND_AGO)

    with pytest.raises(RunError, match=r"tagger: run .* 1 tags were lost between") as failed:
        run.wait(20)
    assert isinstance(failed.value.__cause__, TagLossError)
    assert not any(lab.emitting().values())


def test_a_tagger_that_is_unplugged_during_a_dwell_fails_the_run(
    open_bench: Open, wait_until: Wait
) -> None:
    lab = open_bench(speed=1)
    run = lab.start("counting", {"dwell_s": 5.0}, on_fault="abort")
    wait_until(lambda: lab.run_status.fraction > 0.02)

    lab.simulation.instruments["tagger"].port.unplug()

    with pytest.raises(RunError, match="unplugged"):
        run.wait(20)
    assert not any(lab.emitting().values())
    lab.simulation.instruments["tagger"].port.plug()


def test_a_dwell_without_a_duration_is_refused_on_a_live_tagger(
    lab: LabSession, experiment: Make
) -> None:
    def whole(bench: Bench) -> Plan[None]:
        yield from dwell(bench, bench.pumps["tagger"], None, list)

    with pytest.raises(RunError, match="tagger is no recording") as failed:
        lab.run(experiment(whole))
    assert isinstance(failed.value.__cause__, ConfigError)


def test_points_without_a_dwell_need_no_tags(lab: LabSession, experiment: Make) -> None:
    def scan(bench: Bench) -> Plan[None]:
        for number in range(1, 101):
            bench.clock.wait(0.0)
            yield Point(number, 100, {"n": number})
            yield Progress(number / 100)

    outcome = lab.run(experiment(scan, points=100))

    assert [point["n"] for point in outcome.points] == list(range(1, 101))
    assert lab.run_status.fraction == 1.0
