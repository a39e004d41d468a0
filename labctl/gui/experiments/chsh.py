"""The panel of `chsh`: E of every pair of angles, and S as it grows toward its bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from labctl.analysis import CLASSICAL_BOUND, TSIRELSON_BOUND, Estimate
from labctl.gui.experiments.base import Cells, ExperimentPanel
from labctl.gui.experiments.chsh_growth import (
    NAMES,
    SIGNS,
    Correlation,
    correlations_of,
    live_correlation,
    sums_of,
)
from labctl.gui.experiments.drawing import (
    Points,
    big,
    dress,
    faint,
    headline,
    new_plot,
    show_warnings,
    warning_line,
)
from labctl.gui.theme import Theme
from labctl.units import format_uncertain

__all__ = ["ChshPanel"]

_PAIRS: Final = len(NAMES)
_BOUNDS: Final = ((CLASSICAL_BOUND, "2"), (TSIRELSON_BOUND, "2√2"))
_BAR_WIDTH: Final = 0.6
#: What stands below a bar, and the room around it.
_TICK_LINES: Final = 4
_TICK_PX: Final = 14


class ChshPanel(ExperimentPanel):
    """E per pair of angles with error bars, and the sum of the signed E: S, once it has all four.

    Each pair of angles may add a quarter of a bound, so the bounds are drawn as rising steps.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.headline = headline("S")
        self.warnings = warning_line(self)
        self._correlation_plot = new_plot("E of every pair of angles", "", "correlation E")
        self._growth_plot = new_plot("S as it grows", "pairs of angles counted", "sum of ±E so far")
        self._bars = pg.BarGraphItem(x=[], height=[], width=_BAR_WIDTH)
        self._correlation_plot.addItem(self._bars)
        self._raw = Points(self._correlation_plot, "raw", 0)
        self._corrected = Points(self._correlation_plot, "accidentals subtracted", 5)
        self._now = Points(self._correlation_plot, "being counted", 1)
        self._sums = Points(self._growth_plot, "S", 0)
        self._zero = pg.InfiniteLine(0.0, angle=0)
        self._correlation_plot.addItem(self._zero)
        self._bounds = [self._add_bound(bound, text) for bound, text in _BOUNDS]
        self._counted = 0
        self._set_ranges()
        plots = QHBoxLayout()
        plots.addWidget(self._correlation_plot, 1)
        plots.addWidget(self._growth_plot, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.warnings)
        layout.addLayout(plots, 1)
        self.dress()
        self.draw()

    def draw(self) -> None:
        """Show E and S of what there is."""
        taken = self._correlations()
        self._draw_correlations(taken)
        self._draw_growth(taken)
        self.headline.setText(self._headline(taken))
        show_warnings(self.warnings, self.result, self.theme)
        self.draw_now()

    def draw_now(self) -> None:
        """Show E of the setting that is being counted."""
        now = live_correlation(self.live, self.rows)
        shown = [] if now is None else [now]
        at = min(self._counted, _PAIRS - 1)
        self._now.show(
            self.theme, [at] * len(shown), [e.value for e in shown], [e.sigma for e in shown]
        )

    def dress(self) -> None:
        """Take the colors and the font of the theme."""
        for plot in (self._correlation_plot, self._growth_plot):
            dress(plot, self.theme)
        # The axis itself makes room for one line only.
        line_px = self.fontMetrics().lineSpacing()
        self._correlation_plot.getAxis("bottom").setHeight(_TICK_LINES * line_px + _TICK_PX)

    def table(self) -> tuple[list[str], Cells]:
        """Return E of every pair of angles, and S."""
        taken = self._correlations()
        rows: Cells = [
            [f"E({one.name})", one.alice_deg, one.bob_deg, one.e.value, one.e.sigma]
            for one in taken
        ]
        sums = sums_of(taken)
        if len(sums) == _PAIRS:
            rows.append(["S", "", "", sums[-1].value, sums[-1].sigma])
        if self.result is not None and (s := _estimate(self.result.get("s_corrected"))):
            rows.append(["S, accidentals subtracted", "", "", s.value, s.sigma])
        return ["of", "alice_deg", "bob_deg", "value", "sigma"], rows

    def _correlations(self) -> list[Correlation]:
        """Return E of the result, which knows the counts in full, else of the points."""
        if self.result is None:
            return correlations_of(self.rows)
        return [
            Correlation(row["name"], row["sign"], row["alice_deg"], row["bob_deg"], e)
            for row in self.result.get("correlations") or []
            if (e := _estimate(row.get("e"))) is not None
        ]

    def _draw_correlations(self, taken: Sequence[Correlation]) -> None:
        self._counted = len(taken)
        places = np.arange(len(taken))
        values = [one.e.value for one in taken]
        colors = self.theme.colors
        self._bars.setOpts(
            x=places,
            height=np.nan_to_num(np.array(values, dtype=float)),
            width=_BAR_WIDTH,
            brush=pg.mkBrush(colors.raised),
            pen=pg.mkPen(colors.border),
        )
        self._zero.setPen(pg.mkPen(colors.border))
        self._raw.show(self.theme, places, values, [one.e.sigma for one in taken])
        corrected = [
            _estimate(row.get("e_corrected")) or Estimate(math.nan, math.nan)
            for row in (self.result or {}).get("correlations") or []
        ]
        self._corrected.show(
            self.theme,
            np.arange(len(corrected)) + 0.15,
            [e.value for e in corrected],
            [e.sigma for e in corrected],
        )
        ticks = [(place, _tick(place, taken)) for place in range(_PAIRS)]
        self._correlation_plot.getAxis("bottom").setTicks([ticks])

    def _draw_growth(self, taken: Sequence[Correlation]) -> None:
        sums = sums_of(taken)
        places = np.arange(1, len(sums) + 1)
        heights = [abs(one.value) for one in sums]
        self._sums.show(self.theme, places, heights, [one.sigma for one in sums])
        self._sums.show_curve(self.theme, [0, *places], [0.0, *heights])
        for line, text in self._bounds:
            line.setPen(pg.mkPen(self.theme.colors.faint, style=Qt.PenStyle.DashLine))
            text.setColor(self.theme.colors.text)

    def _headline(self, taken: Sequence[Correlation]) -> str:
        theme = self.theme
        sums = sums_of(taken)
        if not sums:
            return faint("No pair of angles has been counted yet.", theme)
        s = sums[-1]
        shown = format_uncertain(s.value, s.sigma)
        if len(sums) < _PAIRS:
            names = " ".join(
                f"{'−' if one.sign < 0 else '+'} E({one.name})" for one in taken
            ).removeprefix("+ ")
            left = f"{len(sums)} of {_PAIRS} pairs of angles"
            return f"{big(shown, theme)} &nbsp; {faint(f'{names}, {left}', theme)}"
        corrected = _estimate((self.result or {}).get("s_corrected"))
        more = (
            ""
            if corrected is None
            else (f" · accidentals subtracted {format_uncertain(corrected.value, corrected.sigma)}")
        )
        return f"{big(f'S = {shown}', theme)} &nbsp; {faint(_judged(s) + more, theme)}"

    def _add_bound(self, bound: float, text: str) -> tuple[Any, Any]:
        steps = np.arange(_PAIRS + 1)
        line = pg.PlotDataItem(steps, bound * steps / _PAIRS)
        label = pg.TextItem(text, anchor=(0, 0.5))
        label.setPos(_PAIRS + 0.06, bound)
        self._growth_plot.addItem(line)
        self._growth_plot.addItem(label)
        return line, label

    def _set_ranges(self) -> None:
        self._correlation_plot.setRange(xRange=(-0.5, _PAIRS - 0.5), yRange=(-1.0, 1.0))
        self._growth_plot.setRange(xRange=(0, _PAIRS + 0.4), yRange=(0, 3.0))
        self._growth_plot.getAxis("bottom").setTicks([[(n, str(n)) for n in range(_PAIRS + 1)]])
        self._correlation_plot.getAxis("bottom").setStyle(hideOverlappingLabels=False)
        for plot in (self._correlation_plot, self._growth_plot):
            plot.setMouseEnabled(x=False, y=False)
            plot.hideButtons()


def _estimate(values: Mapping[str, Any] | None) -> Estimate | None:
    """Return {value, sigma} of a result; None where it has no value."""
    if not values or values.get("value") is None:
        return None
    sigma = values.get("sigma")
    return Estimate(float(values["value"]), math.inf if sigma is None else float(sigma))


def _tick(place: int, taken: Sequence[Correlation]) -> str:
    name = f"{'+' if SIGNS[place] > 0 else '−'}{NAMES[place]}"
    if place >= len(taken):
        return name
    one = taken[place]
    angles = f"{one.alice_deg:g}°, {one.bob_deg:g}°"
    value, _, sigma = format_uncertain(one.e.value, one.e.sigma).partition(" ± ")
    return f"{name}\n{angles}\n{value}\n± {sigma}"


def _judged(s: Estimate) -> str:
    """Return in words where S is between the bounds."""
    if not (math.isfinite(s.value) and s.sigma > 0 and math.isfinite(s.sigma)):
        return "its uncertainty is not known"
    excess = (abs(s.value) - CLASSICAL_BOUND) / s.sigma
    side = "above" if excess > 0 else "below"
    return f"{abs(excess):.1f} σ {side} 2 · quantum bound 2√2 = {TSIRELSON_BOUND:.4f}"
