"""A table of texts about runs: lines as close as in the list of runs, numbers on the right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from labctl.gui.experiments.cells import CellsModel
from labctl.gui.theme import Theme

__all__ = ["RunTable"]

_LOOKED_AT_ROWS = 50
_AIR_PX = 8

_Index = QModelIndex | QPersistentModelIndex


class RunTable(QTableView):
    """Texts in rows and columns, for the keyboard too.

    Args:
        theme: its font says how high a line is.
        name: what a screen reader says.
        right: columns whose texts stand on the right.
        model: shows other things than texts.
    """

    def __init__(
        self,
        theme: Theme,
        name: str,
        right: Collection[int] = (),
        model: QAbstractTableModel | None = None,
    ) -> None:
        super().__init__()
        self._theme = theme
        self.cells = _Cells(right)
        self.setModel(model or self.cells)
        self.setAccessibleName(name)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(_LOOKED_AT_ROWS)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        theme.changed.connect(self._fit)
        self._fit()

    def show_rows(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show these texts."""
        self.cells.show(columns, rows)

    def _fit(self) -> None:
        _fit_lines(self, self._theme)


def _fit_lines(view: QTableView, theme: Theme) -> None:
    """Make the lines of a table as high as the theme's font needs."""
    font = QFont(view.font())
    font.setPointSize(theme.font_pt)
    view.setFont(font)
    height = view.fontMetrics().height() + _AIR_PX
    lines = view.verticalHeader()
    lines.setMinimumSectionSize(height)
    lines.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    lines.setDefaultSectionSize(height)


class _Cells(CellsModel):
    def __init__(self, right: Collection[int]) -> None:
        super().__init__()
        self._right = frozenset(right)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or where it stands."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft
            if index.column() in self._right:
                side = Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return super().data(index, role)
