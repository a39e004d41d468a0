"""What clients cost: a request's round trip, and updates for twenty clients.

To reach: a round trip of at most 0.5 ms in the median; twenty clients that get every topic's
update twenty times a second for less than 10 % of a core. The clients are processes of their
own; the service does nothing else meanwhile. Beside it stands an empty message to and fro over
a bare socket pair between threads.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.service.publisher import Publisher
from tests.service.small_service import SmallService

pytestmark = pytest.mark.bench

REPOSITORY = Path(__file__).parent.parent.parent
#: Short rounds, of which the best counts: what else the machine does is no cost of ours.
ROUNDS = 40
REQUESTS = 250
REPEATS = 3
CLIENTS = 20
RATE_HZ = 20.0
DURATION_S = 5.0
TOPICS = ("rates", "matrix", "histogram", "health", "run")

ASKING = """
import json, time
from labctl.service.client import connect
with connect(name="bench") as client:
    for _ in range({rounds}):
        times_s = []
        for _ in range({requests}):
            began_s = time.perf_counter()
            client.ask({request})
            times_s.append(time.perf_counter() - began_s)
        times_s.sort()
        print(json.dumps([times_s[len(times_s) // 2], times_s[len(times_s) * 99 // 100]]))
"""
LISTENING = """
import contextlib, sys, threading
from labctl.service.client import connect
with contextlib.ExitStack() as stack:
    counts = []
    for n in range({clients}):
        client = stack.enter_context(connect(name=f"client {{n}}"))
        seen = []
        counts.append(seen)
        client.subscribe(*{topics!r}, on_update=seen.append)
    print("ready", flush=True)
    sys.stdin.readline()
    told = [sum(update.topic in {topics!r} for update in seen) for seen in counts]
    print(min(told), sum(update.missed for seen in counts for update in seen), flush=True)
"""


@pytest.fixture
def service() -> Iterator[SmallService]:
    opened = SmallService.open()
    yield opened
    opened.close()


def python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def bare_round_trip_s() -> float:
    """Return the median time of a byte to a thread and back over a socket pair."""
    ours, theirs = socket.socketpair()

    def answer() -> None:
        while data := theirs.recv(1):
            theirs.send(data)

    thread = threading.Thread(target=answer)
    thread.start()
    times_s = []
    for _ in range(REQUESTS):
        began_s = time.perf_counter()
        ours.send(b"x")
        ours.recv(1)
        times_s.append(time.perf_counter() - began_s)
    ours.shutdown(socket.SHUT_RDWR)
    thread.join()
    ours.close()
    theirs.close()
    return statistics.median(times_s)


@pytest.mark.parametrize(
    "request_",
    ['"get", path="pump.power_mw"', '"snapshot"', '"set", path="pump.power_mw", value=5'],
)
def test_round_trip_of_a_request(service: SmallService, request_: str) -> None:
    del service
    bare_s = min(bare_round_trip_s() for _ in range(ROUNDS))
    code = ASKING.format(rounds=ROUNDS, requests=REQUESTS, request=request_)
    with python(code) as process:
        assert process.stdout is not None
        found = [json.loads(line) for line in process.stdout]
    median_s, late_s = min(found)
    print(
        f"\n{request_}: {median_s * 1e3:.2f} ms median, {late_s * 1e3:.2f} ms for 99 %"
        f" (to reach: 0.5), {median_s / bare_s:.1f} times a byte over a bare socket pair"
    )


def an_update() -> dict[str, Any]:
    """Return what the live display tells: rates of four detectors and a histogram."""
    return {"rates_hz": [1234.5, 2345.6, 3456.7, 4567.8], "counts": list(range(400))}


def publish_for(publisher: Publisher, topics: tuple[str, ...], duration_s: float) -> None:
    data = an_update()
    begin_s = time.monotonic()
    for n in range(round(duration_s * RATE_HZ)):
        for topic in topics:
            publisher.publish(topic, {"state": "running", **data})
        time.sleep(max(0.0, begin_s + (n + 1) / RATE_HZ - time.monotonic()))


def cpu_part(action: Callable[[], object]) -> float:
    """Return the part of a core that this process used meanwhile."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    action()
    return (time.process_time() - cpu_s) / (time.perf_counter() - began_s)


@pytest.mark.parametrize("topics", [TOPICS[:1], TOPICS], ids=["one topic", "five topics"])
def test_twenty_clients_at_twenty_hertz(service: SmallService, topics: tuple[str, ...]) -> None:
    alone = cpu_part(lambda: publish_for(service.publisher, topics, DURATION_S))
    with python(LISTENING.format(clients=CLIENTS, topics=topics)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        parts = [
            cpu_part(lambda: publish_for(service.publisher, topics, DURATION_S))
            for _ in range(REPEATS)
        ]
        told, missed = process.communicate("\n")[0].split()
    rate_hz = int(told) / len(parts) / DURATION_S
    print(
        f"\n{CLIENTS} clients, {len(topics)} topics of {len(json.dumps(an_update()))} bytes:"
        f" {min(parts) * 100:.1f} % of a core (to reach: 10), without clients"
        f" {alone * 100:.1f} %; every client got at least {rate_hz:.1f} updates/s, {missed} missed"
    )
