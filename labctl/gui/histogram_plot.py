"""The picture of the histograms: steps, the window that is dragged, the peak that was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor

from labctl.gui.histogram_counts import PairHistogram
from labctl.gui.plots import LivePlot, comfortable
from labctl.gui.theme import Theme

__all__ = ["HistogramPlot"]

_PS_PER_NS: Final = 1000.0
#: Up to this range lags are written in picoseconds.
_PS_UP_TO: Final = 5000
#: A bin without a count has no logarithm; it is drawn at half a count.
_LEAST: Final = 0.5
#: A peak of so many bins is drawn as a line, a narrower one in steps.
_SMOOTH: Final = 4


class HistogramPlot(QObject):
    """Draws histograms on a `LivePlot`; lags outside are always in picoseconds."""

    #: The user drags the window: (low, high) in ps.
    window_moved = Signal(float, float)
    #: The user let the window go.
    window_released = Signal(float, float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.plot = LivePlot(theme, "histogram of lags")
        self.is_log = False
        self.is_auto = True
        self.is_centered = True
        self._ps_per_unit = _PS_PER_NS
        self._curves: list[Any] = []
        self._names: list[str] = []
        self._axes: tuple[str, str] = ("", "")
        self._is_setting = False
        self.is_dragged = False
        self._window_ps = (-1.0, 1.0)
        self.region: Any = pg.LinearRegionItem(values=(-1, 1), swapMode="sort")
        self.region.sigRegionChanged.connect(self._move)
        self.region.sigRegionChangeFinished.connect(self._release)
        self.plot.item.addItem(self.region, ignoreBounds=True)
        self._peak: Any = pg.InfiniteLine(angle=90, movable=False)
        self.plot.item.addItem(self._peak, ignoreBounds=True)
        self._fit: Any = pg.PlotCurveItem(connect="finite")
        self.plot.item.addItem(self._fit, ignoreBounds=True)
        self._legend: Any = self.plot.item.addLegend(offset=(-8, 6))
        self.style_anew()

    def window(self) -> tuple[float, float]:
        """Return the edges of the window in ps."""
        return self._window_ps

    def show_window(self, low_ps: float, high_ps: float) -> None:
        """Put the window there, unless somebody drags it."""
        if self.is_dragged:
            return
        self._window_ps = (low_ps, high_ps)
        self._put_region()

    def show_histograms(self, shown: Sequence[PairHistogram], *, is_g2: bool) -> None:
        """Draw the histograms over each other."""
        if not shown:
            for curve in self._curves:
                curve.setData([], [])
            return
        reach_ps = float(np.max([h.edges_ps()[-1] for h in shown]))
        self._take_unit(1.0 if reach_ps <= _PS_UP_TO else _PS_PER_NS, is_g2=is_g2)
        self._take_names([histogram.name for histogram in shown])
        heights = []
        for curve, histogram in zip(self._curves, shown, strict=True):
            y = self._height(histogram, histogram.counts.astype(np.float64), is_g2=is_g2)
            heights.append(y)
            is_whole = bool(np.isfinite(y).all())
            curve.setData(
                histogram.edges_ps() / self._ps_per_unit,
                y,
                stepMode="center",
                connect="all" if is_whole else "finite",
            )
        if self.is_auto:
            self._scale(reach_ps / self._ps_per_unit, heights)

    def show_fit(self, histogram: PairHistogram | None, *, is_g2: bool) -> None:
        """Draw what a fit expects in the bins of one of the histograms, or nothing."""
        if histogram is None or "expected" not in histogram.fit:
            self._fit.setData([], [], stepMode=None)
            return
        lags_ps, expected = histogram.fitted()
        expected = self._height(histogram, expected, is_g2=is_g2)
        half_ps = histogram.bin_ps / 2
        if (histogram.fit["fwhm_ps"]["value"] or 0.0) >= _SMOOTH * histogram.bin_ps:
            self._fit.setData(lags_ps / self._ps_per_unit, expected, stepMode=None)
        else:
            # A line from bin to bin would show a shape that nobody has seen.
            edges_ps = np.append(lags_ps - half_ps, lags_ps[-1] + half_ps)
            self._fit.setData(edges_ps / self._ps_per_unit, expected, stepMode="center")

    def _height(
        self, histogram: PairHistogram, counts: NDArray[np.float64], *, is_g2: bool
    ) -> NDArray[np.float64]:
        """Return counts as they are drawn."""
        unit = 1.0
        if is_g2:
            unit = histogram.expected if histogram.expected > 0 else math.nan
        return np.log10(np.maximum(counts, _LEAST) / unit) if self.is_log else counts / unit

    def show_peak(self, position_ps: float | None) -> None:
        """Mark a peak, or none."""
        self._peak.setVisible(position_ps is not None)
        if position_ps is not None:
            self._peak.setPos(position_ps / self._ps_per_unit)

    def rescale(self) -> None:
        """Forget the range that was for another scale."""
        self.plot.item.getAxis("left").setLogMode(False, self.is_log)
        if self.is_auto:
            self.plot.show_range(y=(-1.0, 1e12))

    def unit_ps(self) -> float:
        """Return how many picoseconds the unit of the axis has."""
        return self._ps_per_unit

    def style_anew(self) -> None:
        """Take the colors of the theme."""
        colors = self._theme.colors
        self._peak.setPen(pg.mkPen(colors.text, width=1, style=pg.QtCore.Qt.PenStyle.DotLine))
        self._fit.setPen(pg.mkPen(colors.text, width=1))
        brush = QColor(colors.accent)
        brush.setAlpha(45)
        self.region.setBrush(brush)
        brush.setAlpha(80)
        self.region.setHoverBrush(brush)
        for line in self.region.lines:
            line.setPen(pg.mkPen(colors.accent, width=1))
            line.setHoverPen(pg.mkPen(colors.emitting, width=1))
        self._legend.setLabelTextColor(colors.text)
        self._take_names(self._names, is_new_style=True)

    def _take_unit(self, ps_per_unit: float, *, is_g2: bool) -> None:
        axes = ("lag (ps)" if ps_per_unit == 1 else "lag (ns)", "g²" if is_g2 else "counts/bin")
        if axes == self._axes:
            return
        self._axes = axes
        self._ps_per_unit = ps_per_unit
        self.plot.name_axes(*axes)
        self._put_region()

    def _take_names(self, names: list[str], *, is_new_style: bool = False) -> None:
        if names == self._names and not is_new_style:
            return
        self._names = list(names)
        self._legend.clear()
        for curve in self._curves:
            self.plot.item.removeItem(curve)
        self._curves = [
            pg.PlotCurveItem(pen=self._theme.pen(number), name=name.replace("-", " · "))
            for number, name in enumerate(names)
        ]
        for curve in self._curves:
            self.plot.item.addItem(curve, ignoreBounds=True)
        self._legend.addItem(self._fit, "fit")

    def _scale(self, reach: float, heights: list[NDArray[np.float64]]) -> None:
        known = np.concatenate(heights)
        known = known[np.isfinite(known)]
        self.plot.show_range(x=(-reach, reach))
        if not known.size:
            return
        low = float(known.min()) if self.is_log else 0.0
        high = max(float(known.max()), low + 1e-9)
        low, high = comfortable(low, high, self.plot.y_range())
        self.plot.show_range(y=(low if self.is_log else max(low, -0.03 * high), high))

    def _put_region(self) -> None:
        self._is_setting = True
        low, high = (edge / self._ps_per_unit for edge in self._window_ps)
        if self.region.getRegion() != (low, high):
            self.region.setRegion((low, high))
        self._is_setting = False

    def _move(self) -> None:
        if self._is_setting:
            return
        self.is_dragged = True
        low, high = (float(edge) * self._ps_per_unit for edge in self.region.getRegion())
        if self.is_centered:
            half = _half_width(self._window_ps, (low, high))
            self._window_ps = (-half, half)
            self._put_region()
        else:
            self._window_ps = (low, high)
        self.window_moved.emit(*self._window_ps)

    def _release(self) -> None:
        if self._is_setting:
            return
        self._move()
        self.is_dragged = False
        self.window_released.emit(*self._window_ps)


def _half_width(before: tuple[float, float], now: tuple[float, float]) -> float:
    """Return half the width of a window around zero of which one edge was moved.

    A window that was moved as a whole keeps its width.
    """
    left, right = now[0] - before[0], now[1] - before[1]
    if abs(left - right) <= 1e-9 * (before[1] - before[0]):
        return (before[1] - before[0]) / 2
    return abs(now[0]) if abs(left) > abs(right) else abs(now[1])
