"""The panel of `counting`: rates of detectors and pairs, now and over the points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from labctl.gui.experiments.base import Cells, ExperimentPanel
from labctl.gui.experiments.cells import CellsModel, cells_view
from labctl.gui.experiments.drawing import (
    SYMBOLS,
    column,
    dress,
    faint,
    headline,
    new_plot,
    show_warnings,
    spoken,
    warning_line,
    with_room,
)
from labctl.gui.theme import Theme

__all__ = ["CountingPanel"]

Values: TypeAlias = NDArray[np.float64]

_SIGMA: Final = "_sigma_hz"
_RATE: Final = "_hz"
#: More points than these are a line, not symbols.
_SYMBOLS_UP_TO: Final = 60
#: Fewer points than these have a tick each, so that none stands between two of them.
_FEW: Final = 10
_BAND_ALPHA: Final = 60
#: More points than these are drawn as means of neighbors.
_DRAWN: Final = 250
_QUANTITIES: Final = {
    "accidentals_hz": ("accidentals", "/s"),
    "accidentals_delayed_hz": ("accidentals, delayed", "/s"),
    "car": ("CAR", ""),
    "heralding_a": ("heralding a", ""),
    "heralding_b": ("heralding b", ""),
}


class CountingPanel(ExperimentPanel):
    """Rates with their uncertainty as bands over the points, singles above, pairs below."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.headline = headline("counting")
        self.warnings = warning_line(self)
        self.cells = CellsModel()
        self.pair_cells = CellsModel()
        self._singles = new_plot("rates of detectors over the points", "point", "singles (/s)")
        self._pairs = new_plot("rates of pairs over the points", "point", "coincidences (/s)")
        self._bands: dict[str, _Band] = {}
        tables = QHBoxLayout()
        tables.addWidget(cells_view(self.cells, "rates of detectors"), 2)
        tables.addWidget(cells_view(self.pair_cells, "rates of pairs"), 7)
        plots = QHBoxLayout()
        for plot in (self._singles, self._pairs):
            plot.addLegend(offset=(8, 4), labelTextSize="8pt", colCount=2)
            plots.addWidget(plot, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.warnings)
        layout.addLayout(plots, 1)
        layout.addLayout(tables, 1)
        self.dress()
        self.draw()

    def draw(self) -> None:
        """Show the newest rates, and those of the points."""
        self._draw_bands()
        show_warnings(self.warnings, self.result, self.theme)
        self.draw_now()

    def draw_now(self) -> None:
        """Show the rates of the point under way."""
        singles, pairs = self._cells()
        self.cells.show(["detector", "singles"], singles)
        columns = ["pair", "coincidences"]
        if self.result is not None:
            columns += [name for name, _ in _QUANTITIES.values()]
        self.pair_cells.show(columns, pairs)
        self.headline.setText(faint(self._headline(), self.theme))

    def dress(self) -> None:
        """Take the colors and the font of the theme."""
        for plot in (self._singles, self._pairs):
            dress(plot, self.theme)

    def table(self) -> tuple[list[str], Cells]:
        """Return the points."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        return names, [[row.get(name) for name in names] for row in self.rows]

    def _names(self, values: Mapping[str, Any]) -> list[str]:
        return [name.removesuffix(_SIGMA) for name in values if name.endswith(_SIGMA)]

    def _draw_bands(self) -> None:
        names = self._names(self.rows[-1]) if self.rows else []
        if names != list(self._bands):
            for band in self._bands.values():
                band.remove()
            places = {False: 0, True: 0}
            self._bands = {}
            for name in names:
                is_pair = "-" in name
                plot = self._pairs if is_pair else self._singles
                self._bands[name] = _Band(plot, name, places[is_pair])
                places[is_pair] += 1
        for band in self._bands.values():
            band.show(self.theme, self.rows)
        for plot, is_pair in ((self._singles, False), (self._pairs, True)):
            shown = [b.extent for name, b in self._bands.items() if ("-" in name) is is_pair]
            with_room(plot, shown)
            few = [int(row["number"]) for row in self.rows] if len(self.rows) <= _FEW else None
            ticks = None if few is None else [[(number, str(number)) for number in few]]
            plot.getAxis("bottom").setTicks(ticks)

    def _cells(self) -> tuple[list[list[str]], list[list[str]]]:
        if self.result is not None:
            rates = self.result["singles_hz"].items()
            return (
                [[name, spoken(rate, "/s")] for name, rate in rates],
                [_pair_row(pair) for pair in self.result["pairs"]],
            )
        values = self.live or (self.rows[-1] if self.rows else {})
        singles: list[list[str]] = []
        pairs: list[list[str]] = []
        for name in self._names(values):
            estimate = {"value": values.get(name + _RATE), "sigma": values.get(name + _SIGMA)}
            (pairs if "-" in name else singles).append([name, spoken(estimate, "/s")])
        return singles, pairs

    def _headline(self) -> str:
        if self.result is not None:
            lost = self.result["lost"]
            said = f"{lost:,} tags lost" if lost else "no tag lost"
            return (
                f"The whole run: {self.result['live_s']:.6g} s of live time, "
                f"window {self.result['window_full_ps']} ps, {said}."
            )
        if live_s := self.live.get("live_s"):
            return f"The point under way: {live_s:.3g} s of live time so far."
        return f"{len(self.rows)} points" if self.rows else "Nothing has been counted yet."


class _Band:
    """A line in its band of ± 1 sigma."""

    def __init__(self, plot: Any, name: str, number: int) -> None:
        self._plot, self._name, self._number = plot, name, number
        #: Where the band begins and ends at every point.
        self.extent = np.zeros(0)
        self.line = pg.PlotDataItem([], [], name=name, symbol=SYMBOLS[number % len(SYMBOLS)])
        self._upper, self._lower = pg.PlotDataItem([], []), pg.PlotDataItem([], [])
        self._fill = pg.FillBetweenItem(self._lower, self._upper)
        for curve in (self._upper, self._lower):
            curve.setPen(None)
        plot.addItem(self._fill)
        plot.addItem(self.line)

    def show(self, theme: Theme, rows: Sequence[Mapping[str, Any]]) -> None:
        """Draw the rates of these points."""
        numbers, rates = column(rows, "number"), column(rows, self._name + _RATE)
        sigmas = np.nan_to_num(column(rows, self._name + _SIGMA))
        there = np.isfinite(rates)
        numbers, rates, sigmas = _thinned(numbers[there], rates[there], sigmas[there])
        self.extent = np.concatenate([rates - sigmas, rates + sigmas])
        pen = theme.pen(self._number)
        color = QColor(pen.color())
        self.line.setData(numbers, rates)
        self.line.setPen(pen)
        is_few = len(numbers) <= _SYMBOLS_UP_TO
        self.line.setSymbolSize(6 if is_few else 0)
        self.line.setSymbolPen(color if is_few else None)
        self.line.setSymbolBrush(color if is_few else None)
        self._upper.setData(numbers, rates + sigmas)
        self._lower.setData(numbers, rates - sigmas)
        color.setAlpha(_BAND_ALPHA)
        self._fill.setBrush(pg.mkBrush(color))

    def remove(self) -> None:
        """Take the band out of its plot."""
        for item in (self._fill, self.line):
            self._plot.removeItem(item)


def _thinned(numbers: Values, rates: Values, sigmas: Values) -> tuple[Values, Values, Values]:
    """Return means of neighbors with their uncertainty, so many that they can be told apart."""
    every = math.ceil(len(numbers) / _DRAWN)
    if every <= 1:
        return numbers, rates, sigmas
    starts = np.arange(0, len(numbers), every)
    counts = np.diff(np.append(starts, len(numbers)))
    return (
        np.add.reduceat(numbers, starts) / counts,
        np.add.reduceat(rates, starts) / counts,
        np.sqrt(np.add.reduceat(sigmas**2, starts)) / counts,
    )


def _pair_row(pair: Mapping[str, Any]) -> list[str]:
    more = [spoken(pair[key], unit) for key, (_, unit) in _QUANTITIES.items()]
    return [pair["pair"], spoken(pair["coincidences_hz"], "/s"), *more]
