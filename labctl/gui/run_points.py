"""The points of one or two runs: a table of one, a chosen column of both over another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from labctl.gui.experiments.base import Row, numeric_columns
from labctl.gui.experiments.columns import column_title, is_sigma, measured_first, value_text
from labctl.gui.experiments.drawing import Points, column, dress, new_plot
from labctl.gui.theme import Theme
from labctl.storage.table import sigma_name

__all__ = ["PointsModel", "PointsPlot"]

#: More symbols than this cannot be told apart and make a plot slow.
_DRAWN: Final = 2000
_LEFT_OUT: Final = frozenset({"total", "utc_ns"})
_NOWHERE: Final = QModelIndex()
#: Blue and vermilion, each with a symbol of its own: told apart by either.
_PENS: Final = (1, 5)
Index = QModelIndex | QPersistentModelIndex


class PointsModel(QAbstractTableModel):
    """Points as rows of texts, made when they are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Row] = []
        self._names: list[str] = []

    def show_points(self, rows: Sequence[Row]) -> None:
        """Show these points."""
        self.beginResetModel()
        self._rows = rows
        names = dict.fromkeys(name for row in rows for name in row if name not in _LEFT_OUT)
        shown = [name for name in names if not is_sigma(name) and name != "number"]
        self._names = ["number", *shown] if rows else []
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802  Qt's name
        """Return how many points there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802  Qt's name
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self._names)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column, with its unit."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return column_title(self._names[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value, with its uncertainty where the point has it."""
        if role == Qt.ItemDataRole.DisplayRole:
            return value_text(self._rows[index.row()], self._names[index.column()])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None


class PointsPlot(QWidget):
    """A column of numbers over another one, of up to two runs that have the same columns."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._runs: list[Sequence[Row]] = []
        self.up, self.across = QComboBox(), QComboBox()
        choosers = QHBoxLayout()
        for box, about, text in (
            (self.up, "column that is plotted", "&Plot"),
            (self.across, "column it is plotted over", "o&ver"),
        ):
            box.setAccessibleName(about)
            box.currentIndexChanged.connect(self._draw)
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            label = QLabel(text)
            label.setBuddy(box)
            choosers.addWidget(label)
            choosers.addWidget(box, 1)
        self.words = QLabel()
        self.words.setAccessibleName("what is drawn of the points")
        self.words.setWordWrap(True)
        self._plot = new_plot(name, "", "")
        self._legend = self._plot.addLegend(offset=(-8, 8))
        self.series: list[Points] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(choosers)
        layout.addWidget(self._plot, 1)
        layout.addWidget(self.words)
        theme.changed.connect(self._dress)
        self._dress()

    def show_runs(self, runs: Sequence[tuple[str, Sequence[Row]]]) -> None:
        """Show the points of these runs, each with its name; at most two."""
        for one in self.series:
            one.remove()
        self._legend.clear()
        self._runs = []
        thinned = 1
        for _, rows in runs[: len(_PENS)]:
            every = math.ceil(len(rows) / _DRAWN) or 1
            thinned = max(thinned, every)
            self._runs.append(rows[::every])
        self.series = [
            Points(self._plot, name, number) for (name, _), number in zip(runs, _PENS, strict=False)
        ]
        self._legend.setVisible(len(runs) > 1)
        numbers = _common([numeric_columns(rows) for rows in self._runs])
        names = [name for name in numbers if not is_sigma(name)]
        _offer(self.up, measured_first(names), _chosen_first(names, self._runs[0] if runs else []))
        _offer(self.across, ["number", *names], "number")
        self.words.setText(f"every {thinned}th point is drawn" if thinned > 1 else "")
        self.words.setVisible(thinned > 1)
        self._draw()

    def _draw(self) -> None:
        up, across = self.up.currentText(), self.across.currentText()
        self._plot.setLabel("left", column_title(up), color=self._theme.colors.text)
        self._plot.setLabel("bottom", column_title(across), color=self._theme.colors.text)
        for points, rows in zip(self.series, self._runs, strict=True):
            points.show(
                self._theme,
                column(rows, across),
                column(rows, up),
                column(rows, sigma_name(up)),
            )

    def _dress(self) -> None:
        dress(self._plot, self._theme)
        self._draw()


def _common(columns: list[list[str]]) -> list[str]:
    names = columns[0] if columns else []
    return [
        name for name in names if name not in _LEFT_OUT and all(name in other for other in columns)
    ]


def _offer(box: QComboBox, names: list[str], first: str) -> None:
    """Let the box offer these names; what was chosen stays if it is among them."""
    chosen = box.currentText()
    box.blockSignals(True)
    box.clear()
    box.addItems(names)
    box.setCurrentText(chosen if chosen in names else first)
    box.blockSignals(False)
    box.setEnabled(bool(names))
    box.setToolTip("" if names else "There is no number to plot.")


def _chosen_first(names: list[str], rows: Sequence[Row]) -> str:
    """Return what one wants to see first: a number with its uncertainty, else that of a pair."""
    present = rows[0] if rows else {}
    with_sigma = [name for name in names if sigma_name(name) in present]
    of_pairs = [name for name in names if "-" in name]
    return next(iter((*with_sigma, *of_pairs, *names)), "")
