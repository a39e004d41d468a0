"""The picture of the matrix: cells, numbers, names, the bar of colors and the chosen cell."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent

from labctl.gui.cell_texts import CellTexts
from labctl.gui.matrix_counts import MatrixCounts
from labctl.gui.plots import LivePlot
from labctl.gui.theme import Theme

__all__ = ["MatrixPlot"]

#: Numbers in more cells than eight by eight can be read by nobody.
_WITH_TEXTS: Final = 8
#: So many names fit beside an axis.
_NAMES: Final = 16
#: A logarithmic scale reaches over so many decades.
_DECADES: Final = 4
#: The upper part of viridis is bright.
_BRIGHT: Final = 0.55
_MOVES: Final = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}


class MatrixPlot(QObject):
    """Draws coincidences on a `LivePlot`; rows go down, as in a table."""

    #: (row, column) that the mouse or the arrow keys are at.
    pointed = Signal(int, int)
    #: (row, column) that was clicked, or chosen with Enter.
    chosen = Signal(int, int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.is_log = False
        self._size = 0
        self._cell = (0, 0)
        self._levels = (0.0, 0.0)
        self._ticks: list[tuple[float, str]] = []
        self.plot = LivePlot(theme, "matrix of coincidences")
        self.plot.widget.setToolTip("Click, or arrow keys and Enter: histogram of the pair")
        self.plot.item.invertY(True)
        self.plot.item.setMouseEnabled(x=False, y=False)
        self.plot.widget.installEventFilter(self)
        self.plot.pointed.connect(self._point)
        self.plot.widget.scene().sigMouseClicked.connect(self._click)
        self._image: Any = pg.ImageItem(axisOrder="row-major")
        self._image.setColorMap(pg.colormap.get("viridis"))
        self.texts = CellTexts()
        self._frame: Any = pg.PlotCurveItem()
        for item in (self._image, self.texts, self._frame):
            self.plot.item.addItem(item, ignoreBounds=True)
        self._bar: Any = pg.ColorBarItem(
            values=(0, 1), colorMap=pg.colormap.get("viridis"), interactive=False, width=12
        )
        self._bar.setImageItem(self._image, insert_in=self.plot.item)
        self.style_anew()

    def show_counts(self, counts: MatrixCounts) -> None:
        """Draw the rates, in colors that stay as they are while the rates suit them."""
        self._size = len(counts.names)
        shown = counts.rates_hz
        highest = float(np.nanmax(shown)) if np.isfinite(shown).any() else 1.0
        self._choose_levels(highest)
        if self.is_log:
            shown = np.log10(np.maximum(shown, 10.0 ** self._levels[0]))
        self._image.setImage(shown, autoLevels=False, levels=self._levels)
        self._name_axes(counts.names)
        self.plot.show_range(x=(0.0, float(self._size)), y=(0.0, float(self._size)))
        self.texts.setVisible(self._size <= _WITH_TEXTS)
        if self._size <= _WITH_TEXTS:
            self.texts.show_texts(self._cell_texts(counts, shown), self._size)

    def frame(self, row: int, column: int) -> None:
        """Draw a frame around a cell."""
        self._cell = (row, column)
        x = np.array([0, 1, 1, 0, 0], dtype=np.float64) + column
        y = np.array([0, 0, 1, 1, 0], dtype=np.float64) + row
        self._frame.setData(x, y)

    def style_anew(self) -> None:
        """Take the colors and the font of the theme."""
        colors = self._theme.colors
        self.texts.font.setPointSize(self._theme.font_pt)
        self._frame.setPen(pg.mkPen(colors.alarm if colors.name == "light" else colors.emitting))
        self._bar.axis.setTextPen(pg.mkPen(colors.text))
        self._bar.axis.setPen(pg.mkPen(colors.border))
        font = self.plot.font()
        font.setPointSize(max(self._theme.font_pt - 1, 8))
        self._bar.axis.setTickFont(font)
        self._bar.setLabel("left", "coincidences (/s)", color=colors.text)
        # Numbers that are wider than the axis are left out, silently.
        self._bar.axis.setWidth(QFontMetrics(font).horizontalAdvance("888888") + 12)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Move from cell to cell with the arrow keys, and choose one with Enter."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and self._size:
            key = Qt.Key(event.key())
            if key in _MOVES:
                row, column = (
                    min(max(at + move, 0), self._size - 1)
                    for at, move in zip(self._cell, _MOVES[key], strict=True)
                )
                self.pointed.emit(row, column)
                return True
            if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                self.chosen.emit(*self._cell)
                return True
        return super().eventFilter(watched, event)

    def _choose_levels(self, highest_hz: float) -> None:
        top = _rounded_up(max(highest_hz, 1.0))
        levels = (math.log10(top) - _DECADES, math.log10(top)) if self.is_log else (0.0, top)
        if levels != self._levels:
            self._levels = levels
            self._bar.setLevels(levels)
            self._bar.axis.setLogMode(False, self.is_log)

    def _cell_texts(
        self, counts: MatrixCounts, shown: NDArray[np.float64]
    ) -> list[tuple[float, float, str, QColor]]:
        low, high = self._levels
        dark, light = QColor("#000000"), QColor("#FFFFFF")
        texts = []
        for row, column in np.argwhere(np.isfinite(shown)).tolist():
            is_bright = (shown[row, column] - low) / (high - low) > _BRIGHT
            text = _short(float(counts.rates_hz[row, column]))
            texts.append((column + 0.5, row + 0.5, text, dark if is_bright else light))
        return texts

    def _name_axes(self, names: tuple[str, ...]) -> None:
        step = -(-len(names) // _NAMES)
        ticks = [(at + 0.5, names[at]) for at in range(0, len(names), step)]
        if ticks != self._ticks:
            self._ticks = ticks
            for side in ("left", "bottom"):
                self.plot.item.getAxis(side).setTicks([ticks])

    def _cell_at(self, x: float, y: float) -> tuple[int, int] | None:
        row, column = math.floor(y), math.floor(x)
        is_inside = 0 <= row < self._size and 0 <= column < self._size
        return (row, column) if is_inside else None

    def _point(self, at: tuple[float, float] | None) -> None:
        cell = None if at is None else self._cell_at(*at)
        if cell is not None:
            self.pointed.emit(*cell)

    def _click(self, event: Any) -> None:
        point = self.plot.item.vb.mapSceneToView(event.scenePos())
        cell = self._cell_at(point.x(), point.y())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(*cell)


def _rounded_up(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power)


def _short(rate_hz: float) -> str:
    """Return a rate in as few digits as a cell has room for."""
    if rate_hz < 100:  # noqa: PLR2004  from there on no decimals are read
        return f"{rate_hz:.1f}"
    return f"{rate_hz:,.0f}".replace(",", "\u202f")
