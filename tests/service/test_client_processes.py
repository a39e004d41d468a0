"""Clients and services in processes of their own: frozen, killed, and come back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from labctl.errors import LinkError
from labctl.service.client import LabClient, connect
from labctl.service.subscription import Subscription, Update
from tests.service.small_service import SmallService

StartPython = Callable[[str], subprocess.Popen[str]]
WaitUntil = Callable[[Callable[[], object]], None]

#: Prints every update that it gets, and how many it has missed so far.
LISTENING = """
import json
from labctl.service.client import connect
with connect(name="frozen", take_control=True) as client, client.subscribe("log") as updates:
    for update in updates:
        said = {"topic": update.topic, "n": update.data.get("n"), "missed": updates.missed}
        print(json.dumps(said))
"""
SERVING = "from tests.service.small_service import serve; serve()"


def said(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


def next_of(subscription: Subscription, topic: str) -> Update:
    while (update := subscription.get(20.0)) is not None:
        if update.topic == topic:
            return update
    raise AssertionError(f"no update of {topic} came")


def served(start_python: StartPython) -> subprocess.Popen[str]:
    process = start_python(SERVING)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_frozen_client_costs_nobody_anything_and_learns_how_much_it_missed(
    service: SmallService, client: LabClient, start_python: StartPython
) -> None:
    process = start_python(LISTENING)
    assert said(process)["topic"] == "snapshot"
    n_published = 600
    with client.subscribe("log") as lively:
        next_of(lively, "snapshot")
        os.kill(process.pid, signal.SIGSTOP)
        slowest_s = 0.0
        for n in range(n_published):
            began_s = time.monotonic()
            service.publisher.publish("log", {"n": n, "filling": "x" * 10_000})
            slowest_s = max(slowest_s, time.monotonic() - began_s)
            assert next_of(lively, "log").data["n"] == n
        assert lively.missed == 0
        # What runs beside it may take the processor away; a publisher that waits takes forever.
        assert slowest_s < 1.0
        began_s = time.monotonic()
        assert client.make_safe().is_safe
        assert time.monotonic() - began_s < 5.0

    os.kill(process.pid, signal.SIGCONT)
    lines = [said(process)]
    while lines[-1]["topic"] != "snapshot":
        lines.append(said(process))
    received = [line["n"] for line in lines if line["topic"] == "log"]
    assert len(received) < n_published / 2
    assert lines[-1]["missed"] == n_published - len(received)
    service.publisher.publish("log", {"n": n_published})
    assert said(process) == {"topic": "log", "n": n_published, "missed": lines[-1]["missed"]}


def test_a_killed_client_is_lost_and_its_control_is_free(
    start_python: StartPython, wait_until: WaitUntil
) -> None:
    service = SmallService.open(lost_after_s=0.5)
    gone: list[str] = []
    service.control.on_operator_gone = lambda client: gone.append(client.name)
    try:
        process = start_python(LISTENING)
        assert said(process)["topic"] == "snapshot"
        assert service.control.snapshot()["operator"] is not None
        killed_s = time.monotonic()
        process.kill()

        wait_until(lambda: gone)

        assert time.monotonic() - killed_s >= 0.4
        assert gone == ["frozen"]
        assert service.control.operator is None
        (lost,) = service.control.snapshot()["clients"]
        assert lost["is_lost"] is True
        with connect(name="anna", take_control=True) as anna:
            assert anna.set("pump.power_mw", 2.0) == 2.0
    finally:
        service.close()


@pytest.mark.slow
def test_a_frozen_operator_is_lost_and_gets_control_back(
    start_python: StartPython, wait_until: WaitUntil
) -> None:
    service = SmallService.open(lost_after_s=0.5)
    try:
        process = start_python(LISTENING)
        assert said(process)["topic"] == "snapshot"
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: service.control.operator is None)

        os.kill(process.pid, signal.SIGCONT)

        wait_until(lambda: service.control.operator is not None)
        assert len(service.control.snapshot()["clients"]) == 1
    finally:
        service.close()


@pytest.mark.slow
def test_a_client_sees_that_the_service_was_killed_and_attaches_to_the_next_one(
    start_python: StartPython,
) -> None:
    process = served(start_python)
    with connect(name="anna", take_control=True) as client, client.subscribe("log") as updates:
        next_of(updates, "snapshot")
        former = client.client_id
        process.kill()

        assert next_of(updates, "service").data == {"state": "gone"}
        assert client.is_gone
        with pytest.raises(LinkError, match=r"the acquisition service in process \d+ .* is gone"):
            client.get("pump.power_mw")
        with pytest.raises(LinkError, match="no acquisition service has come back"):
            client.reconnect(0.1)

        process = served(start_python)
        client.reconnect(20.0)

        assert next_of(updates, "service").data == {"state": "connected"}
        assert next_of(updates, "snapshot").data["run"]["state"] == "idle"
        assert client.client_id != former
        assert client.get("pump.power_mw") == 5.0
        # Control is never taken again by itself.
        assert client.snapshot()["control"]["operator"] is None


@pytest.mark.slow
def test_a_service_that_hangs_is_noticed(start_python: StartPython) -> None:
    process = served(start_python)
    with connect(name="anna") as client, client.subscribe("log") as updates:
        next_of(updates, "snapshot")
        os.kill(process.pid, signal.SIGSTOP)

        with pytest.raises(TimeoutError, match=r'has not answered "status" within 0\.3 s'):
            client.ask("status", timeout_s=0.3)

        os.kill(process.pid, signal.SIGCONT)
        assert client.status()["simulated"] is True
        assert not client.is_gone
