"""What a frame of the live panels costs: all of them visible, everything new in every frame.

To reach at 1600 x 950 with 16 traces, matrix and histogram: 25 ms in the median and 40 ms at the
95th percentile, so that thirty frames per second leave room for the rest of the window. The
reference is to paint the same window without anything new in it.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QApplication, QGridLayout, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.counter_cards import CounterCards
from labctl.gui.histogram_panel import HistogramPanel
from labctl.gui.matrix_panel import MatrixPanel
from labctl.gui.rates_panel import RatesPanel
from labctl.gui.theme import Theme

pytestmark = pytest.mark.bench

FRAMES = 200
LIVE_S = 1.0
N_BINS = 1001
N_HISTOGRAMS = 4


class Stream(QObject):
    """Feeds panels with counts of many detectors, ten times a second of their own time."""

    updated = Signal(str, object)
    state_changed = Signal(str)
    state = "connected"

    def __init__(self, n_detectors: int) -> None:
        super().__init__()
        self.latest: dict[str, Any] = {}
        self.now_s = 0.0
        self._random = np.random.default_rng(20_261_123)
        self._names = [f"detector_{number}" for number in range(n_detectors)]
        self._pairs = [(a, b) for a in self._names[:4] for b in self._names[4:8]]

    def rates(self) -> dict[str, Any]:
        singles = self._random.poisson(100_000 + 5000 * np.arange(len(self._names)))
        pairs = self._random.poisson(1500, len(self._pairs))
        return {
            "live_s": LIVE_S,
            "lost": 0,
            "detectors": {
                name: {"rate_hz": float(count), "sigma_hz": float(count**0.5)}
                for name, count in zip(self._names, singles.tolist(), strict=True)
            },
            "pairs": {
                f"{a}-{b}": {
                    "rate_hz": float(count),
                    "sigma_hz": float(count**0.5),
                    "accidentals_hz": 11.8,
                    "accidentals_sigma_hz": 0.1,
                }
                for (a, b), count in zip(self._pairs, pairs.tolist(), strict=True)
            },
        }

    def matrix(self) -> dict[str, Any]:
        counts = self._random.poisson(900, (len(self._names), len(self._names)))
        return {
            "names": self._names,
            "counts": counts.tolist(),
            "live_s": LIVE_S,
            "window_full_ps": 1000,
            "resolution_ps": 1,
        }

    def histogram(self) -> dict[str, Any]:
        counts = self._random.poisson(50, (N_HISTOGRAMS, N_BINS))
        counts[:, N_BINS // 2 - 5 : N_BINS // 2 + 5] += 5000
        estimate = {"value": 3.0, "sigma": 1.0}
        peak = {"position_ps": estimate, "fwhm_ps": estimate, "significance": 90.0}
        fit = {
            **dict.fromkeys(("position_ps", "fwhm_ps", "counts", "background"), estimate),
            "problem": "",
            "chi2": 150.0,
            "freedom": 156,
            "first_bin": N_BINS // 2 - 80,
            "expected": [30.0] * 160,
        }
        return {
            "pairs": [f"{a}-{b}" for a, b in self._pairs[:N_HISTOGRAMS]],
            "first_lag_ps": -50 * (N_BINS // 2),
            "bin_ps": 50,
            "counts": counts.tolist(),
            "live_s": 60.0,
            "pairs_live_s": [60.0] * N_HISTOGRAMS,
            "resolution_ps": 1,
            "singles": [[6_000_000, 6_000_000]] * N_HISTOGRAMS,
            "accidentals_per_bin": [30.0] * N_HISTOGRAMS,
            "peaks": [peak] * N_HISTOGRAMS,
            "fits": [fit] * N_HISTOGRAMS,
        }

    def feed(self, *topics: str) -> None:
        """Give the panels something new of these topics."""
        self.now_s += 0.1
        for topic in topics:
            of_tagger = {"error": "", "skipped": 0, **getattr(self, topic)()}
            self.latest[topic] = {"taggers": {"tagger": of_tagger}}
            self.updated.emit(topic, self.latest[topic])


def window_on(stream: Stream, qtbot: QtBot) -> tuple[QWidget, HistogramPanel]:
    theme = Theme()
    theme.apply()

    def now_s() -> float:
        return stream.now_s

    window = QWidget()
    grid = QGridLayout(window)
    histogram = HistogramPanel(stream, theme)
    grid.addWidget(CounterCards(stream, theme, now_s=now_s), 0, 0, 1, 2)
    grid.addWidget(RatesPanel(stream, theme, now_s=now_s), 1, 0, 1, 2)
    grid.addWidget(MatrixPanel(stream, theme), 2, 0)
    grid.addWidget(histogram, 2, 1)
    qtbot.addWidget(window)
    window.resize(1600, 950)
    window.show()
    return window, histogram


def painted(window: QWidget) -> None:
    """Paint what is to be painted, now."""
    QApplication.processEvents()
    QApplication.sendEvent(window, QEvent(QEvent.Type.UpdateRequest))


def frames_ms(window: QWidget, stream: Stream, *topics: str) -> tuple[float, float]:
    """Return median and 95th percentile."""
    taken = []
    for _ in range(FRAMES):
        start_s = time.perf_counter()
        stream.feed(*topics)
        painted(window)
        taken.append(1e3 * (time.perf_counter() - start_s))
    median, p95 = np.percentile(taken, [50, 95])
    return float(median), float(p95)


@pytest.mark.parametrize("n_detectors", [16, 64])
def test_a_frame_of_all_live_panels(n_detectors: int, qtbot: QtBot) -> None:
    stream = Stream(n_detectors)
    window, histogram = window_on(stream, qtbot)
    stream.feed("rates", "matrix", "histogram")
    histogram.show_pairs([f"{a}-{b}" for a, b in stream._pairs[:N_HISTOGRAMS]])
    for _ in range(6000):  # ten minutes of history
        stream.now_s += 0.1
        window.findChildren(RatesPanel)[0]._history.add(
            stream.now_s, {"taggers": {"tagger": stream.rates()}}
        )
    painted(window)
    topics = ("rates", "matrix", "histogram")
    empty_ms, _ = frames_ms(window, stream)
    median_ms, p95_ms = frames_ms(window, stream, *topics)
    print(
        f"\n{n_detectors} detectors: {median_ms:.1f} ms median, {p95_ms:.1f} ms p95 per frame; "
        f"nothing new: {empty_ms:.2f} ms; ratio to a frame of 33 ms: {median_ms / 33:.2f}"
    )
    for topic in topics:
        median_ms, p95_ms = frames_ms(window, stream, topic)
        print(f"  {topic} alone: {median_ms:.1f} ms median, {p95_ms:.1f} ms p95")
    shown = [widget.isVisible() for widget in window.findChildren(HistogramPanel)]
    assert shown == [True]
