"""Commands that a running service answers, and those that only a service has."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labctl.runs import RunState
from labctl.service import Service, connect
from labctl.storage import open_run

Labctl = Callable[..., Any]
Spawn = Callable[..., Any]
WaitUntil = Callable[[Callable[[], object]], None]


def test_a_run_goes_on_in_the_service_and_prints_its_result(
    service: Service, labctl: Labctl, at: tuple[str, ...], here: Path
) -> None:
    told = labctl("run", "counting", "-p", "dwell_s=0.2", "--out", "mine", *at)

    assert told.code == 0
    assert "alice_h-bob_h" in told.out
    assert "SIMULATED" in told.err
    assert "armed by itself" in told.err
    assert "in the laboratory held open by" in told.err
    (file,) = (here / "mine").glob("*/*.h5")
    assert f"finished — {file}" in told.out
    assert service.session.run_status.state is RunState.FINISHED


def test_an_attached_run_tells_the_same_progress_and_end_as_any(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    told = labctl("run", "quick.py", "-p", "settle_s=0.5", *at, "--progress", "json")

    *statuses, end = [json.loads(line) for line in told.out.splitlines()]
    assert {status["event"] for status in statuses} == {"status"}
    assert (statuses[-1]["state"], statuses[-1]["points_done"]) == ("finished", 2)
    assert (end["event"], end["status"]) == ("end", "finished")
    with open_run(end["path"]) as file:
        assert file.metadata["uid"] == end["uid"] == service.session.run_status.uid


def test_a_scan_goes_on_in_the_service(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    told = labctl("scan", "pump.power_mw", "1,3", *at, "--", "quick.py", "-p", "settle_s=0.2")

    assert told.code == 0
    assert told.out.split()[:4] == ["reading", "(mW)", "pump.power", "(mW)"]
    assert service.session.run_status.experiment == "scan"
    assert service.session.get("pump.power_mw") == 5.0


def test_a_seed_or_a_speed_asks_for_a_world_of_its_own(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    told = labctl("run", "quick.py", "--speed", "0", "--no-arm", *at)

    assert told.code == 0
    assert "held open by" not in told.err
    assert service.session.run_status.state is RunState.IDLE


def test_get_and_set_reach_the_instruments_of_the_service(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    assert labctl("set", "pump.power_mw", "3", *at).out == "3 mW\n"
    assert service.session.get("pump.power_mw") == 3.0
    assert labctl("get", "pump.power_mw", *at).out == "3 mW\n"
    refused = labctl("set", "pump.power_mw", "30", *at)
    assert refused.code == 2
    assert "30 mW is outside 0 to 20 mW" in refused.err


def test_watch_shows_the_live_counts_of_the_service(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    del service
    told = labctl("watch", "--json", "--interval", "0.3", "--duration", "1", *at)

    last = json.loads(told.out.splitlines()[-1])
    assert last["emission"] == {"pump": False}
    # Dark counts: a hundred a second, within far more than five sigma of them.
    assert 0 < last["alice_h_hz"] < 500
    assert last["alice_h_sigma_hz"] > 0


def test_a_run_that_fails_in_the_service_ends_the_command_with_1(
    service: Service, labctl: Labctl, at: tuple[str, ...]
) -> None:
    del service
    told = labctl("run", "quick.py", "-p", "fails=true", *at)

    assert told.code == 1
    assert "the sample fell off" in told.err
    assert "Traceback" not in told.err


def test_an_interrupt_aborts_the_run_in_the_service_which_lives_on(
    service: Service, spawn: Spawn, at: tuple[str, ...]
) -> None:
    run = spawn("run", "quick.py", "-p", "settle_s=600", *at, "--progress", "json")
    run.status(lambda status: status["fraction"] > 0)
    assert service.session.emitting() == {"pump": True}

    run.process.send_signal(signal.SIGINT)
    told = run.end()

    assert told.code == 3
    assert '"reason": "interrupted from the keyboard"' in told.out
    assert service.session.run_status.state is RunState.ABORTED
    assert service.session.emitting() == {"pump": False}


def test_a_detached_run_goes_on_without_its_command(
    service: Service, labctl: Labctl, at: tuple[str, ...], wait_until: WaitUntil
) -> None:
    told = labctl("run", "quick.py", "-p", "settle_s=2", *at, "--detach")

    assert told.code == 0
    assert "quick runs in the service" in told.out
    assert service.session.run_status.state is RunState.RUNNING
    wait_until(lambda: service.session.run_status.state is RunState.FINISHED)


def test_to_detach_needs_a_service(labctl: Labctl, at: tuple[str, ...]) -> None:
    told = labctl("run", "counting", *at, "--detach")

    assert told.code == 2
    assert "Start one with `labctl serve`" in told.err


def test_while_another_holds_control_runs_and_settings_are_refused_and_safe_is_not(
    service: Service, labctl: Labctl, at: tuple[str, ...], bench: Path
) -> None:
    del service
    with connect(bench, name="the other", take_control=True):
        for command in (("run", "counting"), ("set", "pump.power_mw", "1")):
            told = labctl(*command, *at)
            assert told.code == 1
            assert "the other" in told.err
        assert labctl("get", "pump.power_mw", *at).code == 0
        assert labctl("safe").code == 0
