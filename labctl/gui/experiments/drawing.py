"""Plots of the experiments' panels: dressed in the theme, points with uncertainties, words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPen
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from labctl.gui.theme import Theme
from labctl.units import format_uncertain

__all__ = [
    "SYMBOLS",
    "Points",
    "big",
    "clear_keeping_names",
    "column",
    "dress",
    "faint",
    "headline",
    "new_plot",
    "show_warnings",
    "spoken",
    "warning_line",
    "with_room",
]

#: Shapes beside the colors, so that a series is known by either.
SYMBOLS: Final = ("o", "s", "t", "d", "t1", "p", "star", "+")
_POINT_PX: Final = 7
#: Room in a plot above and below its values, in parts of their range.
_ABOVE: Final = 0.3
_BELOW: Final = 0.05


def new_plot(name: str, x: str, y: str) -> Any:
    """Return a plot widget that can be read by name, with the titles of its axes."""
    plot = pg.PlotWidget(enableMenu=False)
    plot.setAccessibleName(name)
    plot.setLabel("bottom", x)
    plot.setLabel("left", y)
    plot.setMinimumSize(160, 120)
    # Kilo and milli in front of units that are written out would say the same twice.
    for side in ("bottom", "left"):
        plot.getAxis(side).enableAutoSIPrefix(False)
    return plot


def dress(plot: Any, theme: Theme) -> None:
    """Give a plot the colors and the font of the theme."""
    colors = theme.colors
    plot.setBackground(colors.ground)
    font = QFont()
    font.setPointSize(max(8, theme.font_pt - 1))
    for side in ("bottom", "left"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(colors.border))
        axis.setTextPen(pg.mkPen(colors.text))
        axis.setTickFont(font)
        axis.label.setFont(font)
        axis.setLabel(axis.labelText, color=colors.text)
    legend = plot.getPlotItem().legend
    if legend is not None:
        legend.setLabelTextColor(colors.text)
        # A new color is not drawn before the text is set.
        for _, label in legend.items:
            label.setText(label.text)


def with_room(plot: Any, values: Sequence[NDArray[np.float64]], *, from_zero: bool = False) -> None:
    """Scale a plot upright to these values, with room above them for the legend."""
    finite = np.concatenate([one[np.isfinite(one)] for one in values] or [np.zeros(0)])
    if not finite.size:
        return
    low, high = 0.0 if from_zero else float(finite.min()), float(finite.max())
    span = high - low or abs(high) or 1.0
    plot.setYRange(low - _BELOW * span, high + _ABOVE * span, padding=0)


class Points:
    """A series of points with their uncertainties in a plot, and a curve through them if wanted."""

    def __init__(self, plot: Any, name: str, number: int) -> None:
        self._number = number
        self._plot = plot
        self.bars = pg.ErrorBarItem(beam=0)
        self.dots = pg.PlotDataItem(
            [], [], pen=None, symbol=SYMBOLS[number % len(SYMBOLS)], symbolSize=_POINT_PX, name=name
        )
        self.curve = pg.PlotDataItem([], [])
        for item in (self.curve, self.bars, self.dots):
            plot.addItem(item)

    def show(
        self, theme: Theme, x: ArrayLike, y: ArrayLike, sigma: ArrayLike, pen: QPen | None = None
    ) -> None:
        """Draw these points; an uncertainty that is not known has no bar."""
        pen = pen or theme.pen(self._number)
        xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
        sigmas = np.nan_to_num(np.asarray(sigma, np.float64), nan=0.0, posinf=0.0)
        there = np.isfinite(ys)
        self.bars.setData(
            x=xs[there], y=ys[there], top=sigmas[there], bottom=sigmas[there], pen=pen
        )
        color = QColor(pen.color())
        self.dots.setData(xs[there], ys[there], symbolPen=color, symbolBrush=color)

    def show_curve(self, theme: Theme, x: ArrayLike, y: ArrayLike) -> None:
        """Draw a curve in the color of the points."""
        self.curve.setData(np.asarray(x, np.float64), np.asarray(y, np.float64))
        self.curve.setPen(theme.pen(self._number))

    def remove(self) -> None:
        """Take the series out of its plot."""
        for item in (self.curve, self.bars, self.dots):
            self._plot.removeItem(item)


def clear_keeping_names(series: dict[str, Points], names: Sequence[str]) -> bool:
    """Remove all series unless they are those of `names`; return whether new ones are needed."""
    if list(series) == list(names):
        return False
    for one in series.values():
        one.remove()
    series.clear()
    return True


def headline(name: str) -> QLabel:
    """Return a label for the number that a run is about."""
    label = QLabel()
    label.setAccessibleName(name)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


def big(text: str, theme: Theme) -> str:
    """Return rich text for the number itself, which is never broken into two lines."""
    text = text.replace(" ", "&nbsp;")
    return f'<span style="font-size:{theme.font_pt * 2}pt; font-weight:600">{text}</span>'


def faint(text: str, theme: Theme) -> str:
    """Return rich text for what is said beside the number."""
    return f'<span style="color:{theme.colors.faint}">{text}</span>'


def warning_line(parent: QWidget) -> QLabel:
    """Return a label for what one should know before trusting the result; hidden without."""
    label = QLabel(parent)
    label.setAccessibleName("warnings of the run")
    label.setWordWrap(True)
    label.setVisible(False)
    return label


def show_warnings(label: QLabel, result: Mapping[str, Any] | None, theme: Theme) -> None:
    """Show the warnings of a result."""
    warnings = (result or {}).get("warnings") or []
    label.setText("\n".join(f"⚠ {text}" for text in warnings))
    label.setStyleSheet(
        f"background: {theme.colors.warning}; color: {theme.colors.warning_text};"
        "border-radius: 4px; padding: 4px 8px;"
    )
    label.setVisible(bool(warnings))


def spoken(estimate: Mapping[str, Any] | None, unit: str = "") -> str:
    """Return {value, sigma} as people write it; a dash where there is none."""
    value = None if estimate is None else estimate.get("value")
    if value is None or not math.isfinite(value):
        return "–"
    sigma = (estimate or {}).get("sigma")
    if sigma is None or not math.isfinite(sigma):
        return f"{value:.6g}{' ' if unit else ''}{unit} (uncertainty unknown)"
    return format_uncertain(float(value), float(sigma), unit)


def column(rows: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    """Return a column of numbers, nan where a row has none."""
    values = [row.get(name) for row in rows]
    return np.array(
        [
            float(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else math.nan
            for v in values
        ]
    )
