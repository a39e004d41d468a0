"""The panel of `delays`: what was found per detector, and the histograms it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout

from labctl.gui.experiments.base import Cells, ExperimentPanel
from labctl.gui.experiments.cells import CellsModel, cells_view
from labctl.gui.experiments.drawing import (
    big,
    dress,
    faint,
    headline,
    new_plot,
    show_warnings,
    spoken,
    warning_line,
)
from labctl.gui.theme import Theme

__all__ = ["DelaysPanel"]

_PS_PER_NS: Final = 1000
#: Beside the peak, as many of its widths are shown at first.
_WIDTHS: Final = 8


class DelaysPanel(ExperimentPanel):
    """A table of delays, and the histogram of a pair that is chosen."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self.headline = headline("delays")
        self.warnings = warning_line(self)
        self.delays = CellsModel()
        self.peaks = CellsModel()
        self.pair = QComboBox()
        self.pair.setAccessibleName("pair of the histogram")
        self.pair.currentIndexChanged.connect(lambda _: self._draw_histogram())
        self._plot = new_plot("histogram of the pair", "lag (ns)", "counts per bin")
        self._steps = pg.PlotDataItem([], [], stepMode="center")
        self._peak = pg.InfiniteLine(0.0, angle=90)
        self._plot.addItem(self._steps)
        self._plot.addItem(self._peak)
        self._drawn: tuple[int, str] = (0, "")
        chooser = QHBoxLayout()
        label = QLabel("&Pair")
        label.setBuddy(self.pair)
        chooser.addWidget(label)
        chooser.addWidget(self.pair, 1)
        right = QVBoxLayout()
        right.addLayout(chooser)
        right.addWidget(self._plot, 1)
        left = QVBoxLayout()
        left.addWidget(cells_view(self.delays, "delays of the detectors"), 1)
        left.addWidget(cells_view(self.peaks, "peaks of the pairs"), 1)
        body = QHBoxLayout()
        body.addLayout(left, 1)
        body.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline)
        layout.addWidget(self.warnings)
        layout.addLayout(body, 1)
        self.dress()
        self.draw()

    def draw(self) -> None:
        """Show the delays that were found."""
        result = self.result or {}
        self.delays.show(["detector", "delay"], self._delay_rows())
        pairs = result.get("pairs") or []
        self.peaks.show(
            ["pair", "peak", "FWHM", "significance"], [_peak_row(pair) for pair in pairs]
        )
        names = [str(pair["pair"]) for pair in pairs]
        if names != [self.pair.itemText(n) for n in range(self.pair.count())]:
            self.pair.blockSignals(True)
            self.pair.clear()
            self.pair.addItems(names)
            self.pair.blockSignals(False)
        self.pair.setEnabled(bool(names))
        self.pair.setToolTip("" if names else "The histograms come with the run's result.")
        self._draw_histogram()
        show_warnings(self.warnings, self.result, self.theme)
        self.draw_now()

    def draw_now(self) -> None:
        """Show how far the search is."""
        self.headline.setText(self._headline())

    def dress(self) -> None:
        """Take the colors and the font of the theme."""
        dress(self._plot, self.theme)

    def table(self) -> tuple[list[str], Cells]:
        """Return the delay of every detector."""
        found = (self.result or {}).get("delays_ps") or {}
        rows: Cells = [[name, e["value"], e["sigma"]] for name, e in found.items()]
        return ["detector", "delay_ps", "sigma_ps"], rows

    def _headline(self) -> str:
        if self.result is None:
            text = self.run.get("text") or "Nothing has been found yet."
            return faint(str(text), self.theme)
        found = [pair for pair in self.result["pairs"] if pair["is_found"]]
        said = f"{len(found)} of {len(self.result['pairs'])} pairs show a peak"
        fit = f"χ²/ndf = {self.result['chi2']:.1f}/{self.result['ndf']}"
        return f"{big(said, self.theme)} &nbsp; {faint(fit, self.theme)}"

    def _delay_rows(self) -> list[list[str]]:
        if self.result is None:
            return [
                [name.removesuffix("_ps"), f"{value} ps"]
                for name, value in (self.rows[-1] if self.rows else {}).items()
                if name.endswith("_ps")
            ]
        reference = self.result["reference"]
        return [
            [name, "0 ps (reference)" if name == reference else spoken(estimate, "ps")]
            for name, estimate in self.result["delays_ps"].items()
        ]

    def _draw_histogram(self) -> None:
        name = self.pair.currentText()
        found = [pair for pair in (self.result or {}).get("pairs") or [] if pair["pair"] == name]
        self._steps.setPen(self.theme.pen(1))
        self._peak.setPen(pg.mkPen(self.theme.colors.warning, style=Qt.PenStyle.DashLine))
        if not found or self.result is None:
            self._steps.setData([0.0, 1.0], [0.0])
            self._peak.setVisible(False)
            return
        lags = np.asarray(self.result["lags_ps"], np.float64) / _PS_PER_NS
        half = (lags[1] - lags[0]) / 2 if len(lags) > 1 else 0.5
        edges = np.append(lags - half, lags[-1] + half)
        self._steps.setData(edges, np.asarray(found[0]["counts"], np.float64))
        self._mark(found[0])

    def _mark(self, pair: Mapping[str, Any]) -> None:
        """Draw the line at the peak, and look at its surroundings when it is new."""
        at = pair["position_ps"]["value"]
        self._peak.setVisible(bool(pair["is_found"]) and at is not None)
        if not self._peak.isVisible():
            return
        self._peak.setValue(at / _PS_PER_NS)
        drawn = (id(self.result), str(pair["pair"]))
        width = pair["fwhm_ps"]["value"]
        if drawn != self._drawn and width:
            self._drawn = drawn
            around = _WIDTHS * width / _PS_PER_NS
            self._plot.setXRange(at / _PS_PER_NS - around, at / _PS_PER_NS + around)


def _peak_row(pair: Mapping[str, Any]) -> list[str]:
    if not pair["is_found"]:
        return [pair["pair"], "no peak", "–", f"{pair['significance']:.1f} σ"]
    return [
        pair["pair"],
        spoken(pair["position_ps"], "ps"),
        spoken(pair["fwhm_ps"], "ps"),
        f"{pair['significance']:.1f} σ",
    ]
