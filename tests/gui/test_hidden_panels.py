"""What nobody sees costs nothing: panels behind tabs are drawn when they come to the front."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QDockWidget
from pytestqt.qtbot import QtBot

from labctl.gui.window import MainWindow
from tests.gui.conftest import WAIT_MS

Open = Callable[[], MainWindow]


class Counted:
    """Counts the calls of a method that draws."""

    def __init__(self, panel: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self._drawn = getattr(panel, name)
        monkeypatch.setattr(panel, name, self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls += 1
        return self._drawn(*args, **options)


@pytest.fixture
def window(open_window: Open, qtbot: QtBot) -> MainWindow:
    made = open_window()
    qtbot.waitUntil(lambda: len(made.instruments.groups) == 6, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "histogram" in made.link.latest, timeout=WAIT_MS)
    return made


def was_drawn(counted: Counted) -> bool:
    return counted.calls > 0


def dock_of(window: MainWindow, panel: Any) -> QDockWidget:
    return next(dock for dock in window.findChildren(QDockWidget) if dock.widget() is panel)


def tell_everything(window: MainWindow, times: int = 5) -> None:
    """Let every topic come again, as the service tells it."""
    for _ in range(times):
        for topic in ("rates", "matrix", "histogram", "queue", "alarms", "control", "instruments"):
            window.link.updated.emit(topic, window.link.latest.get(topic) or {})
    line = {"utc_ns": 0, "level": "info", "source": "test", "text": "a line"}
    window.link.updated.emit("log", line)


@pytest.mark.slow
def test_views_behind_a_tab_draw_nothing_until_they_come_to_the_front(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {
        "rates": Counted(window.rates, "_draw_traces", monkeypatch),
        "matrix": Counted(window.matrix.picture, "show_counts", monkeypatch),
        "histogram": Counted(window.histogram.picture, "show_histograms", monkeypatch),
    }
    window.tabs.setCurrentWidget(window.result)
    for counted in drawn.values():
        counted.calls = 0
    tell_everything(window)
    assert {name: counted.calls for name, counted in drawn.items()} == dict.fromkeys(drawn, 0)
    for name, counted in drawn.items():
        window.tabs.setCurrentWidget(getattr(window, name))
        assert counted.calls >= 1


@pytest.mark.slow
def test_docks_behind_a_tab_draw_nothing_until_they_come_to_the_front(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    log, queue = dock_of(window, window.log), dock_of(window, window.queue)
    instruments = dock_of(window, window.instruments)
    window.tabifyDockWidget(log, instruments)
    front = dock_of(window, window.run_bar)
    window.tabifyDockWidget(log, front)
    front.raise_()
    QApplication.processEvents()
    # Qt calls them visible.
    assert window.log.isVisible()
    drawn = {
        log: Counted(window.log.view, "append_lines", monkeypatch),
        queue: Counted(window.queue.model, "show_queue", monkeypatch),
        instruments: Counted(window.instruments, "_situation", monkeypatch),
    }
    tell_everything(window)
    qtbot.waitUntil(lambda: not window.log._timer.isActive(), timeout=WAIT_MS)
    assert [counted.calls for counted in drawn.values()] == [0, 0, 0]
    for dock, counted in drawn.items():
        dock.raise_()
        qtbot.waitUntil(partial(was_drawn, counted), timeout=WAIT_MS)
