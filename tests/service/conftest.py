"""A small service, clients of it, processes, and waits on conditions."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from labctl.service.client import LabClient, connect
from labctl.service.publisher import Publisher
from tests.service.listening import TOKEN, Desk, Listener
from tests.service.small_service import SmallService

#: Processes find this package there.
REPOSITORY = Path(__file__).parent.parent.parent

StartPython: TypeAlias = Callable[[str], subprocess.Popen[str]]
WaitUntil: TypeAlias = Callable[[Callable[[], object]], None]


@pytest.fixture
def service() -> Iterator[SmallService]:
    """Return a small service."""
    opened = SmallService.open()
    yield opened
    opened.close()


@pytest.fixture
def client(service: SmallService) -> Iterator[LabClient]:
    """Return a client of it."""
    del service
    with connect(name="anna") as connected:
        yield connected


@pytest.fixture
def other(service: SmallService) -> Iterator[LabClient]:
    """Return a second client of it."""
    del service
    with connect(name="bert") as connected:
        yield connected


@pytest.fixture
def start_python() -> Iterator[StartPython]:
    """Return a starter of a Python process; it is killed at the end of the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def wait_until() -> WaitUntil:
    """Return a wait on a condition, which fails after ten seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10.0
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.002)

    return wait


@pytest.fixture
def desk() -> Desk:
    """Return what the publisher asks."""
    return Desk()


@pytest.fixture
def publisher(desk: Desk) -> Iterator[Publisher]:
    """Return a publisher without a laboratory."""
    opened = Publisher(
        is_token=lambda text: text == TOKEN, admit=desk.admit, snapshot=lambda: dict(desk.state)
    )
    yield opened
    opened.close()


@pytest.fixture
def listen(publisher: Publisher) -> Iterator[Callable[..., Listener]]:
    """Return a maker of listeners, which are closed at the end of the test."""
    opened: list[Listener] = []

    def start(password: str = TOKEN) -> Listener:
        opened.append(Listener(publisher.endpoint, password))
        return opened[-1]

    yield start
    for listener in opened:
        listener.socket.close()


@pytest.fixture
def listener(listen: Callable[..., Listener]) -> Listener:
    """Return a listener that knows the password."""
    return listen()
