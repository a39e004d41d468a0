"""A plot for live data: cheap to draw, in the colors of the theme, usable without a mouse."""

from __future__ import annotations

import math
from typing import Any, Final

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from labctl.gui.theme import Theme

__all__ = ["LivePlot", "comfortable"]

_STEPS: Final = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
#: A range stays as long as the data fill this part of it, so that axes are rarely drawn anew.
_FILLED: Final = 0.5
_MARGIN: Final = 0.1
#: Ticks and the gaps above and below their numbers.
_TICK_PX: Final = 8


def comfortable(low: float, high: float, shown: tuple[float, float]) -> tuple[float, float]:
    """Return a range for data from `low` to `high`: the one shown as long as it suits."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return shown
    width = high - low or abs(high) or 1.0
    is_inside = shown[0] <= low and high <= shown[1]
    if is_inside and width >= _FILLED * (shown[1] - shown[0]):
        return shown
    return low - _MARGIN * width, high + 2 * _MARGIN * width


class LivePlot(QWidget):
    """One plot; what is drawn in it belongs to the panel around it.

    Attributes:
        pointed: (x, y) in the plot's units where the mouse is, or None once it has left.
        stepped: -1 or 1 for the arrow keys left and right.
        scaled_by_hand: the user has zoomed or moved the picture.
    """

    pointed = Signal(object)
    stepped = Signal(int)
    scaled_by_hand = Signal()

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self.widget: Any = pg.PlotWidget(enableMenu=False)
        self.item: Any = self.widget.getPlotItem()
        self.item.hideButtons()
        self.item.setClipToView(False)
        self.item.vb.disableAutoRange()
        self.item.vb.sigRangeChangedManually.connect(lambda _: self.scaled_by_hand.emit())
        for side in ("left", "bottom"):
            # Axes have names with units; a prefix would scale their ticks besides.
            self.item.getAxis(side).setSIPrefixEnableRanges(())
            self.item.getAxis(side).enableAutoSIPrefix(False)
        self.widget.setAccessibleName(name)
        self.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.widget.setMinimumSize(200, 110)
        self.widget.scene().sigMouseMoved.connect(self._point)
        self.widget.installEventFilter(self)
        self.widget.viewport().installEventFilter(self)
        self.setFocusProxy(self.widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.widget)
        theme.changed.connect(self.style_anew)
        self.style_anew()

    def style_anew(self) -> None:
        """Take the colors and the font of the theme."""
        colors = self._theme.colors
        self.widget.setBackground(colors.ground)
        font = self.font()
        font.setPointSize(max(self._theme.font_pt - 1, 8))
        for side in ("left", "bottom"):
            axis = self.item.getAxis(side)
            axis.setPen(pg.mkPen(colors.border))
            axis.setTextPen(pg.mkPen(colors.text))
            axis.setTickFont(font)
            axis.label.setFont(font)
            axis.label.setDefaultTextColor(pg.mkColor(colors.text))
        self._make_room(QFontMetrics(font))

    def _make_room(self, metrics: QFontMetrics) -> None:
        """Leave room for the halves of the outermost ticks, which stand at the edges of the data.

        The axis would cut them, and the letters below the line, by its own estimate of a text.
        """
        half_line = metrics.height() // 2 + 1
        half_number = metrics.horizontalAdvance("-0000") // 2
        self.item.layout.setContentsMargins(1, half_line, half_number, 1)
        self.item.getAxis("left").setStyle(hideOverlappingLabels=half_line)
        bottom = self.item.getAxis("bottom")
        bottom.setStyle(hideOverlappingLabels=half_number)
        lines = 2 if bottom.labelText else 1
        bottom.setHeight(lines * metrics.height() + _TICK_PX)

    def name_axes(self, bottom: str, left: str) -> None:
        """Write names with units at the axes."""
        for side, text in (("bottom", bottom), ("left", left)):
            axis = self.item.getAxis(side)
            if axis.labelText != text:
                axis.setLabel(text)
        self.style_anew()

    def show_range(
        self, *, x: tuple[float, float] | None = None, y: tuple[float, float] | None = None
    ) -> None:
        """Show these ranges; what is shown already costs nothing."""
        (x_low, x_high), (y_low, y_high) = self.item.vb.viewRange()
        if x is not None and (x_low, x_high) != x:
            self.item.vb.setXRange(*x, padding=0)
        if y is not None and (y_low, y_high) != y:
            self.item.vb.setYRange(*y, padding=0)

    def y_range(self) -> tuple[float, float]:
        """Return the range of the vertical axis."""
        low, high = self.item.vb.viewRange()[1]
        return float(low), float(high)

    def _point(self, at: Any) -> None:
        if self.item.vb.sceneBoundingRect().contains(at):
            point = self.item.vb.mapSceneToView(at)
            self.pointed.emit((point.x(), point.y()))
        else:
            self.pointed.emit(None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Take the arrow keys, which would scroll the picture, and see the mouse leave."""
        if event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            step = _STEPS.get(Qt.Key(event.key()))
            if step is not None:
                self.stepped.emit(step)
                return True
        return super().eventFilter(watched, event)
