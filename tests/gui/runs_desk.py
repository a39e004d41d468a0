"""What tests of the Runs window do again and again: select, find, read tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel
from PySide6.QtWidgets import QApplication, QTableView, QTabWidget

from labctl.gui.runs_window import RunsWindow
from tests.gui.legibility import cut_texts, nameless, unexplained

__all__ = ["Until", "find", "look", "select_both", "shown_uids", "texts", "trouble_on_every_tab"]

Until = Callable[[Callable[[], object]], None]


def look(window: RunsWindow, path: Path, until: Until) -> None:
    assert window.select(path)
    until(lambda: not window.shown.is_reading)


def select_both(window: RunsWindow, paths: list[Path], until: Until) -> None:
    look(window, paths[0], until)
    place = window.model.place_of(paths[1])
    assert place is not None
    flags = QItemSelectionModel.SelectionFlag
    window.table.selectionModel().select(window.model.index(place, 0), flags.Select | flags.Rows)
    until(lambda: window.shown.currentWidget() is window.shown.comparison)


def texts(table: QTableView) -> list[list[str]]:
    model = table.model()
    return [
        [str(model.index(row, column).data()) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def shown_uids(window: RunsWindow) -> list[str]:
    return [row.run.found.uid for row in window.model.rows]


def trouble_on_every_tab(window: RunsWindow, tabs: QTabWidget) -> dict[str, None]:
    found: dict[str, None] = {}
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        QApplication.processEvents()
        for judge in (cut_texts, nameless, unexplained):
            found |= dict.fromkeys(judge(window))
    return found


def find(window: RunsWindow, words: str, until: Until, expected: list[str]) -> None:
    window.search.setText(words)
    until(lambda: shown_uids(window) == expected)
