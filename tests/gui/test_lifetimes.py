"""Closed windows are gone: link and theme, which live on, keep nothing of them."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
from PySide6.QtCore import SIGNAL, QSettings
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.gui.window import MainWindow
from tests.gui.conftest import WAIT_MS
from tests.gui.leftovers import delete_what_waits

PANELS = (
    "strip",
    "banner",
    "status",
    "cards",
    "rates",
    "matrix",
    "histogram",
    "result",
    "instruments",
    "queue",
    "log",
    "devices",
    "align",
    "simulation",
    "palette_window",
)


def receivers(link: ServiceLink, theme: Theme) -> list[int]:
    return [
        link.receivers(SIGNAL("updated(QString,PyObject)")),
        link.receivers(SIGNAL("state_changed(QString)")),
        link.receivers(SIGNAL("failed(QString,PyObject)")),
        theme.receivers(SIGNAL("changed()")),
    ]


def use_a_window(
    link: ServiceLink, theme: Theme, path: Path, qtbot: QtBot
) -> dict[str, weakref.ref[QWidget]]:
    """Open a window, let it show everything, close it, and return what may still be alive."""
    window = MainWindow(link, theme, QSettings(str(path), QSettings.Format.IniFormat))
    window.show()
    qtbot.waitUntil(lambda: len(window.instruments.groups) == 6, timeout=WAIT_MS)
    for number in range(window.tabs.count()):
        window.tabs.setCurrentIndex(number)
    assert min(receivers(link, theme)) > 0
    panels = {name: weakref.ref(getattr(window, name)) for name in PANELS}
    window.close()
    window.deleteLater()
    return panels


@pytest.mark.slow
def test_a_closed_window_leaves_no_panel_and_no_receiver_behind(
    link: ServiceLink, theme: Theme, tmp_path: Path, qtbot: QtBot
) -> None:
    # Requests of an open window are answered before it goes.
    before = receivers(link, theme)
    left: dict[str, weakref.ref[QWidget]] = {}
    for number in range(3):
        panels = use_a_window(link, theme, tmp_path / f"{number}.ini", qtbot)
        left |= {f"{name} of window {number}": panel for name, panel in panels.items()}
        qtbot.waitUntil(lambda: not link._answers, timeout=WAIT_MS)
        delete_what_waits()
    gc.collect()
    alive = [name for name, panel in left.items() if panel() is not None]
    assert alive == []
    assert receivers(link, theme) == before
