"""The panel of an experiment that brings none: its points as a table, one column as a plot."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from labctl.gui.experiments.base import Cells, ExperimentPanel, numeric_columns
from labctl.gui.experiments.cells import CellsModel, cells_view
from labctl.gui.experiments.columns import column_title, is_sigma, measured_first, value_text
from labctl.gui.experiments.drawing import (
    Points,
    column,
    dress,
    headline,
    new_plot,
    show_warnings,
    warning_line,
)
from labctl.gui.theme import Theme
from labctl.storage.table import sigma_name, suffix_of
from labctl.units import SYMBOLS

__all__ = ["GenericPanel"]

_TABLE_ROWS: Final = 100


class GenericPanel(ExperimentPanel):
    """Any experiment's points: the newest in a table, a column of numbers over another."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.headline = headline("values now")
        self.warnings = warning_line(self)
        self.cells = CellsModel()
        self.across, self.up = QComboBox(), QComboBox()
        choosers = QHBoxLayout()
        for box, name, text in (
            (self.up, "column that is plotted", "&Plot"),
            (self.across, "column it is plotted over", "o&ver"),
        ):
            box.setAccessibleName(name)
            box.currentIndexChanged.connect(lambda _: self._draw_plot())
            label = QLabel(text)
            label.setBuddy(box)
            choosers.addWidget(label)
            choosers.addWidget(box, 1)
        self._plot = new_plot("points of the run", "", "")
        self._points = Points(self._plot, "points", 1)
        right = QVBoxLayout()
        right.addLayout(choosers)
        right.addWidget(self._plot, 1)
        body = QHBoxLayout()
        body.addWidget(cells_view(self.cells, "points of the run"), 1)
        body.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.warnings)
        layout.addLayout(body, 1)
        self.dress()
        self.draw()

    def draw(self) -> None:
        """Show the points and what the run shows now."""
        names, rows = self.table()
        newest = list(reversed(rows[-_TABLE_ROWS:]))
        shown = [name for name in names if not is_sigma(name)]
        texts = [
            [value_text(dict(zip(names, row, strict=True)), name) for name in shown]
            for row in newest
        ]
        self.cells.show([column_title(name) for name in shown], texts)
        numbers = numeric_columns(self.rows)
        _offer(self.up, measured_first([name for name in numbers if not is_sigma(name)]))
        _offer(self.across, ["number", *numbers])
        self._draw_plot()
        show_warnings(self.warnings, self.result, self.theme)
        self.draw_now()

    def draw_now(self) -> None:
        """Show the values of the point under way."""
        now = [
            f"{name} = {value_text(self.live, name)} {SYMBOLS.get(suffix_of(name), '')}".strip()
            for name in self.live
            if not is_sigma(name)
        ]
        self.headline.setText(" · ".join(now))
        self.headline.setVisible(bool(now))

    def dress(self) -> None:
        """Take the colors and the font of the theme."""
        dress(self._plot, self.theme)

    def table(self) -> tuple[list[str], Cells]:
        """Return the points."""
        names = list(dict.fromkeys(name for row in self.rows for name in row if name != "total"))
        return names, [[row.get(name) for name in names] for row in self.rows]

    def _draw_plot(self) -> None:
        up, across = self.up.currentText(), self.across.currentText()
        self._plot.setLabel("left", column_title(up), color=self.theme.colors.text)
        self._plot.setLabel("bottom", column_title(across), color=self.theme.colors.text)
        sigmas = column(self.rows, sigma_name(up))
        self._points.show(self.theme, column(self.rows, across), column(self.rows, up), sigmas)


def _offer(box: QComboBox, names: list[str]) -> None:
    """Let the box offer these names; what was chosen stays if it is among them."""
    if names == [box.itemText(n) for n in range(box.count())]:
        return
    chosen = box.currentText()
    box.blockSignals(True)
    box.clear()
    box.addItems(names)
    box.setCurrentText(chosen if chosen in names else (names[0] if names else ""))
    box.blockSignals(False)
    box.setEnabled(bool(names))
    box.setToolTip("" if names else "There is no number to plot yet.")
