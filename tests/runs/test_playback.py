"""A run file played through the live analysis, against counting the file's tags one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.runs import open_lab
from labctl.runs.playback import Playback
from labctl.runs.recorded_bench import recorded_bench
from labctl.storage import Recorder, RunHeader, TaggerHeader, open_run

WAIT_S = 20.0


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the simulated default bench of about a second of tags."""
    folder = tmp_path_factory.mktemp("data")
    with open_lab(simulated=True, seed=5, speed=0) as lab:
        outcome = lab.run("counting", dwell_s=0.4, points=2, folder=folder)
    assert outcome.path is not None
    return outcome.path


class Told:
    """What a playback published."""

    def __init__(self) -> None:
        self.latest: dict[str, Mapping[str, Any]] = {}
        self.places: list[Mapping[str, Any]] = []
        self._changed = threading.Condition()

    def __call__(self, topic: str, data: Mapping[str, Any]) -> None:
        with self._changed:
            self.latest[topic] = data
            if topic == "place":
                self.places.append(data)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S)

    @property
    def state(self) -> str:
        return str(self.latest.get("place", {}).get("state", ""))

    def of_tagger(self, topic: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.latest[topic]["taggers"]["tagger"]
        return found


@pytest.fixture
def played(recorded: Path) -> Iterator[tuple[Playback, Told]]:
    """A playback that was not started, and what it tells."""
    told = Told()
    playback = Playback(recorded, told)
    yield playback, told
    playback.close()


def all_tags(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int, int]:
    with open_run(path) as run:
        blocks = list(run.tags("tagger"))
    times = np.concatenate([block.times_ps for block in blocks])
    channels = np.concatenate([block.channels for block in blocks])
    return times, channels, blocks[0].start_ps, blocks[-1].stop_ps


def test_at_its_end_it_has_counted_every_tag_of_the_file(
    recorded: Path, played: tuple[Playback, Told]
) -> None:
    playback, told = played
    playback.set_speed(0)
    playback.start()
    told.wait_for(lambda: told.state == "ended" and "histogram" in told.latest)
    times, channels, start_ps, stop_ps = all_tags(recorded)
    rates, histogram = told.of_tagger("rates"), told.of_tagger("histogram")
    assert told.latest["opened"]["duration_s"] == pytest.approx((stop_ps - start_ps) * 1e-12)
    assert histogram["live_s"] == pytest.approx((stop_ps - start_ps) * 1e-12)
    singles = [int(np.count_nonzero(channels == channel)) for channel in range(1, 5)]
    assert histogram["singles"][0] == [singles[0], singles[2]], "alice_h and bob_h"
    # The interval that slides ends with the last tag.
    since_ps = stop_ps - round(rates["live_s"] * 1e12)
    for number, name in enumerate(("alice_h", "alice_v", "bob_h", "bob_v"), 1):
        counted = int(np.count_nonzero((channels == number) & (times >= since_ps)))
        assert rates["detectors"][name]["rate_hz"] == pytest.approx(counted / rates["live_s"])


def test_it_never_runs_ahead_of_its_speed(played: tuple[Playback, Told]) -> None:
    playback, told = played
    began_s = time.monotonic()
    playback.start()
    told.wait_for(lambda: len(told.places) > 3)
    position_s = told.places[-1]["position_s"]
    assert 0 < position_s <= time.monotonic() - began_s


def test_paused_it_stays_where_it_is_and_goes_on_from_there(
    played: tuple[Playback, Told],
) -> None:
    playback, told = played
    playback.start()
    told.wait_for(lambda: told.state == "playing")
    playback.set_paused(is_paused=True)
    told.wait_for(lambda: told.state == "paused")
    first = told.places[-1]["position_s"]
    told.wait_for(lambda: len([p for p in told.places if p["state"] == "paused"]) > 1)
    assert told.places[-1]["position_s"] == first
    playback.set_paused(is_paused=False)
    told.wait_for(lambda: told.state == "playing" and told.places[-1]["position_s"] > first)


def test_where_it_is_sent_the_second_before_is_counted(
    recorded: Path, played: tuple[Playback, Told]
) -> None:
    playback, told = played
    playback.set_paused(is_paused=True)
    playback.seek(0.3)
    playback.start()
    told.wait_for(lambda: told.state == "paused" and "histogram" in told.latest)
    times, channels, start_ps, _ = all_tags(recorded)
    rates = told.of_tagger("rates")
    assert told.places[-1]["position_s"] == 0.3
    assert rates["live_s"] == pytest.approx(0.3)
    counted = int(np.count_nonzero((channels == 1) & (times < start_ps + 300_000_000_000)))
    assert rates["detectors"]["alice_h"]["rate_hz"] == pytest.approx(counted / 0.3)


def test_the_bench_is_that_of_the_file_without_instruments(recorded: Path) -> None:
    with open_run(recorded) as run:
        bench = recorded_bench(run)
    assert list(bench.detectors) == ["alice_h", "alice_v", "bob_h", "bob_v"]
    assert (dict(bench.devices), dict(bench.pumps)) == ({}, {})


def test_a_run_without_tags_says_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.h5"
    tagger = TaggerHeader(name="tdc", resolution_ps=1, n_channels=2, simulated=True)
    with Recorder(path, RunHeader(experiment="counting", simulated=True), [tagger]) as recorder:
        recorder.end("finished", "")
    told = Told()
    playback = Playback(path, told)
    playback.start()
    told.wait_for(lambda: "failed" in told.latest)
    playback.close()
    assert "empty.h5 holds no tags to replay" in told.latest["failed"]["text"]
