"""A table of texts for the panels, kept in one model; cells are read, copied, never typed into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

__all__ = ["CellsModel", "cells_view"]

#: So many rows decide how wide a column is.
_LOOKED_AT: Final = 20
#: Above and below the words of a row, together.
_LINE_SPACE_PX: Final = 6

_Index = QModelIndex | QPersistentModelIndex


class CellsModel(QAbstractTableModel):
    """Texts in rows and columns; numbers stand on the right."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: list[str] = []
        self._rows: list[list[str]] = []

    def show(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show these rows; where only texts changed, the view keeps its place."""
        fresh = [list(row) for row in rows]
        if list(columns) == self._columns and len(fresh) == len(self._rows):
            self._rows = fresh
            if fresh:
                last = self.index(len(fresh) - 1, len(self._columns) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._columns, self._rows = list(columns), fresh
        self.endResetModel()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802  Qt's name and default
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802  as above
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or where it stands."""
        if role == Qt.ItemDataRole.DisplayRole:
            row = self._rows[index.row()]
            return row[index.column()] if index.column() < len(row) else ""
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() > 0:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(  # noqa: N802  Qt's name
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._columns[section]
        return None


class _CellsView(QTableView):
    """A table whose rows are as low as its font allows."""

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Follow the font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.fit()

    def fit(self) -> None:
        """Measure the rows."""
        line_px = self.fontMetrics().height() + _LINE_SPACE_PX
        self.verticalHeader().setMinimumSectionSize(line_px)
        self.verticalHeader().setDefaultSectionSize(line_px)


def cells_view(model: CellsModel, name: str) -> QTableView:
    """Return a view of the model that a keyboard can walk through."""
    view = _CellsView()
    view.fit()
    view.setAccessibleName(name)
    view.setModel(model)
    view.setAlternatingRowColors(True)
    view.setShowGrid(False)
    view.setTabKeyNavigation(False)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.verticalHeader().setVisible(False)
    header = view.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setResizeContentsPrecision(_LOOKED_AT)
    header.setStretchLastSection(True)
    return view
