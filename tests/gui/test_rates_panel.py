"""Rates over time: rings that forget, traces that are chosen, values under the cursor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.plots import comfortable
from labctl.gui.rates_panel import RatesPanel
from labctl.gui.rings import TraceRings
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 10_000


class Source(QObject):
    updated = Signal(str, object)
    state_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.state = "connected"
        self.latest: dict[str, Any] = {}
        self.now_s = 0.0

    def tell(self, at_s: float, **rates_hz: float | None) -> None:
        self.now_s = at_s
        detectors = {
            name: {"rate_hz": rate, "sigma_hz": None if rate is None else math.sqrt(rate)}
            for name, rate in rates_hz.items()
        }
        tagger = {"error": "", "skipped": 0, "lost": 0, "live_s": 1.0, "detectors": detectors}
        self.latest["rates"] = {"taggers": {"tagger": tagger}}
        self.updated.emit("rates", self.latest["rates"])


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def panel(source: Source, theme: Theme, qtbot: QtBot) -> RatesPanel:
    made = RatesPanel(source, theme, now_s=lambda: source.now_s)
    qtbot.addWidget(made)
    made.resize(900, 400)
    made.show()
    return made


def test_rings_keep_the_mean_of_each_slot_and_no_more_than_the_span() -> None:
    rings = TraceRings(["a", "b"], span_s=98.0, capacity=100)
    seconds = np.arange(0, 1000, 0.25)
    for at_s in seconds.tolist():
        rings.add(at_s, np.array([at_s, -at_s]))
    times_s, values = rings.shown()
    assert times_s.size <= 100
    assert times_s[-1] - times_s[0] <= 98.0
    assert times_s[-1] - times_s[0] >= 96.0
    # Slots are one second: four values each, whose mean is 0.375 s after the slot begins.
    assert values[0, 1:-1] == pytest.approx(np.floor(times_s[1:-1]) + 0.375)
    assert np.array_equal(values[0], -values[1])


def test_rings_leave_a_gap_where_nothing_came() -> None:
    rings = TraceRings(["a"], span_s=98.0, capacity=100)
    for at_s in (0.0, 1.0, 2.0, 30.0, 31.0):
        rings.add(at_s, np.array([5.0]))
    _, values = rings.shown()
    assert np.isnan(values[0]).tolist() == [False, False, False, True, False, False]


def test_rings_begin_anew_when_time_goes_back() -> None:
    rings = TraceRings(["a"], span_s=10.0, capacity=100)
    rings.add(5.0, np.array([1.0]))
    rings.add(1.0, np.array([2.0]))
    times_s, values = rings.shown()
    assert (times_s.tolist(), values.tolist()) == ([1.0], [[2.0]])


def test_a_value_that_is_not_known_is_left_out_of_its_slot() -> None:
    rings = TraceRings(["a"], span_s=98.0, capacity=100)
    rings.add(0.0, np.array([4.0]))
    rings.add(0.5, np.array([math.nan]))
    assert rings.shown()[1].tolist() == [[4.0]]


def test_every_detector_of_the_bench_has_a_trace_that_follows_its_rate(
    link: ServiceLink, theme: Theme, lit: LabClient, qtbot: QtBot
) -> None:
    assert lit.get("pump.emission")
    panel = RatesPanel(link, theme)
    qtbot.addWidget(panel)
    panel.show()

    def follow() -> None:
        names, rows = panel.table()
        assert names[1:] == [f"{n} rate_hz" for n in ("alice_h", "alice_v", "bob_h", "bob_v")]
        # 5 mW give 50 000 singles a second in each detector of the default bench.
        assert all(40_000 < rate < 60_000 for rate in rows[-1][1:])

    qtbot.waitUntil(follow, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "±" in panel.traces.values()["bob_v"], timeout=WAIT_MS)


def test_traces_that_are_not_chosen_are_not_drawn(panel: RatesPanel, source: Source) -> None:
    source.tell(1.0, a=100.0, b=400.0)
    first = panel.traces.tree.topLevelItem(0)
    assert first is not None
    first.setCheckState(0, Qt.CheckState.Unchecked)
    assert panel.table() == (["time_s", "b rate_hz"], [[0.0, 400.0]])
    panel.traces.none_button.click()
    assert panel.table() == (["time_s"], [])
    panel.traces.all_button.click()
    assert panel.table()[0] == ["time_s", "a rate_hz", "b rate_hz"]


def test_values_under_the_cursor_are_those_of_that_time(panel: RatesPanel, source: Source) -> None:
    for second in range(60):
        source.tell(float(second), a=1000.0 if second < 30 else 9000.0)
    panel.plot.pointed.emit((-40.0, 0.0))
    assert panel.traces.values()["a"].startswith("1\u202f000 ±")
    panel.plot.pointed.emit(None)
    assert panel.traces.values()["a"] == "9\u202f000 ± 95"
    panel.plot.setFocus()
    for _ in range(8):
        # Each step is a hundredth of the span of ten minutes.
        QTest.keyClick(panel.plot.widget, Qt.Key.Key_Left)
    assert panel.traces.values()["a"].startswith("1\u202f000 ±")


def test_a_held_picture_stands_still_and_loses_nothing(panel: RatesPanel, source: Source) -> None:
    source.tell(0.0, a=100.0)
    panel.set_held(True)
    source.tell(1.0, a=400.0)
    assert panel.table()[1] == [[0.0, 100.0]]
    assert "HELD" in panel.words.text()
    assert not panel.span.isEnabled()
    panel.set_held(False)
    assert panel.table()[1] == [[-1.0, 100.0], [0.0, 400.0]]


def test_a_shorter_span_shows_the_newest_part(panel: RatesPanel, source: Source) -> None:
    for second in range(300):
        source.tell(float(second), a=100.0)
    assert panel.table()[1][0][0] == -299.0
    panel.span.setCurrentText("1 min")
    assert panel.table()[1][0][0] == -60.0


def test_the_scale_follows_the_data_until_it_is_moved_by_hand(
    panel: RatesPanel, source: Source
) -> None:
    source.tell(0.0, a=100.0)
    source.tell(1.0, a=5000.0)
    low, high = panel.plot.y_range()
    assert low <= 100.0
    assert high >= 5000.0
    panel.plot.scaled_by_hand.emit()
    assert not panel.auto_box.isChecked()
    source.tell(2.0, a=90_000.0)
    assert panel.plot.y_range() == (low, high)
    panel.auto_box.setChecked(True)
    assert panel.plot.y_range()[1] >= 90_000.0


def test_a_logarithmic_scale_shows_decades_and_says_it_has_no_zero(
    panel: RatesPanel, source: Source
) -> None:
    source.tell(0.0, a=0.0)
    source.tell(1.0, a=100_000.0)
    panel.log_box.setChecked(True)
    low, high = panel.plot.y_range()
    assert low <= -1.0
    assert 5.0 <= high < 7.0
    assert not panel.zero_box.isEnabled()
    assert panel.zero_box.toolTip()


def test_a_range_that_suits_is_left_as_it_is() -> None:
    assert comfortable(1.0, 9.0, (0.0, 10.0)) == (0.0, 10.0)
    assert comfortable(1.0, 2.0, (0.0, 10.0)) == pytest.approx((0.9, 2.2))
    assert comfortable(1.0, 11.0, (0.0, 10.0)) == pytest.approx((0.0, 13.0))
    assert comfortable(math.nan, 1.0, (0.0, 10.0)) == (0.0, 10.0)


def test_without_live_time_a_detector_has_a_dash(panel: RatesPanel, source: Source) -> None:
    source.tell(0.0, a=100.0, b=None)
    assert panel.traces.values() == {"a": "100 ± 10", "b": "–"}
    assert math.isnan(panel.table()[1][-1][2])
