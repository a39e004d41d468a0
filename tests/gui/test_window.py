"""The window as a whole; also run on a real X server, see .ci/run."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QLabel,
    QLineEdit,
    QMenu,
    QWidget,
)
from pytestqt.qtbot import QtBot

from labctl.gui.app import WindowProgram
from labctl.gui.link import ServiceLink
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.gui.window import MainWindow
from labctl.service import LabClient
from labctl.testing.service_process import ServiceProcess
from tests.gui.conftest import WAIT_MS
from tests.gui.legibility import inputs

Open = Callable[[], MainWindow]


@pytest.fixture
def window(open_window: Open, qtbot: QtBot) -> MainWindow:
    made = open_window()
    made.activateWindow()
    qtbot.waitActive(made)
    return made


@pytest.fixture
def lit(client: LabClient, window: MainWindow, qtbot: QtBot) -> MainWindow:
    """A window over a bench whose pump emits."""
    client.set("pump.emission", value=True, arm=True)
    qtbot.waitUntil(lambda: "▲ EMITTING  pump" in lamps(window), timeout=WAIT_MS)
    return window


def lamps(window: MainWindow) -> str:
    return " ".join(lamp.text() for lamp in window.strip._lamps.values())


def docks(window: MainWindow) -> dict[str, tuple[Qt.DockWidgetArea, bool]]:
    return {
        dock.windowTitle(): (window.dockWidgetArea(dock), dock.isVisibleTo(window))
        for dock in window.findChildren(QDockWidget)
    }


def dock_named(window: MainWindow, title: str) -> QDockWidget:
    return next(d for d in window.findChildren(QDockWidget) if d.windowTitle() == title)


# What F12 does is tested from every kind of input in test_all_off; here, that it does it.
@pytest.mark.parametrize("where", ["experiment", "setting", "plot", "dialog", "menu", "palette"])
def test_f12_switches_the_pump_off_and_says_so(
    lit: MainWindow, client: LabClient, qtbot: QtBot, where: str
) -> None:
    front: QWidget = lit
    if where == "experiment":
        front = next(w for w in inputs(lit.run_bar) if isinstance(w, QComboBox))
    elif where == "setting":
        qtbot.waitUntil(lambda: len(lit.instruments.groups) == 6, timeout=WAIT_MS)
        front = next(w for w in inputs(lit.instruments) if isinstance(w, QLineEdit))
    elif where == "plot":
        front = lit.rates
    elif where == "dialog":
        front = QDialog(lit)
        front.setModal(True)
        front.show()
    elif where == "menu":
        menu = lit.findChild(QMenu)
        assert menu is not None
        menu.popup(lit.mapToGlobal(lit.rect().center()))
        front = menu
    else:
        lit.commands.do("palette")
        front = lit.palette_window.input
    front.setFocus()
    QTest.keyClick(front, Qt.Key.Key_F12)
    qtbot.waitUntil(lambda: "all safe: pump" in lit.strip._note.text(), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "○ off  pump" in lamps(lit), timeout=WAIT_MS)
    assert client.get("pump.emission") is False
    if where in {"dialog", "menu"}:
        front.close()


def test_the_red_button_asks_no_question(lit: MainWindow, client: LabClient, qtbot: QtBot) -> None:
    QTest.mouseClick(lit.strip.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "○ off  pump" in lamps(lit), timeout=WAIT_MS)
    assert client.get("pump.emission") is False


def shows_the_run(window: MainWindow) -> bool:
    latest = window.link.latest
    is_set = latest["instruments"]["pump"]["power_mw"]["value"] == 3.0
    return is_set and latest["run"]["state"] == "finished" and "▲ EMITTING  pump" in lamps(window)


def test_two_windows_show_the_same_truth(
    window: MainWindow,
    at_home: ServiceProcess,
    client: LabClient,
    theme: Theme,
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    link = ServiceLink(at_home.config, simulated=True, name="second window")
    link.start()
    settings = QSettings(str(tmp_path / "second.ini"), QSettings.Format.IniFormat)
    second = MainWindow(link, theme, settings)
    qtbot.addWidget(second)
    second.show()
    try:
        client.set("pump.power_mw", 3.0)
        client.set("pump.emission", value=True, arm=True)
        client.start("counting", {"dwell_s": 0.2, "points": 3})
        for shown in (window, second):
            qtbot.waitUntil(partial(shows_the_run, shown), timeout=WAIT_MS)
        assert window.link.latest["run"] == second.link.latest["run"]
        second.commands.do("control.take")
        qtbot.waitUntil(
            lambda: window.status._labels["control"].text() == "control: second window",
            timeout=WAIT_MS,
        )
        assert second.status._labels["control"].text() == "you hold control"
        # Everybody may switch off, whoever holds control.
        window.all_off()
        qtbot.waitUntil(lambda: "○ off  pump" in lamps(second), timeout=WAIT_MS)
        second.commands.do("control.release")
        qtbot.waitUntil(
            lambda: window.status._labels["control"].text() == "control: free", timeout=WAIT_MS
        )
    finally:
        second.close()
        link.close()
    assert client.get("pump.emission") is False


def test_a_closed_window_leaves_run_and_light_as_they_are(
    lit: MainWindow, client: LabClient, qtbot: QtBot
) -> None:
    client.start("counting", {"dwell_s": 0.1, "points": 200})
    qtbot.waitUntil(lambda: client.run_status.points_done >= 1, timeout=WAIT_MS)
    lit.close()
    lit.link.close()
    done = client.run_status.points_done
    qtbot.waitUntil(lambda: client.run_status.points_done > done, timeout=WAIT_MS)
    assert client.get("pump.emission") is True
    client.abort("seen enough")
    qtbot.waitUntil(lambda: client.run_status.state.value == "aborted", timeout=WAIT_MS)


def test_a_layout_comes_back_as_it_was_left(open_window: Open, qapp: QApplication) -> None:
    first = open_window()
    original = docks(first)
    first.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock_named(first, "Instruments"))
    dock_named(first, "Queue").close()
    qapp.processEvents()
    left = docks(first)
    assert left != original
    first.close()
    again = open_window()
    assert docks(again) == left
    again.commands.do("layout.reset")
    qapp.processEvents()
    assert docks(again) == original


def test_theme_and_font_come_back_with_the_next_window(
    at_home: ServiceProcess, tmp_path: Path, qtbot: QtBot
) -> None:
    settings = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    first = WindowProgram(at_home.config, simulated=True, settings=settings)
    qtbot.addWidget(first.window)
    first.window.commands.do("theme")
    first.window.commands.do("font")
    first.window.close()
    first.close()
    kept = QSettings(str(tmp_path / "kept.ini"), QSettings.Format.IniFormat)
    second = WindowProgram(at_home.config, simulated=True, settings=kept)
    qtbot.addWidget(second.window)
    assert (second.theme.colors, second.theme.is_large) == (LIGHT, True)
    second.window.commands.do("theme")
    second.window.commands.do("font")
    assert (second.theme.colors, second.theme.is_large) == (DARK, False)
    second.window.close()
    second.close()


def test_no_two_commands_have_the_same_key(window: MainWindow) -> None:
    keys = Counter(
        key.toString() for action in window.findChildren(QAction) for key in action.shortcuts()
    )
    assert {key: n for key, n in keys.items() if n > 1} == {}


def test_every_command_stands_in_a_menu(window: MainWindow) -> None:
    in_menus = {action for menu in window.findChildren(QMenu) for action in menu.actions()}
    names = [c.name for c in window.commands if window.commands.action(c.name) not in in_menus]
    assert names == []


@pytest.fixture
def painted(qapp: QApplication) -> Iterator[QPainter]:
    del qapp
    pixmap = QPixmap(10, 10)
    painter = QPainter(pixmap)
    yield painter
    painter.end()


def test_qt_keeps_the_references_to_none(painted: QPainter, qtbot: QtBot) -> None:
    """PySide6 6.12.0 loses some on Python 3.11 until the process aborts."""
    label = QLabel("text")
    qtbot.addWidget(label)
    times = 2000
    before = sys.getrefcount(None)
    for number in range(times):
        label.setText(str(number))
        label.setVisible(False)
        label.update()
        label.resize(10, 10)
        label.setToolTip("tip")
        label.setEnabled(True)
        painted.drawLine(0, 0, 5, 5)
        painted.setPen(Qt.GlobalColor.red)
    # A method that loses one loses it every time.
    assert abs(sys.getrefcount(None) - before) < times / 4
