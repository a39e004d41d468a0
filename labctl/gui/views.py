"""The views of live counts and results: one at a time, or all side by side on a large screen."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabWidget, QWidget

from labctl.gui.snapshot import Tabular

__all__ = ["Views"]

#: Of which row each view is when all are seen: rates and result over matrix and histogram.
_ROWS: Final = {0: 0, 3: 0, 1: 1, 2: 1}


class _Grid(QSplitter):
    """All views in two rows; as a table, their columns beside each other."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Vertical)
        self.rows = [QSplitter(Qt.Orientation.Horizontal) for _ in set(_ROWS.values())]
        for splitter in (self, *self.rows):
            splitter.setChildrenCollapsible(False)
        for row in self.rows:
            self.addWidget(row)

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the columns of all views; the shorter ones end in empty cells."""
        names: list[str] = []
        columns: list[list[Any]] = []
        for row in self.rows:
            for place in range(row.count()):
                view: object = row.widget(place)
                if isinstance(view, Tabular):
                    titles, rows = view.table()
                    names += titles
                    columns += [[line[n] for line in rows] for n in range(len(titles))]
        return names, [list(line) for line in zip_longest(*columns, fillvalue="")]


class Views(QStackedWidget):
    """Panels as tabs or as tiles; panels that cannot be seen draw nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("views")
        self._grid = _Grid()
        self._panels: list[tuple[QWidget, str]] = []
        self.addWidget(self.tabs)
        self.addWidget(self._grid)

    def add(self, panel: QWidget, title: str) -> None:
        """Append a view."""
        self._panels.append((panel, title))
        self.tabs.addTab(panel, title)

    @property
    def is_tiled(self) -> bool:
        """Whether all views are side by side."""
        return self.currentWidget() is self._grid

    def set_tiled(self, *, is_tiled: bool) -> None:
        """Show all views side by side, or one at a time."""
        if is_tiled == self.is_tiled:
            return
        for number, (panel, title) in enumerate(self._panels):
            if is_tiled:
                self._grid.rows[_ROWS[number]].addWidget(panel)
            else:
                self.tabs.addTab(panel, title)
            panel.setVisible(is_tiled or number == 0)
        self.setCurrentWidget(self._grid if is_tiled else self.tabs)
        for splitter in (self._grid, *self._grid.rows):
            # Equal parts: Qt shares the room in proportion.
            splitter.setSizes([1000] * splitter.count())

    def shown(self) -> tuple[str, QWidget]:
        """Return what is seen, with its name."""
        if self.is_tiled:
            return "All views", self._grid
        return self.tabs.tabText(self.tabs.currentIndex()).replace("&", ""), (
            self.tabs.currentWidget()
        )
