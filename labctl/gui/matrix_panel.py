"""Coincidences per second of every detector with every other."""

from __future__ import annotations

import math
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from labctl.errors import LabError
from labctl.gui.detector_pairs import count_pairs, known_pairs, pair_name
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.live_source import LiveSource, why_not_live
from labctl.gui.matrix_counts import MatrixCounts, matrix_counts
from labctl.gui.matrix_plot import MatrixPlot
from labctl.gui.rates_history import detector_rates
from labctl.gui.stream_words import Freshness, choice_words, stream_words
from labctl.gui.theme import Theme
from labctl.units import format_uncertain

__all__ = ["MatrixPanel"]

_LOOK_EVERY_MS: Final = 1000


class MatrixPanel(QWidget):
    """A picture with one cell per pair; a click, or Enter, has the pair histogrammed."""

    #: The pair (a, b) that was chosen for the histogram.
    pair_chosen = Signal(str, str)

    def __init__(self, link: LiveSource, theme: Theme) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self._counts: MatrixCounts | None = None
        self._freshness = Freshness()
        self._cell: tuple[int, int] | None = None
        self._add_widgets()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self._timer.start(_LOOK_EVERY_MS)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self._style_anew)
        self._style_anew()

    def table(self) -> tuple[list[str], list[list[float]]]:
        """Return coincidences in 1/s: one row and one column per detector, in the same order."""
        if self._counts is None:
            return [], []
        names = [f"{name} coincidences_hz" for name in self._counts.names]
        return names, self._counts.rates_hz.tolist()

    def set_held(self, is_held: bool) -> None:  # noqa: FBT001  takes a signal of a switch
        """Let the picture stand still, or go on."""
        self.hold_button.setChecked(is_held)

    def draw(self) -> None:
        """Show what is known."""
        if not self.isVisible():
            return
        if not self.hold_button.isChecked() and (data := self._link.latest.get("matrix")):
            self._counts = matrix_counts(data)
        self._say_state()
        if self._counts is not None and self._counts.names:
            self.picture.is_log = self.log_box.isChecked()
            self.picture.show_counts(self._counts)
            self._tell_cell()

    def choose_cell(self, row: int, column: int) -> None:
        """Have the pair of a cell histogrammed."""
        counts = self._counts
        if counts is None or row == column:
            return
        self._cell = (row, column)
        pairs = known_pairs(self._link)
        pair = (counts.names[row], counts.names[column])
        name = pair_name(pair) if pair_name(pair) in pairs else pair_name(pair[::-1])
        if name not in pairs:
            self.told.setText(f"{pair[0]} and {pair[1]} have no coincidences: two taggers")
            return
        reason = why_not_live(self._link)
        self.told.setText(f"histogram: {name.replace('-', ' · ')}")
        self.pair_chosen.emit(*pairs[name])
        if not reason:
            count_pairs(self._link, [name], self._refused)
        self._tell_cell()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what has come in the meantime."""
        super().showEvent(event)
        self.draw()

    def _add_widgets(self) -> None:
        self.log_box = QCheckBox("Lo&g colors")
        self.log_box.setAccessibleName("logarithmic colors")
        self.log_box.setToolTip("Colors over four decades, so that accidentals can be seen too")
        self.log_box.toggled.connect(lambda _: self.draw())
        self.hold_button = QPushButton("Hol&d")
        self.hold_button.setCheckable(True)
        self.hold_button.setAccessibleName("hold the matrix")
        self.hold_button.toggled.connect(lambda _: self.draw())
        self.told = QLabel()
        self.told.setAccessibleName("pair for the histogram")
        self.words = QLabel()
        self.words.setAccessibleName("state of the matrix")
        self.cell_label = QLabel()
        self.cell_label.setAccessibleName("value of the cell")
        self.cell_label.setWordWrap(True)
        self.cell_label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        bar = QWidget()
        flow = FlowLayout(bar, spacing_px=10)
        for widget in (self.log_box, self.hold_button, self.told, self.words):
            flow.addWidget(widget)
        self.picture = MatrixPlot(self._theme)
        self.picture.pointed.connect(self._point)
        self.picture.chosen.connect(self.choose_cell)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for part, stretch in ((bar, 0), (self.picture.plot, 1), (self.cell_label, 0)):
            layout.addWidget(part, stretch)

    def _take(self, topic: str, _: Any) -> None:
        if topic == "matrix":
            self._freshness.mark()
            self.draw()

    def _look(self) -> None:
        """Say that nothing comes any more; every update says the rest."""
        if self.isVisible():
            self._say_state()

    def _say_state(self) -> None:
        data = self._link.latest.get("matrix")
        chosen = choice_words(data, "window_age_s", "window", "coincidences")
        told = (stream_words(self._link, data, self._freshness.age_s()), chosen)
        words = " · ".join(filter(None, told))
        if self.hold_button.isChecked():
            words = f"HELD: the picture stands still · {words}".removesuffix(" · ")
        if words != self.words.text():
            self.words.setText(words)

    def _point(self, row: int, column: int) -> None:
        self._cell = (row, column)
        self._tell_cell()

    def _tell_cell(self) -> None:
        counts = self._counts
        if counts is None or self._cell is None or max(self._cell) >= len(counts.names):
            self.cell_label.setText("Point at a cell, or use the arrow keys, for its value.")
            return
        row, column = self._cell
        self.picture.frame(row, column)
        pair = f"{counts.names[row]} · {counts.names[column]}"
        rate = counts.cell(row, column)
        if not math.isfinite(rate.value):
            self.cell_label.setText(f"{pair}: –, {self._why_no_value(row, column)}")
            return
        text = f"{pair}: {format_uncertain(rate.value, rate.sigma, '/s')}"
        chance = counts.accidentals(row, column, self._singles_hz(), self._delays_ps())
        if math.isfinite(chance.value):
            text += f" · accidentals {format_uncertain(chance.value, chance.sigma, '/s')}"
        window_ps = counts.windows[row][0]
        self.cell_label.setText(f"{text} · window {window_ps / 1000:g} ns · all pairs")

    def _why_no_value(self, row: int, column: int) -> str:
        if row == column:
            return "one detector has no coincidences with itself"
        if self._counts is not None and not self._counts.live_s[row]:
            return "no live time"
        return "detectors of two taggers, or no stream"

    def _singles_hz(self) -> dict[str, float]:
        rates = detector_rates(self._link.latest.get("rates") or {})
        return {name: rate for name, (rate, _) in rates.items() if math.isfinite(rate)}

    def _delays_ps(self) -> dict[str, int]:
        facts = self._link.latest.get("service") or {}
        return {name: d.get("delay_ps", 0) for name, d in facts.get("detectors", {}).items()}

    def _refused(self, error: LabError) -> None:
        self.told.setText(str(error))

    def _style_anew(self) -> None:
        colors = self._theme.colors
        self.picture.style_anew()
        self.words.setStyleSheet(f"color: {colors.text}; font-weight: bold;")
        self.draw()
