from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from labctl.bus import Alarm
from labctl.errors import RunError
from labctl.runs import LabSession
from labctl.runs.recording import new_recording, record_events
from labctl.storage import open_run


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_ends_the_run_in_order(
    open_bench: Callable[..., LabSession],
    wait_until: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = open_bench(speed=1)
    run = lab.start("counting", {"dwell_s": 60.0})
    wait_until(lambda: lab.run_status.fraction > 0)

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 1000, 1000))

    with pytest.raises(RunError, match="nearly full: 0 MB free"):
        run.wait(30)
    assert lab.run_status.path is not None
    with open_run(lab.run_status.path) as file:
        assert file.status == "failed"
        assert "nearly full" in file.end["reason"]
        assert sum(len(block) for block in file.tags()) > 0


def test_a_disk_that_will_soon_be_full_is_told_once_on_the_bus_and_in_the_file(
    lab: LabSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labctl.storage.disk_space._RATE_SPAN_S", 0.0)
    with lab.bus.subscribe() as bus_events, lab.bus.subscribe() as file_events:
        # A thousand years is longer than any disk lasts at the rate of a point per sync.
        recorder, _ = new_recording(lab, "counting", {}, tmp_path, 3, warn_before_s=3e10)
        with recorder:
            for number in (1, 2, 3):
                recorder.point(number, 3, {"counts": number})
                recorder.sync()
            record_events(recorder, file_events)
            recorder.end("finished")
        alarms = [event for event in bus_events.drain() if isinstance(event, Alarm)]
    assert [(alarm.source, alarm.severity) for alarm in alarms] == [("recorder", "warning")]
    assert "will be full in about" in alarms[0].text
    with open_run(recorder.path) as run:
        told = [event for event in run.events() if event["source"] == "recorder"]
    assert [(event["level"], event["payload"]) for event in told] == [("warning", alarms[0].text)]


def test_a_full_disk_ends_no_stream_that_others_watch_and_the_next_run_starts_at_once(
    open_bench: Callable[..., LabSession],
    wait_until: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = open_bench(speed=1)
    pump = lab.bench.pumps["tagger"]
    pump.start("live display")
    with pump.fanout.subscribe() as display:
        run = lab.start("counting", {"dwell_s": 60.0})
        wait_until(lambda: lab.run_status.fraction > 0)
        with monkeypatch.context() as full_disk:
            full_disk.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 1000, 1000))
            with pytest.raises(RunError, match="nearly full"):
                run.wait(30)
        again = lab.run("counting", dwell_s=0.1)
        while display.get(0) is not None:
            pass
    assert again.status == "finished"
    # Each run's two snapshots interrupt the stream; the full disk does not.
    assert (pump.error, pump.restarts) == (None, 4)
    pump.stop("live display")
