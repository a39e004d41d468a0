"""Singles rates of every detector over time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.live_source import LiveSource
from labctl.gui.plots import LivePlot, comfortable
from labctl.gui.rates_history import SPANS, RatesHistory, detector_rates
from labctl.gui.stream_words import Freshness, stream_words
from labctl.gui.theme import Theme
from labctl.gui.trace_list import TraceList
from labctl.units import format_uncertain

__all__ = ["RatesPanel"]

#: A rate of zero has no logarithm; it is drawn at a tenth of a count per second.
_LEAST_HZ: Final = 0.1
_LIST_EVERY_S: Final = 0.25
_LOOK_EVERY_MS: Final = 1000


class RatesPanel(QWidget):
    """One trace per detector; the list beside it chooses traces and tells their values.

    Args:
        link: where the rates come from.
        theme: colors and fonts.
        now_s: the time of the traces; another than the real one for a run that is played again.
    """

    def __init__(
        self, link: LiveSource, theme: Theme, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._link, self._theme, self._now_s = link, theme, now_s
        self._history = RatesHistory()
        self._freshness = Freshness()
        self._curves: dict[str, Any] = {}
        self._held: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._cursor_s: float | None = None
        self._listed_s = -math.inf
        self._add_widgets()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.draw)
        self._timer.start(_LOOK_EVERY_MS)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self._style_anew)
        self._style_anew()

    def table(self) -> tuple[list[str], list[list[float]]]:
        """Return the shown traces: seconds before the newest, then rates in 1/s."""
        times_s, values = self._data()
        names = self.traces.chosen()
        rows = [self._history.names.index(name) for name in names]
        newest_s = times_s[-1] if times_s.size else 0.0
        columns = np.vstack([times_s - newest_s, values[rows]]) if rows else times_s[None, :0]
        return ["time_s", *(f"{name} rate_hz" for name in names)], columns.T.tolist()

    def set_held(self, is_held: bool) -> None:  # noqa: FBT001  takes a signal of a switch
        """Let the picture stand still, or go on; what comes in the meantime is kept."""
        self.hold_button.setChecked(is_held)

    def draw(self) -> None:
        """Show what is known."""
        if not self.isVisible():
            return
        words = stream_words(self._link, self._link.latest.get("rates"), self._freshness.age_s())
        if self._held is not None:
            words = f"HELD: the picture stands still · {words}".removesuffix(" · ")
        if words != self.words.text():
            self.words.setText(words)
        self._draw_traces()
        self._list_values()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what has come in the meantime."""
        super().showEvent(event)
        self.draw()

    def _add_widgets(self) -> None:
        self.span = QComboBox()
        self.span.setAccessibleName("time span")
        self.span.setToolTip("How far back the traces reach")
        self.span.addItems(list(SPANS))
        self.span.setCurrentText("10 min")
        self.span.currentTextChanged.connect(lambda _: self.draw())
        self.log_box = QCheckBox("Lo&g")
        self.log_box.setAccessibleName("logarithmic rates")
        self.auto_box = QCheckBox("A&utoscale")
        self.auto_box.setAccessibleName("scale by the data")
        self.auto_box.setToolTip("Off as soon as you zoom with the wheel or drag the picture")
        self.auto_box.setChecked(True)
        self.zero_box = QCheckBox("From &zero")
        self.zero_box.setAccessibleName("scale begins at zero")
        for box in (self.log_box, self.auto_box, self.zero_box):
            box.toggled.connect(self._rescale)
        self.hold_button = QPushButton("Hol&d")
        self.hold_button.setCheckable(True)
        self.hold_button.setAccessibleName("hold the traces")
        self.hold_button.toggled.connect(self._hold)
        self.words = QLabel()
        self.words.setAccessibleName("state of the rates")
        bar = QWidget()
        flow = FlowLayout(bar, spacing_px=10)
        for widget in (
            self.span,
            self.log_box,
            self.auto_box,
            self.zero_box,
            self.hold_button,
            self.words,
        ):
            flow.addWidget(widget)
        self.plot = LivePlot(self._theme, "rates over time")
        self.plot.name_axes("time before now (s)", "rate (/s)")
        self.plot.scaled_by_hand.connect(lambda: self.auto_box.setChecked(False))
        self.plot.pointed.connect(self._point)
        self.plot.stepped.connect(self._step)
        self._line: Any = pg.InfiniteLine(angle=90, movable=False)
        self._line.setVisible(False)
        self.plot.item.addItem(self._line, ignoreBounds=True)
        self.traces = TraceList(self._theme)
        self.traces.chosen_changed.connect(lambda _: self.draw())
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.plot)
        splitter.addWidget(self.traces)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([800, 240])
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(bar)
        layout.addWidget(splitter, 1)

    def _take(self, topic: str, data: Any) -> None:
        if topic != "rates":
            return
        self._freshness.mark()
        if self._history.add(self._now_s(), data):
            self._make_curves()
        self.draw()

    def _make_curves(self) -> None:
        for curve in self._curves.values():
            self.plot.item.removeItem(curve)
        self._held = None
        self.hold_button.setChecked(False)
        self._curves = {name: pg.PlotCurveItem() for name in self._history.names}
        for curve in self._curves.values():
            self.plot.item.addItem(curve, ignoreBounds=True)
        self.traces.offer(self._history.names)
        self._listed_s = -math.inf
        self._style_anew()

    def _data(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._held or self._history.shown(self.span.currentText())

    def _draw_traces(self) -> None:
        times_s, values = self._data()
        names = set(self.traces.chosen())
        if not times_s.size:
            return
        x, y = times_s - times_s[-1], values
        if self.log_box.isChecked():
            y = np.log10(np.maximum(y, _LEAST_HZ))
        is_whole = bool(np.isfinite(y).all())
        rows = []
        for row, (name, curve) in enumerate(self._curves.items()):
            curve.setVisible(name in names)
            if name in names:
                rows.append(row)
                curve.setData(
                    x, y[row], connect="all" if is_whole else "finite", skipFiniteCheck=is_whole
                )
        self.plot.show_range(x=(-self._reach_s(times_s), 0.0))
        if rows and self.auto_box.isChecked():
            self._scale_to(y[rows])

    def _reach_s(self, times_s: NDArray[np.float64]) -> float:
        """Return how far back the axis reaches: no further than there is something to see."""
        span_s = SPANS[self.span.currentText()]
        past_s = float(times_s[-1] - times_s[0])
        return next((s for s in SPANS.values() if past_s <= s < span_s), span_s)

    def _scale_to(self, y: NDArray[np.float64]) -> None:
        known = y[np.isfinite(y)]
        if not known.size:
            return
        low, high = float(known.min()), float(known.max())
        is_log = self.log_box.isChecked()
        if self.zero_box.isChecked() and not is_log:
            low = 0.0
        low, high = comfortable(low, high, self.plot.y_range())
        self.plot.show_range(y=(low if is_log else max(low, -0.05 * high), high))

    def _rescale(self) -> None:
        is_log = self.log_box.isChecked()
        self.plot.item.getAxis("left").setLogMode(False, is_log)
        self.zero_box.setEnabled(not is_log)
        self.zero_box.setToolTip("A logarithmic scale has no zero" if is_log else "")
        if self.auto_box.isChecked():
            # A range that was for another scale is no range that suits.
            self.plot.show_range(y=(-1.0, 1e12))
        self.draw()

    def _hold(self, is_held: bool) -> None:  # noqa: FBT001  Qt gives it so
        times_s, values = self._history.shown(self.span.currentText())
        self._held = (times_s.copy(), values.copy()) if is_held else None
        self.span.setEnabled(not is_held)
        self.span.setToolTip(
            "The picture is held; let it go on to see another span"
            if is_held
            else "How far back the traces reach"
        )
        self.draw()

    def _point(self, at: tuple[float, float] | None) -> None:
        self._cursor_s = None if at is None else min(at[0], 0.0)
        self._listed_s = -math.inf
        self._list_values()

    def _step(self, step: int) -> None:
        """Move the cursor by a hundredth of the span."""
        span_s = SPANS[self.span.currentText()]
        at_s = (self._cursor_s or 0.0) + step * span_s / 100
        self._point(None if at_s > 0 else (max(at_s, -span_s), 0.0))

    def _list_values(self) -> None:
        now_s = time.monotonic()
        if now_s - self._listed_s < _LIST_EVERY_S:
            return
        self._listed_s = now_s
        times_s, values = self._data()
        is_shown = self._cursor_s is not None and times_s.size > 0
        self._line.setVisible(is_shown)
        if not is_shown or self._cursor_s is None:
            self.traces.head("held" if self._held else "now")
            rates = detector_rates(self._link.latest.get("rates") or {})
            if self._held and times_s.size:
                self.traces.show_values(self._texts_at(values[:, -1]))
            else:
                texts = {n: _text(rate, sigma) for n, (rate, sigma) in rates.items()}
                self.traces.show_values(texts)
            return
        ages_s = times_s - times_s[-1]
        at = int(np.argmin(np.abs(ages_s - self._cursor_s)))
        self._line.setPos(self._cursor_s)
        self.traces.head(f"{ages_s[at]:.1f} s")
        self.traces.show_values(self._texts_at(values[:, at]))

    def _texts_at(self, values: NDArray[np.float64]) -> dict[str, str]:
        # A point is the mean of intervals that overlap, over one slot of the ring.
        taggers = (self._link.latest.get("rates") or {}).get("taggers", {}).values()
        interval_s = max((t.get("live_s") or 0.0 for t in taggers), default=0.0)
        counted_s = interval_s + self._history.slot_s(self.span.currentText())
        return {
            name: _text(float(value), math.sqrt(max(value, 0.0) / counted_s))
            for name, value in zip(self._history.names, values, strict=True)
        }

    def _style_anew(self) -> None:
        colors = self._theme.colors
        for number, curve in enumerate(self._curves.values()):
            curve.setPen(self._theme.pen(number))
        self._line.setPen(pg.mkPen(colors.faint, width=1))
        self.words.setStyleSheet(f"color: {colors.text}; font-weight: bold;")
        self.draw()


def _text(rate_hz: float, sigma_hz: float) -> str:
    return format_uncertain(rate_hz, sigma_hz) if math.isfinite(rate_hz) else "–"
