"""The program around the window: it finds or starts a service, and leaves it as it must."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from labctl.gui.app import WindowProgram
from labctl.lab import bench_path
from labctl.service import LabClient, connect, find_service
from labctl.testing.service_process import ServiceProcess, home_variables
from tests.gui.conftest import WAIT_MS

START_MS = 30_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which no service runs."""
    for name, value in home_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def open_program(home: Path, qtbot: QtBot) -> Iterator[Callable[[Path], WindowProgram]]:
    """Opens the program as `labctl gui --simulated` does; nothing of it is left."""
    opened: list[WindowProgram] = []

    def open_(config: Path) -> WindowProgram:
        settings = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)
        program = WindowProgram(config, simulated=True, settings=settings)
        qtbot.addWidget(program.window)
        opened.append(program)
        program.open()
        return program

    yield open_
    for program in opened:
        if program.started is not None and not program.started.failure():
            os.kill(program.started.pid, signal.SIGKILL)
            program.started.has_ended_within(10)
        program.link.close()
        program.window.close()


def is_connected(program: WindowProgram) -> bool:
    return program.link.state == "connected"


def test_a_service_that_it_started_ends_with_it_unless_something_emits(
    open_program: Callable[[Path], WindowProgram], qtbot: QtBot
) -> None:
    config = bench_path("default")
    program = open_program(config)
    assert program.started is not None
    qtbot.waitUntil(lambda: is_connected(program), timeout=START_MS)
    with connect(config, simulated=True) as script:
        script.set("pump.emission", value=True, arm=True)
        said = program.close()
        assert "goes on" in said
        assert "pump emits" in said
        script.make_safe()
    again = open_program(config)
    # It found the one that was left on.
    assert again.started is None
    qtbot.waitUntil(lambda: is_connected(again), timeout=START_MS)
    again.started = program.started
    assert again.close() == ""
    assert find_service(config, simulated=True) is None


def test_closed_before_its_service_is_ready_it_leaves_none_behind(
    open_program: Callable[[Path], WindowProgram],
) -> None:
    program = open_program(bench_path("default"))
    assert program.started is not None
    assert program.close() == ""
    assert program.started.failure() != ""


def test_a_service_that_does_not_start_is_quoted(
    open_program: Callable[[Path], WindowProgram], home: Path, qtbot: QtBot
) -> None:
    config = home / "instruments.toml"
    config.write_text(bench_path("default").read_text().replace("cobolt_06", "cobalt_06"))
    program = open_program(config)
    banner = program.window.banner.text
    qtbot.waitUntil(lambda: "has ended" in banner.text(), timeout=START_MS)
    assert "cobolt_06" in banner.text()
    assert program.close() == ""


@pytest.fixture
def service(home: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess.start(home) as started:
        yield started


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[LabClient]:
    with connect(service.config, simulated=True, name="script") as found:
        yield found


def test_a_service_of_somebody_else_is_left_alone(
    service: ServiceProcess,
    open_program: Callable[[Path], WindowProgram],
    qtbot: QtBot,
) -> None:
    program = open_program(service.config)
    assert program.started is None
    qtbot.waitUntil(lambda: is_connected(program), timeout=WAIT_MS)
    assert program.close() == ""
    assert service.process.poll() is None


def windows_of(client: LabClient) -> list[str]:
    return [c["id"] for c in client.snapshot()["control"]["clients"] if c["name"] == "window"]


def test_a_window_killed_in_mid_run_costs_it_nothing_and_the_next_shows_the_same_run(
    client: LabClient,
    service: ServiceProcess,
    open_program: Callable[[Path], WindowProgram],
    qtbot: QtBot,
) -> None:
    client.start("counting", {"dwell_s": 0.2, "points": 500})
    command = [sys.executable, "-m", "labctl.cli.main", "gui", "--simulated"]
    window = subprocess.Popen(command, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"})
    try:
        qtbot.waitUntil(lambda: bool(windows_of(client)), timeout=START_MS)
    finally:
        window.kill()
        window.wait()
    done = client.run_status.points_done
    qtbot.waitUntil(lambda: client.run_status.points_done > done, timeout=WAIT_MS)
    program = open_program(service.config)
    latest = program.link.latest
    qtbot.waitUntil(lambda: len(latest.get("points", {}).get("rows", [])) > 0, timeout=WAIT_MS)
    status = client.run_status
    assert latest["run"]["uid"] == latest["points"]["uid"] == status.uid
    # The points from before it was opened are there too.
    assert latest["snapshot"]["points"]["rows"][0]["number"] in {0, 1}
    client.abort("seen enough")
    qtbot.waitUntil(lambda: latest["run"]["state"] == "aborted", timeout=WAIT_MS)
    assert program.close() == ""
