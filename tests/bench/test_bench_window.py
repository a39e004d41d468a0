"""The whole window on a live service. Goals: 30 frames/s at 5 Mtag/s, no gap of 100 ms.

Everything shares the cores of this machine: the service with its simulated world, the window,
and the software that draws it. Goals: digits within 250 ms of the light, everything off and read
back within 0.4 s of F12, a usable picture within 2 s of a service that is ready.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QObject, QSettings, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.gui.window import MainWindow
from labctl.lab import bench_path
from labctl.service import LabClient, connect
from labctl.testing.service_process import ServiceProcess, home_variables

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

WAIT_MS = 60_000
WATCHED_S: Final = 60.0
BEAT_MS: Final = 5
FRAME_MS: Final = 33
TRIALS: Final = 7
#: Four detectors with a quarter of 2.5e6 pairs/s each and twice that: 5 Mtag/s in all.
BRIGHT: Final = (
    ('driver = "s15_tdc1"', 'driver = "swabian_timetagger"'),
    ('address = "serial:///dev/ttyACM0"', 'address = "library://swabian/bench"'),
    ("set = { threshold_v = -0.5 }", ""),
    ("pairs_hz_per_mw = 80_000.0", "pairs_hz_per_mw = 2_200_000.0"),
    ("dead_time_ns = 50.0", "dead_time_ns = 20.0"),
)


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


class Heartbeat(QObject):
    """Notes when the event loop turns, and the frames that one widget draws."""

    def __init__(self, drawn: QObject, draw: Callable[[], None]) -> None:
        super().__init__()
        self.gaps_s: list[float] = []
        self.at_s: list[float] = []
        self.frames = 0
        self._last_s = time.perf_counter()
        self._drawn = drawn
        self._beat = self._timer(BEAT_MS, self._note)
        self._frame = self._timer(FRAME_MS, draw)
        drawn.installEventFilter(self)

    def _timer(self, every_ms: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(act)
        timer.start(every_ms)
        return timer

    def _note(self) -> None:
        now_s = time.perf_counter()
        self.gaps_s.append(now_s - self._last_s)
        self.at_s.append(now_s)
        self._last_s = now_s

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        if watched is self._drawn and event.type() == QEvent.Type.Paint:
            self.frames += 1
        return False

    def end(self) -> None:
        self._beat.stop()
        self._frame.stop()
        self._drawn.removeEventFilter(self)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in home_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def service(home: Path, request: pytest.FixtureRequest) -> Iterator[ServiceProcess]:
    """The default bench, or with the parameter "bright" one with 5 Mtag/s."""
    config = home / "instruments.toml"
    text = bench_path("default").read_text()
    for old, new in BRIGHT if getattr(request, "param", "") == "bright" else ():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text)
    with ServiceProcess.start(home, "--config", str(config)) as started:
        yield started


@pytest.fixture
def client(service: ServiceProcess) -> Iterator[LabClient]:
    with connect(service.config, simulated=True, name="script") as found:
        yield found
        found.make_safe()


@pytest.fixture
def window(service: ServiceProcess, home: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    theme = Theme()
    theme.apply()
    link = ServiceLink(service.config, simulated=True, name="window")
    settings = QSettings(str(home / "window.ini"), QSettings.Format.IniFormat)
    made = MainWindow(link, theme, settings)
    qtbot.addWidget(made)
    link.start()
    made.resize(1600, 950)
    made.show()
    qtbot.waitUntil(lambda: "histogram" in link.latest, timeout=WAIT_MS)
    yield made
    made.close()
    link.close()


def rates(window: MainWindow) -> dict[str, Any]:
    told: dict[str, Any] = window.link.latest.get("rates", {}).get("taggers", {}).get("tagger", {})
    return told


def singles_hz(window: MainWindow) -> float:
    return sum(d["rate_hz"] or 0.0 for d in rates(window).get("detectors", {}).values())


@pytest.mark.parametrize("service", ["bright"], indirect=True)
def test_bench_frames_and_gaps_at_five_million_tags_a_second(
    window: MainWindow, client: LabClient, capsys: pytest.CaptureFixture[str], qtbot: QtBot
) -> None:
    client.set("pump.emission", value=True, arm=True)
    qtbot.waitUntil(lambda: singles_hz(window) > 4e6, timeout=WAIT_MS)
    viewport = window.rates.plot.widget.viewport()
    heartbeat = Heartbeat(viewport, viewport.update)
    began_s = time.perf_counter()
    skipped, live_hz = rates(window)["skipped"], singles_hz(window)

    def has_lasted(duration_s: float) -> bool:
        return time.perf_counter() - began_s > duration_s

    qtbot.waitUntil(lambda: has_lasted(WATCHED_S / 4), timeout=WAIT_MS)
    # By the link: this thread is the window's and must not wait.
    window.link.ask("start", lambda held: held.start("counting", {"dwell_s": 1, "points": 1000}))
    qtbot.waitUntil(lambda: has_lasted(WATCHED_S * 3 / 4), timeout=WAIT_MS)
    window.link.ask("abort", lambda held: held.abort("seen enough"))
    qtbot.waitUntil(lambda: has_lasted(WATCHED_S), timeout=WAIT_MS + 30_000)
    duration_s = time.perf_counter() - began_s
    heartbeat.end()
    largest = sorted(zip(heartbeat.gaps_s, heartbeat.at_s, strict=True), reverse=True)[:3]
    told = ", ".join(f"{1e3 * gap:.0f} ms at {at - began_s:.0f} s" for gap, at in largest)
    gaps_ms = sorted(1e3 * gap for gap in heartbeat.gaps_s)
    say(
        capsys,
        f"window at {live_hz / 1e6:.1f} Mtag/s, run started and aborted: "
        f"{heartbeat.frames / duration_s:.1f} frames/s of {1e3 / FRAME_MS:.0f}; event loop gap "
        f"99 % {gaps_ms[len(gaps_ms) * 99 // 100]:.0f} ms, largest {told}; "
        f"live display skipped {rates(window)['skipped'] - skipped} times, window missed "
        f"{window.link.missed} updates",
    )


def test_bench_light_to_digits(
    window: MainWindow, client: LabClient, capsys: pytest.CaptureFixture[str], qtbot: QtBot
) -> None:
    took_ms = []
    for _ in range(TRIALS):
        client.set("pump.emission", value=False)
        qtbot.waitUntil(lambda: 0 < singles_hz(window) < 5e3, timeout=WAIT_MS)
        client.set("pump.emission", value=True, arm=True)
        began_s = time.perf_counter()
        qtbot.waitUntil(lambda: singles_hz(window) > 5e3, timeout=WAIT_MS)
        window.repaint()
        took_ms.append(1e3 * (time.perf_counter() - began_s))
    say(
        capsys,
        f"light to digits: median {statistics.median(took_ms):.0f} ms, "
        f"largest {max(took_ms):.0f} ms of {TRIALS}",
    )


def test_bench_f12_under_a_modal_dialog(
    window: MainWindow, client: LabClient, capsys: pytest.CaptureFixture[str], qtbot: QtBot
) -> None:
    dialog = QDialog(window)
    dialog.setModal(True)
    took_ms = []
    for _ in range(TRIALS):
        client.set("pump.emission", value=True, arm=True)
        dialog.show()
        window.strip.tell("")
        began_s = time.perf_counter()
        QTest.keyClick(dialog, Qt.Key.Key_F12)
        # The report comes after emission was read back as off.
        qtbot.waitUntil(lambda: "all safe" in window.strip._note.text(), timeout=WAIT_MS)
        took_ms.append(1e3 * (time.perf_counter() - began_s))
        assert client.get("pump.emission") is False
        dialog.hide()
    say(
        capsys,
        f"F12 under a modal dialog to everything off and read back: median "
        f"{statistics.median(took_ms):.0f} ms, largest {max(took_ms):.0f} ms of {TRIALS}",
    )


FIRST_PICTURE = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication(["labctl"])
from labctl.gui.app import WindowProgram
program = WindowProgram(Path(sys.argv[1]), simulated=True)
program.open()
def look():
    if "rates" in program.link.latest and "instruments" in program.link.latest:
        program.window.grab()
        application.quit()
timer = QTimer()
timer.timeout.connect(look)
timer.start(5)
application.exec()
print("shown", flush=True)
program.window.close()
program.close()
"""


def test_bench_first_usable_picture(
    service: ServiceProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    took_s = []
    for _ in range(TRIALS):
        began_s = time.perf_counter()
        command = [sys.executable, "-c", FIRST_PICTURE, str(service.config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "shown\n"
            took_s.append(time.perf_counter() - began_s)
    say(
        capsys,
        f"from the start of the program to a picture with rates and settings: best "
        f"{min(took_s):.2f} s, median {statistics.median(took_s):.2f} s of {TRIALS}",
    )
