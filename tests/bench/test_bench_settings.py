"""A bench of more than a hundred settings in the window's dock: nothing may hold the window.

Goal: no gap of 100 ms in the event loop, neither while the dock is made nor while values come.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QObject, QSettings, Qt, QTimer
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.gui.window import MainWindow
from labctl.lab import bench_path
from labctl.testing.service_process import ServiceProcess, home_variables

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

WAIT_MS = 60_000
N_MOUNTS: Final = 24
N_IN_DEFAULT_BENCH: Final = 6
WATCHED_S: Final = 10.0
MOUNT: Final = """
[instruments.spare_{number}]
driver = "thorlabs_k10cr1"
address = "serial:///dev/ttyUSB{port}"

[simulation.instruments.spare_{number}]
"""


class Gaps(QObject):
    """How long the event loop did not turn, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.found_ms: list[float] = []
        self._last_s = time.perf_counter()
        self._beat = QTimer(self)
        self._beat.setTimerType(Qt.TimerType.PreciseTimer)
        self._beat.timeout.connect(self._note)
        self._beat.start(5)

    def _note(self) -> None:
        now_s = time.perf_counter()
        self.found_ms.append(1e3 * (now_s - self._last_s))
        self._last_s = now_s

    def taken(self) -> list[float]:
        """Return the largest gaps since this was last asked, the largest first."""
        found, self.found_ms = sorted(self.found_ms, reverse=True), []
        return found[:3]


def test_bench_a_dock_of_a_hundred_settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    qtbot: QtBot,
) -> None:
    for name, value in home_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    config = tmp_path / "instruments.toml"
    spare = "".join(MOUNT.format(number=n, port=n + 10) for n in range(N_MOUNTS))
    config.write_text(bench_path("default").read_text() + spare)
    with ServiceProcess.start(tmp_path, "--config", str(config)) as service:
        theme = Theme()
        theme.apply()
        link = ServiceLink(service.config, simulated=True, name="window")
        settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        window = MainWindow(link, theme, settings)
        qtbot.addWidget(window)
        window.resize(1600, 950)
        window.show()
        qtbot.waitExposed(window)
        gaps = Gaps()
        link.start()
        began_s = time.perf_counter()
        n_groups = N_MOUNTS + N_IN_DEFAULT_BENCH

        def lasts(duration_s: float) -> Callable[[], bool]:
            end_s = time.perf_counter() + duration_s
            return lambda: time.perf_counter() > end_s

        qtbot.waitUntil(lambda: len(window.instruments.groups) == n_groups, timeout=WAIT_MS)
        made_s = time.perf_counter() - began_s
        qtbot.waitUntil(lasts(1.0), timeout=WAIT_MS)
        while_made = gaps.taken()
        qtbot.waitUntil(lasts(WATCHED_S), timeout=WAIT_MS)
        while_used = gaps.taken()
        n_rows = sum(len(group.rows) for group in window.instruments.groups.values())
        window.close()
        link.close()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{n_rows} settings and readings of {n_groups} instruments: there "
            f"{made_s:.2f} s after the search for the service began; largest gaps of the event "
            f"loop while the dock is made {', '.join(f'{gap:.0f}' for gap in while_made)} ms, "
            f"while values come {', '.join(f'{gap:.0f}' for gap in while_used)} ms\n"
        )
