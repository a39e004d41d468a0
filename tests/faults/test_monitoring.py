"""Rows 1, 2, 5 and 21 as the monitor sees them: nothing old passes for fresh, all is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labctl.lab import AlarmBook, Monitor, bench_path, load_bench
from labctl.runs import LabSession
from labctl.storage import open_run
from labctl.testing.contracts import impatient
from tests.faults.monitored import INTERVAL_S, alarms, is_active, looked, pass_time, value, wait_for

STALE_S = 3 * INTERVAL_S


#: What a computer that is busy with other tests may add.
BUSY_S = 2.0


@pytest.fixture
def hasty_lab() -> Iterator[LabSession]:
    """Return the default bench, whose replies come at once unless the computer is very busy."""
    loaded = load_bench(bench_path("default"))
    drivers = {name: impatient(driver, 0.4) for name, driver in loaded.drivers.items()}
    with LabSession(replace(loaded, drivers=drivers), simulated=True, seed=1, speed=0) as opened:
        yield opened


@pytest.fixture
def monitor(hasty_lab: LabSession) -> Iterator[Monitor]:
    with Monitor(hasty_lab, interval_s=INTERVAL_S) as started:
        wait_for(lambda: value(started, "pump.operating_hours")["state"] == "fresh")
        wait_for(lambda: value(started, "snspd.detector_count")["state"] == "fresh")
        yield started


def test_one_reply_that_is_lost_is_asked_for_again_and_is_no_alarm(
    hasty_lab: LabSession, monitor: Monitor
) -> None:
    hasty_lab.simulation.fault("alice_hwp", "drop", replies=1)
    looked(monitor, "alice_hwp.is_homed", 5)
    wait_for(lambda: value(monitor, "alice_hwp.angle_deg")["state"] == "fresh")
    assert alarms(monitor) == {}


def test_a_mute_instrument_is_an_alarm_and_none_of_its_old_values_passes_for_fresh(
    hasty_lab: LabSession, monitor: Monitor
) -> None:
    hasty_lab.simulation.fault("pump", "drop", replies=0)
    muted_ns = time.time_ns()
    hasty_lab.simulation.instruments["pump"].power_w = 0.002
    seen = []
    wait_for(lambda: is_active(monitor, "pump.unreachable"))
    while time.time_ns() - muted_ns < 2e9:
        found, now_ns = monitor.values()["pump"], time.time_ns()
        for name, told in found.items():
            age_s = (now_ns - told["utc_ns"]) * 1e-9
            assert told["state"] != "fresh" or age_s < STALE_S + BUSY_S, name
            assert told["state"] != "error" or told["value"] is None, name
        seen.append({told["state"] for told in found.values()})
    assert "fresh" not in seen[-1]
    looked(monitor, "snspd.bias_ua")
    hasty_lab.simulation.fault("pump", "clear")
    wait_for(lambda: value(monitor, "pump.power_mw")["value"] == 2.0)
    wait_for(lambda: not is_active(monitor, "pump.unreachable"))
    assert not alarms(monitor)["pump.unreachable"]["is_acknowledged"], "it stays to be seen"


def test_a_pulled_cable_makes_every_value_an_error_at_once_until_somebody_reconnects(
    hasty_lab: LabSession, monitor: Monitor
) -> None:
    hasty_lab.simulation.fault("alice_hwp", "unplug")
    wait_for(lambda: is_active(monitor, "alice_hwp.unreachable"))
    wait_for(lambda: {v["state"] for v in monitor.values()["alice_hwp"].values()} == {"error"})
    hasty_lab.simulation.fault("alice_hwp", "plug")
    hasty_lab.devices["alice_hwp"].reconnect()
    wait_for(lambda: not is_active(monitor, "alice_hwp.unreachable"))
    wait_for(lambda: value(monitor, "alice_hwp.angle_deg")["state"] == "fresh")


def test_what_an_instrument_reports_of_itself_is_an_alarm_with_its_words(
    hasty_lab: LabSession, monitor: Monitor
) -> None:
    hasty_lab.simulation.fault("snspd", "report_error", text="cryostat is warm")
    wait_for(lambda: any("cryostat is warm" in a["text"] for a in monitor.alarms.snapshot()))
    (entry,) = monitor.alarms.snapshot()
    assert (entry["severity"], entry["source"]) == ("alarm", "snspd")
    wait_for(lambda: not monitor.alarms.snapshot()[0]["is_active"])


def test_an_overflow_of_the_tagger_is_an_alarm_in_the_run_file(tmp_path: Path) -> None:
    text = bench_path("default").read_text(encoding="utf-8")
    text = text.replace('driver = "s15_tdc1"', 'driver = "swabian_timetagger"', 1)
    text = text.replace('"serial:///dev/ttyACM0"', '"library://swabian/1"', 1)
    text = text.replace("set = { threshold_v = -0.5 }", "", 1)
    path = tmp_path / "instruments.toml"
    path.write_text(text, encoding="utf-8")
    with (
        LabSession(path, simulated=True, seed=3, speed=1) as lab,
        Monitor(lab, interval_s=INTERVAL_S) as monitor,
    ):
        lab.set("pump.power_mw", 0.1)
        run = lab.start("counting", {"dwell_s": 1.5}, folder=tmp_path)
        wait_for(lambda: run.status.fraction > 0.1)
        lab.simulation.fault("tagger", "overflow")
        wait_for(lambda: "tagger.lost" in alarms(monitor))
        wait_for(lambda: not is_active(monitor, "tagger.lost"))
        told = alarms(monitor)["tagger.lost"]["text"]
        outcome = run.wait(60)
    assert outcome is not None
    assert outcome.result.lost > 0
    assert f"tagger lost {outcome.result.lost} tags" in told
    recorded = events_of(outcome.path)
    assert [e for e in recorded if e[:2] == ("alarm", "tagger") and "tagger lost" in e[2]]
    assert ("info", "tagger", f"over: {told}") in recorded, "the whole loss is told at its end"


def events_of(path: Any) -> list[tuple[str, str, str]]:
    """Return level, source and text of the events in a run file."""
    with open_run(path) as run:
        return [(e["level"], e["source"], e["payload"]) for e in run.events()]


def test_a_run_records_warnings_as_warnings_and_alarms_as_alarms(
    lab: LabSession, tmp_path: Path
) -> None:
    book = AlarmBook(lab.bus)
    run = lab.start("counting", {"dwell_s": 5.0}, folder=tmp_path, arm=False)
    wait_for(lambda: run.status.fraction > 0.0)
    book.raise_alarm("room.warm", "warning", "room", "it is warm")
    book.raise_alarm("room.door", "alarm", "room", "the door is open")
    outcome = run.wait(60)
    assert outcome is not None
    recorded = events_of(outcome.path)
    assert ("warning", "room", "it is warm") in recorded
    assert ("alarm", "room", "the door is open") in recorded


def test_a_stream_that_sends_nothing_is_an_alarm(hasty_lab: LabSession, monitor: Monitor) -> None:
    hasty_lab.bench.pumps["tagger"].start()
    hasty_lab.clock.wait(0.2)
    hasty_lab.simulation.fault("tagger", "drop", replies=0)
    pass_time(hasty_lab, lambda: is_active(monitor, "tagger.silent"), 0.5)
    hasty_lab.simulation.fault("tagger", "clear")
    hasty_lab.bench.pumps["tagger"].stop()
    wait_for(lambda: not is_active(monitor, "tagger.silent"))


def test_a_driver_that_raises_is_told_and_touches_no_other_value(
    lab: LabSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> float:
        raise ZeroDivisionError("a driver's bug")

    monkeypatch.setattr(type(lab.devices["pump"]), "output_mw", property(fail))
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        wait_for(lambda: value(monitor, "pump.output_mw")["state"] == "error")
        assert "a driver's bug" in value(monitor, "pump.output_mw")["error"]
        assert is_active(monitor, "pump.output_mw")
        for path in ("pump.power_mw", "pump.operating_hours", "snspd.bias_ua"):
            wait_for(lambda path=path: value(monitor, path)["state"] == "fresh")  # type: ignore[misc]
            looked(monitor, path)


def test_a_driver_that_hangs_is_told_and_keeps_no_other_from_being_watched(
    lab: LabSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        wait_for(lambda: value(monitor, "pump.output_mw")["state"] == "fresh")
        monkeypatch.setattr(
            type(lab.devices["pump"]), "output_mw", property(lambda _: let_go.wait(30.0))
        )
        wait_for(lambda: is_active(monitor, "pump.unreachable"))
        assert "has not answered for" in alarms(monitor)["pump.unreachable"]["text"]
        assert value(monitor, "pump.power_mw")["state"] == "stale"
        looked(monitor, "snspd.bias_ua")
        monkeypatch.undo()
        let_go.set()
        wait_for(lambda: value(monitor, "pump.power_mw")["state"] == "fresh")
        wait_for(lambda: not is_active(monitor, "pump.unreachable"))
