"""Rules across instruments, from a fault on the simulated bench to the run file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import InterlockError
from labctl.lab import Monitor, bench_path
from labctl.runs import LabSession
from labctl.storage import open_run

INTERVAL_S = 0.1
PAUSE = threading.Event()


def wait_for(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come true"
        PAUSE.wait(0.005)


@contextmanager
def ruled(
    folder: Path, when: str, then: str, **monitor: Any
) -> Iterator[tuple[LabSession, Monitor]]:
    """Open the default bench with one rule, in real time, and watch it."""
    text = bench_path("default").read_text(encoding="utf-8")
    path = folder / "instruments.toml"
    path.write_text(
        f"{text}\n[interlocks.guard]\nwhen = '{when}'\nthen = {then}\n", encoding="utf-8"
    )
    with LabSession(path, simulated=True, seed=1, speed=1) as lab:
        lab.set("pump.power_mw", 0.2)
        with Monitor(lab, interval_s=INTERVAL_S, abort_run=lab.abort, **monitor) as started:
            wait_for(lambda: started.rules()[0]["reason"])
            yield lab, started


def rule(monitor: Monitor) -> dict[str, Any]:
    return monitor.rules()[0]


def test_a_violated_rule_ends_the_run_and_the_light_and_the_run_file_says_why(
    tmp_path: Path,
) -> None:
    with ruled(tmp_path, "pump.power_mw > 1", '["pump off", "abort run"]') as (lab, monitor):
        run = lab.start("counting", {"dwell_s": 60.0}, folder=tmp_path, arm=True)
        wait_for(lambda: run.status.fraction > 0.0)
        assert lab.simulation.world.pump.emitting
        lab.set("pump.power_mw", 2.0)
        outcome = run.wait(30.0)
        assert outcome is not None
        wait_for(lambda: rule(monitor)["state"] == "violated" and not rule(monitor)["unconfirmed"])
        assert not lab.simulation.world.pump.emitting
        with pytest.raises(InterlockError, match=r"\[interlocks.guard\] keeps it off"):
            monitor.refuse_emission("pump")
        lab.set("pump.power_mw", 0.2)
        wait_for(lambda: rule(monitor)["state"] == "quiet")
        assert not lab.simulation.world.pump.emitting, "the end of a violation lights nothing"
    told = "pump.power_mw > 1 (pump.power_mw = 2 mW): pump off, abort run"
    assert outcome.status == "aborted"
    assert outcome.reason == f"interlock guard: {told}"
    assert outcome.path is not None
    with open_run(outcome.path) as file:
        recorded = [(e["level"], e["source"], e["payload"]) for e in file.events()]
    assert ("alarm", "interlock guard", told) in recorded


def test_a_rule_on_count_rates_acts_in_the_run_that_counts_too_much(tmp_path: Path) -> None:
    # 0.2 mW make 16 000 pairs/s, of which an eighth reaches each detector: 2000/s and darks.
    with ruled(tmp_path, "alice_h.rate_hz > 1000", '["abort run"]') as (lab, monitor):
        assert rule(monitor)["reason"] == "its rates are not measured now"
        outcome = lab.run("counting", dwell_s=1.0, folder=tmp_path, arm=False)
        assert outcome.status == "finished", "100 dark counts per second are allowed"
        run = lab.start("counting", {"dwell_s": 60.0}, folder=tmp_path, arm=True)
        ended = run.wait(30.0)
        assert ended is not None
        assert ended.status == "aborted"
        assert ended.reason.startswith("interlock guard: alice_h.rate_hz > 1000 (alice_h.rate_hz =")


@pytest.mark.parametrize(("fault", "arguments"), [("unplug", {}), ("garble", {"replies": 0})])
def test_a_rule_whose_instrument_cannot_be_reached_is_violated(
    fault: str, arguments: dict[str, int], tmp_path: Path
) -> None:
    with ruled(tmp_path, "pump_meter.power_mw > 1e3", '["pump off"]') as (lab, monitor):
        lab.set("pump.emission", value=True, arm=True)
        lab.simulation.fault("pump_meter", fault, **arguments)
        wait_for(lambda: rule(monitor)["fired"])
        wait_for(lambda: not rule(monitor)["unconfirmed"])
        assert not lab.simulation.world.pump.emitting
        assert rule(monitor)["reason"].startswith("pump_meter.power_mw ")
        lab.simulation.fault("pump_meter", "plug" if fault == "unplug" else "clear")
        if fault == "unplug":
            lab.devices["pump_meter"].reconnect()
        wait_for(lambda: rule(monitor)["state"] == "quiet")
        assert rule(monitor)["fired"] == 1
        assert not lab.simulation.world.pump.emitting


def test_a_pause_is_told_to_who_can_pause_with_its_reason(tmp_path: Path) -> None:
    told: list[str] = []
    with ruled(tmp_path, "pump.power_mw > 1", '["pause run"]', pause_run=told.append) as (lab, _):
        lab.set("pump.power_mw", 2.0)
        wait_for(lambda: told)
    assert told == ["interlock guard: pump.power_mw > 1 (pump.power_mw = 2 mW): pause run"]


def test_all_safe_leaves_nothing_on(tmp_path: Path) -> None:
    with ruled(tmp_path, "pump.power_mw > 1", '["all safe"]') as (lab, monitor):
        lab.set("pump.emission", value=True, arm=True)
        lab.set("pump.power_mw", 2.0)
        wait_for(lambda: rule(monitor)["fired"] and not rule(monitor)["unconfirmed"])
        wait_for(lambda: rule(monitor)["state"] == "violated")
        assert not lab.simulation.world.pump.emitting
        assert lab.get("snspd.bias_ua") == (0.0,) * 4
        keys = [entry["key"] for entry in monitor.alarms.snapshot() if entry["is_active"]]
        assert keys == ["interlocks.guard"]
