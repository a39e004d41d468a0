"""The Runs window over 2000 runs. Goals: no gap of 100 ms while it reads, a search within 100 ms.

A replay shares the interpreter with the window that draws it: its gaps are told too.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.run_replay_window import ReplayWindow
from labctl.gui.runs_index import RunsIndex
from labctl.gui.runs_window import RunsWindow
from labctl.gui.theme import Theme
from labctl.runs import open_lab
from labctl.runs.run_index import index_run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

WAIT_MS = 300_000
N_RUNS: Final = 2000
BEAT_MS: Final = 5
TRIALS: Final = 7


class Beat(QObject):
    """Notes the gaps between turns of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps_ms: list[float] = []
        self._last_s = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._note)
        self._timer.start(BEAT_MS)

    def _note(self) -> None:
        now_s = time.perf_counter()
        self.gaps_ms.append(1e3 * (now_s - self._last_s))
        self._last_s = now_s

    def end(self) -> str:
        """Return the gaps in words."""
        self._timer.stop()
        gaps = sorted(self.gaps_ms)
        return (
            f"event loop gap median {statistics.median(gaps):.0f} ms, 99 % "
            f"{gaps[len(gaps) * 99 // 100]:.0f} ms, largest {gaps[-1]:.0f} ms"
        )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a second."""
    with open_lab(simulated=True, seed=3, speed=0) as lab:
        outcome = lab.run(
            "counting", dwell_s=10.0, points=2, folder=tmp_path_factory.mktemp("data")
        )
    assert outcome.path is not None
    return outcome.path


@pytest.fixture(scope="module")
def many(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 2000 names of that run, each a file of its own to whoever lists it."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(N_RUNS):
        day = folder / f"2026-{1 + number // 200:02d}-01"
        day.mkdir(exist_ok=True)
        second = f"{number % 200 // 60:02d}-{number % 60:02d}"
        (day / f"{day.name}T10-{second}_counting_{number:06x}.h5").hardlink_to(recorded)
    return folder


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def window(
    many: Path, parent: QWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunsWindow]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    theme = Theme()
    theme.apply()
    link = ServiceLink()
    link.latest["service"] = {"folder": str(many)}
    made = RunsWindow(link, theme, Commands(parent), parent)
    yield made
    made.end()
    made.close()


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def test_bench_reading_two_thousand_runs(
    window: RunsWindow, many: Path, recorded: Path, capsys: pytest.CaptureFixture[str], qtbot: QtBot
) -> None:
    index_run(recorded)
    began_s = time.perf_counter()
    for _ in range(TRIALS):
        index_run(recorded)
    alone_s = (time.perf_counter() - began_s) / TRIALS
    beat = Beat()
    began_s = time.perf_counter()
    window.open_()
    qtbot.waitUntil(lambda: len(window.model.rows) > 0, timeout=WAIT_MS)
    first_s = time.perf_counter() - began_s
    qtbot.waitUntil(lambda: window.model.known == N_RUNS, timeout=WAIT_MS)
    whole_s = time.perf_counter() - began_s
    say(
        capsys,
        f"{N_RUNS} runs: the newest after {first_s:.2f} s, all after {whole_s:.1f} s, "
        f"{N_RUNS / whole_s:.0f} runs/s, {whole_s / N_RUNS / alone_s:.2f} of one file read alone "
        f"({1e3 * alone_s:.1f} ms); {beat.end()}",
    )
    took_ms = []
    for words in ("failed", "counting 2026", "0001 simulated") * 3:
        began_s = time.perf_counter()
        window.model.look_for(words)
        window.table.repaint()
        took_ms.append(1e3 * (time.perf_counter() - began_s))
    window.model.look_for("")
    began_s = time.perf_counter()
    window.refresh()
    qtbot.waitUntil(lambda: not window.index.is_reading, timeout=WAIT_MS)
    again_s = time.perf_counter() - began_s
    later = RunsIndex(window)
    began_s = time.perf_counter()
    later.refresh(many)
    qtbot.waitUntil(lambda: len(later.runs) == N_RUNS, timeout=WAIT_MS)
    kept_s = time.perf_counter() - began_s
    later.end()
    beat = Beat()
    for _ in range(50):
        QTest.keyClick(window.table, Qt.Key.Key_Down)
        qtbot.wait(20)
    say(
        capsys,
        f"search of {N_RUNS} runs: median {statistics.median(took_ms):.1f} ms, largest "
        f"{max(took_ms):.1f} ms; read again, nothing new: {again_s:.2f} s; "
        f"at the next start: {kept_s:.2f} s; "
        f"50 runs walked through: {beat.end()}",
    )


@pytest.mark.parametrize("speed", ["1×", "100×", "as fast as possible"])
def test_bench_replay(
    recorded: Path,
    parent: QWidget,
    speed: str,
    capsys: pytest.CaptureFixture[str],
    qtbot: QtBot,
) -> None:
    theme = Theme()
    theme.apply()
    window = ReplayWindow(recorded, "counting", theme, parent)
    window.speed.setCurrentText(speed)
    window.replay.set_paused(is_paused=True)
    window.open_()
    qtbot.waitUntil(lambda: window.replay.play_state == "paused", timeout=WAIT_MS)
    beat = Beat()
    began_s, from_s = time.perf_counter(), window.replay.position_s
    window.replay.set_paused(is_paused=False)
    qtbot.waitUntil(
        lambda: window.replay.play_state == "ended" or time.perf_counter() - began_s > 5,
        timeout=WAIT_MS,
    )
    lasted_s = time.perf_counter() - began_s
    reached = (window.replay.position_s - from_s) / lasted_s
    say(capsys, f"replay {speed}: {reached:.1f} recorded seconds per second; {beat.end()}")
    window.close()
