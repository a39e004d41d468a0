"""What goes wrong is said in the window with what to do, and it recovers by itself."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.gui.window import MainWindow
from labctl.lab import bench_path
from labctl.service import LabClient, connect
from labctl.storage import open_run
from labctl.testing.service_process import ServiceProcess, home_variables
from tests.gui.conftest import WAIT_MS

#: Services of its own, started and stopped: minutes, not seconds.
pytestmark = pytest.mark.slow

START_MS = 40_000

Open = Callable[[], MainWindow]


def lamps(window: MainWindow) -> str:
    return " ".join(lamp.text() for lamp in window.strip._lamps.values())


def banner(window: MainWindow) -> str:
    return window.banner.text.text() if window.banner.isVisibleTo(window) else ""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in home_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def lone_window(home: Path, theme: Theme, qtbot: QtBot) -> Iterator[MainWindow]:
    """A window where no service runs yet."""
    link = ServiceLink(bench_path("default"), simulated=True, name="lone window")
    settings = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(link, theme, settings)
    qtbot.addWidget(window)
    link.start()
    window.show()
    yield window
    window.close()
    link.close()


def test_a_window_without_a_service_waits_for_one_and_finds_its_successor_too(
    lone_window: MainWindow, home: Path, qtbot: QtBot
) -> None:
    window = lone_window
    assert "No acquisition service" in banner(window)
    assert "labctl serve" in banner(window)
    window.all_off()
    qtbot.waitUntil(lambda: "NOT CONFIRMED SAFE" in banner(window), timeout=WAIT_MS)
    window.banner.dismiss()
    first = ServiceProcess.start(home)
    qtbot.waitUntil(lambda: "○ off  pump" in lamps(window), timeout=START_MS)
    assert banner(window) == ""
    first.kill()
    qtbot.waitUntil(lambda: "The acquisition service is gone" in banner(window), timeout=START_MS)
    assert "▲ UNKNOWN, may emit  pump" in lamps(window)
    assert "SERVICE GONE" in window.status._labels["service"].text()
    with ServiceProcess.start(home):
        qtbot.waitUntil(lambda: "○ off  pump" in lamps(window), timeout=START_MS)
        # What failed meanwhile is told for ten seconds.
        qtbot.waitUntil(lambda: banner(window) == "", timeout=2 * WAIT_MS)
        assert window.link.state == "connected"


def test_a_full_disk_ends_the_run_and_is_told_with_the_file(
    lone_window: MainWindow, home: Path, qtbot: QtBot
) -> None:
    window = lone_window
    with ServiceProcess.start(home) as service:
        qtbot.waitUntil(lambda: window.link.state == "connected", timeout=START_MS)
        # No file of the service may grow beyond this: to it, a disk that is full.
        pid = service.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        with connect(service.config, simulated=True) as script:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (3_000_000, hard))
            script.start("counting", {"dwell_s": 0.5, "points": 100})
            latest = window.link.latest
            qtbot.waitUntil(lambda: latest["run"]["state"] == "failed", timeout=START_MS)
            reason = latest["run"]["text"]
            assert "could not be written" in reason
            qtbot.waitUntil(lambda: reason in said(window), timeout=WAIT_MS)
            path = latest["run"]["path"]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
            # The tag stream did not end with the recorder: the next run begins at once.
            again = script.run("counting", dwell_s=0.2, points=1)
        assert again.status == "finished"
        with open_run(Path(path)) as run:
            assert sum(len(block) for block in run.tags()) > 0


def said(window: MainWindow) -> str:
    """Return what the run bar says about the run."""
    return f"{window.run_bar.progress.details.text()} {window.run_bar.notice.text()}"


def test_an_unplugged_instrument_is_named_with_what_to_do_and_the_rest_works(
    open_window: Open, client: LabClient, qtbot: QtBot
) -> None:
    window = open_window()
    client.fault("pump_meter", "unplug")
    try:
        qtbot.waitUntil(lambda: "pump_meter cannot be reached" in banner(window), timeout=WAIT_MS)
        assert "Reconnect" in banner(window)
        assert client.set("pump.power_mw", 4.0) == pytest.approx(4.0)
        # What an order comes to is told all the same, and then the trouble again.
        window.commands.refused.emit("Start run: not now")
        assert banner(window) == "Start run: not now"
        window.banner.dismiss()
        assert "pump_meter cannot be reached" in banner(window)
    finally:
        client.fault("pump_meter", "plug")
        client.reconnect_instrument("pump_meter")
    qtbot.waitUntil(lambda: banner(window) == "", timeout=WAIT_MS)


def test_an_unplugged_tagger_shows_no_rate_as_fresh_and_comes_back(
    open_window: Open, client: LabClient, qtbot: QtBot
) -> None:
    window = open_window()

    def error() -> str:
        told = window.link.latest.get("rates", {}).get("taggers", {}).get("tagger", {})
        return str(told.get("error", ""))

    client.fault("tagger", "unplug")
    qtbot.waitUntil(lambda: error() != "", timeout=WAIT_MS)
    client.fault("tagger", "plug")
    qtbot.waitUntil(lambda: error() == "", timeout=WAIT_MS)


def record_while_the_window_is_blocked(
    window: MainWindow, client: LabClient, qtbot: QtBot, seconds: float
) -> None:
    """Let a run of so many seconds pass without one turn of the window's event loop."""
    ticks: list[str] = []
    window.link.updated.connect(lambda topic, _: ticks.append(topic))
    points = round(seconds / 0.5)
    # This thread is the window's: it waits for the run and does nothing else.
    outcome = client.run("counting", dwell_s=0.5, points=points)
    assert ticks == []
    assert outcome.status == "finished"
    assert outcome.path is not None
    with open_run(outcome.path) as run:
        blocks = list(run.tags())
        assert len(run.points()) == points
    assert all(block.is_lossless for block in blocks)
    assert all(b.start_ps == a.stop_ps for a, b in itertools.pairwise(blocks))
    qtbot.waitUntil(lambda: window.link.latest["run"]["state"] == "finished", timeout=WAIT_MS)
    # Of what only the newest counts of, what came meanwhile is thinned out.
    assert ticks.count("rates") < 10 * seconds


def test_a_window_that_hangs_costs_the_recorder_nothing(
    open_window: Open, client: LabClient, qtbot: QtBot
) -> None:
    record_while_the_window_is_blocked(open_window(), client, qtbot, 2.0)


@pytest.mark.slow
def test_a_window_that_hangs_for_ten_seconds_costs_the_recorder_nothing(
    open_window: Open, client: LabClient, qtbot: QtBot
) -> None:
    record_while_the_window_is_blocked(open_window(), client, qtbot, 10.0)


# The last one: this laser wants to be told that its fault is over before it emits again.
def test_an_open_interlock_refuses_emission_in_words(
    open_window: Open, client: LabClient, qtbot: QtBot
) -> None:
    window = open_window()
    client.fault("pump", "interlock")
    qtbot.waitUntil(lambda: "INTERLOCK OPEN  pump" in lamps(window), timeout=WAIT_MS)
    window.link.ask(
        "switch the pump on",
        lambda held: held.set("pump.emission", value=True, arm=True),
    )
    qtbot.waitUntil(lambda: "interlock" in banner(window).lower(), timeout=WAIT_MS)
    client.fault("pump", "interlock", is_open=False)
    qtbot.waitUntil(lambda: "INTERLOCK" not in lamps(window), timeout=WAIT_MS)
