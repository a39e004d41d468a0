"""The panel of `scan`: a quantity over the setting that was turned, or a map over two."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from labctl.gui.experiments.base import Cells, ExperimentPanel
from labctl.gui.experiments.columns import column_title
from labctl.gui.experiments.drawing import (
    Points,
    dress,
    faint,
    headline,
    new_plot,
    show_warnings,
    spoken,
    warning_line,
)
from labctl.gui.experiments.scan_grid import Quantity, Scan, scan_of
from labctl.gui.theme import Theme
from labctl.units import format_quantity, unit_of

__all__ = ["ScanPanel"]

_TWO: Final = 2
_MAX_TICKS: Final = 8


class ScanPanel(ExperimentPanel):
    """One axis: points with uncertainties. Two: an image whose values are told under the cursor."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.headline = headline("scan")
        self.warnings = warning_line(self)
        self.quantity = QComboBox()
        self.quantity.setAccessibleName("quantity that is shown")
        self.quantity.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.quantity.currentIndexChanged.connect(lambda _: self._draw_chosen())
        self.pointed = QLabel()
        self.pointed.setAccessibleName("value under the cursor")
        self._scan: Scan | None = None
        self._line = new_plot("quantity over the setting", "", "")
        self._points = Points(self._line, "points", 1)
        self._map = new_plot("quantity over two settings", "", "")
        self._image = pg.ImageItem()
        self._map.addItem(self._image)
        self._bar = pg.ColorBarItem(colorMap=pg.colormap.get("viridis"), interactive=False)
        self._bar.setImageItem(self._image, insert_in=self._map.getPlotItem())
        self._map.scene().sigMouseMoved.connect(self._tell_value)
        self._plots = QStackedWidget()
        for plot in (self._line, self._map):
            self._plots.addWidget(plot)
        self._lay_out()
        self.dress()
        self.draw()

    def _lay_out(self) -> None:
        label = QLabel("&Quantity")
        label.setBuddy(self.quantity)
        row = QWidget()
        chooser = QHBoxLayout(row)
        chooser.setContentsMargins(0, 0, 0, 0)
        for widget in (label, self.quantity, self.pointed):
            chooser.addWidget(widget)
        chooser.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for one in (self.headline, self.warnings, row):
            layout.addWidget(one)
        layout.addWidget(self._plots, 1)

    def draw(self) -> None:
        """Show the chosen quantity of what there is."""
        self._scan = scan_of(self.rows, self.result)
        self._offer(list(self._scan.quantities) if self._scan else [])
        self._draw_chosen()
        show_warnings(self.warnings, self.result, self.theme)
        self.draw_now()

    def draw_now(self) -> None:
        """Show where the scan is."""
        self.headline.setText(faint(self._headline(), self.theme))

    def dress(self) -> None:
        """Take the colors and the font of the theme."""
        for plot in (self._line, self._map):
            dress(plot, self.theme)
        self._bar.axis.setTextPen(pg.mkPen(self.theme.colors.text))

    def table(self) -> tuple[list[str], Cells]:
        """Return every point: values of the axes, then every quantity with its uncertainty."""
        scan = self._scan
        if scan is None:
            return [], []
        names = list(scan.axes)
        for name in scan.quantities:
            names += [name, f"{name} sigma"]
        rows: Cells = []
        for point in range(len(scan.places[0])):
            row: list[Any] = [
                levels[places[point]]
                for levels, places in zip(scan.levels, scan.places, strict=True)
            ]
            for one in scan.quantities.values():
                row += [float(one.values[point]), float(one.sigmas[point])]
            rows.append(row)
        return names, rows

    def _offer(self, names: list[str]) -> None:
        box = self.quantity
        if names != [box.itemText(n) for n in range(box.count())]:
            chosen = box.currentText()
            box.blockSignals(True)
            box.clear()
            box.addItems(names)
            if chosen in names:
                box.setCurrentText(chosen)
            box.blockSignals(False)
        box.setEnabled(bool(names))
        box.setToolTip("" if names else "No point has been taken yet.")

    def _draw_chosen(self) -> None:
        scan = self._scan
        quantity = None if scan is None else scan.quantities.get(self.quantity.currentText())
        if scan is None or quantity is None:
            self._points.show(self.theme, [], [], [])
            self._image.clear()
            return
        if len(scan.axes) == _TWO:
            self._draw_map(scan, quantity)
        else:
            self._draw_line(scan, quantity)

    def _draw_line(self, scan: Scan, quantity: Quantity) -> None:
        self._plots.setCurrentWidget(self._line)
        text = self.theme.colors.text
        self._line.setLabel("bottom", column_title(scan.axes[0]), color=text)
        self._line.setLabel("left", column_title(quantity.name), color=text)
        where = scan.positions(0)
        self._points.show(self.theme, where, quantity.values, quantity.sigmas)
        order = np.argsort(where, kind="stable")
        self._points.show_curve(self.theme, where[order], quantity.values[order])
        self._line.getAxis("bottom").setTicks(_word_ticks(scan.levels[0]))

    def _draw_map(self, scan: Scan, quantity: Quantity) -> None:
        self._plots.setCurrentWidget(self._map)
        text = self.theme.colors.text
        image = scan.image(quantity)
        self._image.setImage(image, autoLevels=False)
        if np.isfinite(image).any():
            low, high = float(np.nanmin(image)), float(np.nanmax(image))
            self._bar.setLevels((low, high if high > low else low + 1))
        for side, axis in (("left", 0), ("bottom", 1)):
            self._map.setLabel(side, column_title(scan.axes[axis]), color=text)
            self._map.getAxis(side).setTicks(_level_ticks(scan.levels[axis]))

    def _tell_value(self, position: Any) -> None:
        scan = self._scan
        if scan is None or len(scan.axes) != _TWO:
            return
        at = self._map.getPlotItem().vb.mapSceneToView(position)
        fast, slow = math.floor(at.x()), math.floor(at.y())
        quantity = scan.quantities.get(self.quantity.currentText())
        self.pointed.setText("")
        if quantity is None or not (
            0 <= fast < len(scan.levels[1]) and 0 <= slow < len(scan.levels[0])
        ):
            return
        here = np.flatnonzero((scan.places[1] == fast) & (scan.places[0] == slow))
        if len(here):
            point = here[-1]
            estimate = {
                "value": float(quantity.values[point]),
                "sigma": float(quantity.sigmas[point]),
            }
            where = ", ".join(
                f"{axis} = {format_quantity(scan.levels[n][place], unit_of(axis))}"
                for n, (axis, place) in enumerate(zip(scan.axes, (slow, fast), strict=True))
            )
            self.pointed.setText(f"{where}: {spoken(estimate, unit_of(quantity.name))}")

    def _headline(self) -> str:
        if self._scan is None:
            return str(self.run.get("text") or "No point has been taken yet.")
        axes = " and ".join(self._scan.axes)
        each = f"{self.result['experiment']} over " if self.result is not None else "over "
        now = str(self.run.get("text") or "") if self.result is None else ""
        taken = f"{each}{axes}: {len(self._scan.places[0])} points"
        return f"{taken} · now {now}" if now else taken


def _word_ticks(levels: tuple[Any, ...]) -> list[list[tuple[int, str]]] | None:
    """Return ticks with words; None where the values are numbers, which need none."""
    if all(isinstance(level, (int, float)) for level in levels):
        return None
    return [[(place, str(level)) for place, level in enumerate(levels)]]


def _level_ticks(levels: tuple[Any, ...]) -> list[list[tuple[float, str]]]:
    """Return a tick in the middle of every cell, of many cells some."""
    every = max(1, math.ceil(len(levels) / _MAX_TICKS))
    return [
        [
            (place + 0.5, format_quantity(level, ""))
            for place, level in enumerate(levels)
            if place % every == 0
        ]
    ]
