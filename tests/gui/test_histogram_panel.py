"""The histogram: numbers inside the window, and that what is chosen here is counted there."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labctl.gui.histogram_controls import G2
from labctl.gui.histogram_counts import pair_histograms
from labctl.gui.histogram_panel import HistogramPanel
from labctl.gui.histogram_plot import HistogramPlot
from labctl.gui.histogram_words import bin_text, peak_text, window_text
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.gui.whole_number import WholeNumber
from labctl.service import LabClient

WAIT_MS = 10_000
DEFAULTS = {"window_full_ps": 6000, "range_ps": 200_000, "bin_ps": 2000}
PAIRS = [("alice_h", "bob_h"), ("alice_h", "bob_v"), ("alice_v", "bob_h"), ("alice_v", "bob_v")]


def told(**others: Any) -> dict[str, Any]:
    tagger = {
        "pairs": ["a-b"],
        "first_lag_ps": -4000,
        "bin_ps": 2000,
        "resolution_ps": 2000,
        "counts": [[2, 3, 500, 4, 1]],
        "live_s": 25.0,
        "pairs_live_s": [10.0],
        "singles": [[100_000, 200_000]],
        # 100 000 * 200 000 * 2 ns / 10 s.
        "accidentals_per_bin": [4.0],
        "peaks": [None],
        "fits": [{"problem": "no peak: its excess is 2.0 σ, 5 σ are needed"}],
        **others,
    }
    return {"taggers": {"tagger": tagger}}


def test_a_window_holds_the_bins_whose_centers_are_inside() -> None:
    inside = pair_histograms(told())["a-b"].inside(-2000, 2000)
    assert (inside.counts.value, inside.width_ps) == (507, 6000)
    assert inside.counts.sigma == pytest.approx(math.sqrt(507))
    assert inside.accidentals.value == pytest.approx(12.0)
    # Coincidences without accidentals, over accidentals.
    assert inside.car.value == pytest.approx((507 - 12) / 12)


def test_g2_is_counts_over_the_accidentals_of_a_bin() -> None:
    assert pair_histograms(told())["a-b"].g2().tolist() == [0.5, 0.75, 125.0, 1.0, 0.25]
    without = pair_histograms(told(accidentals_per_bin=[None], pairs_live_s=[0.0]))["a-b"]
    assert np.isnan(without.g2()).all()
    assert math.isnan(without.inside(-2000, 2000).car.value)


def test_edges_are_half_a_bin_around_the_lags() -> None:
    edges = pair_histograms(told())["a-b"].edges_ps()
    assert edges.tolist() == [-5000, -3000, -1000, 1000, 3000, 5000]


def test_bins_that_are_no_multiple_of_the_resolution_are_warned_of() -> None:
    assert "resolution" in pair_histograms(told(bin_ps=3000))["a-b"].warning
    assert pair_histograms(told())["a-b"].warning == ""


def test_numbers_are_told_with_unit_and_uncertainty() -> None:
    histogram = pair_histograms(told())["a-b"]
    text = window_text(histogram, -3000, 3000)
    # Singles of 1e5 and 2e5 with 495 pairs in common: 12 · sqrt(1e-5 + 5e-6 + 5e-8) = 0.047;
    # (507 - 12) / 12 with sqrt(507) / 12 and what the accidentals add: 1.9.
    assert text == (
        "a · b from -3 to 3 ns: 507(23) counts in 6 ns of bins and 10.0 s, "
        "accidentals 12.000(47), CAR 41.2(19)"
    )
    assert bin_text(histogram, 100.0) == "0 ns: 500 ± 22 counts in the bin · g² 125.0 ± 5.6"
    assert bin_text(histogram, 9000.0) == ""
    peak = {
        "position_ps": {"value": 120.0, "sigma": 30.0},
        "fwhm_ps": {"value": 800.0, "sigma": 100.0},
        "significance": 12.3,
    }
    assert peak_text(peak, 1000.0) == (
        "Peak at 0.120 ± 0.030 ns, FWHM 0.80 ± 0.10 ns, 12 σ above its background"
    )
    assert peak_text(peak, 1.0).startswith("Peak at 120 ± 30 ps")
    assert peak_text(None, 1.0) == "No peak found."


def test_one_edge_of_a_window_around_zero_moves_the_other(theme: Theme, qtbot: QtBot) -> None:
    picture = HistogramPlot(theme)
    qtbot.addWidget(picture.plot)
    picture.show_window(-3000, 3000)
    moved: list[tuple[float, float]] = []
    picture.window_moved.connect(lambda low, high: moved.append((low, high)))
    picture.region.setRegion((-3.0, 5.0))
    assert moved[-1] == pytest.approx((-5000, 5000))
    # Moved as a whole it stays where it is: coincidences are counted around zero.
    picture.region.setRegion((-4.0, 6.0))
    assert moved[-1] == pytest.approx((-5000, 5000))
    picture.is_centered = False
    picture.region.setRegion((1.0, 2.0))
    assert moved[-1] == pytest.approx((1000, 2000))


def test_a_number_is_set_with_enter_and_never_while_it_is_typed(qtbot: QtBot) -> None:
    field = WholeNumber("window", "ps", (1, 9000), "Window")
    qtbot.addWidget(field)
    field.show()
    field.show_value(6000)
    committed: list[int] = []
    field.committed.connect(committed.append)
    field.selectAll()
    QTest.keyClicks(field, "2000")
    assert committed == []
    field.show_value(7000)
    assert field.text() == "2000 ps"
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert committed == [2000]
    field.selectAll()
    QTest.keyClicks(field, "44")
    field.focusOutEvent(QFocusEvent(QFocusEvent.Type.FocusOut))
    assert (committed, field.value(), field.text()) == ([2000], 2000, "2000 ps")


@pytest.fixture
def panel(link: ServiceLink, theme: Theme, lit: LabClient, qtbot: QtBot) -> HistogramPanel:
    lit.live(pairs=PAIRS, reset=True, **DEFAULTS)
    made = HistogramPanel(link, theme)
    qtbot.addWidget(made)
    made.resize(900, 500)
    made.show()
    qtbot.waitUntil(lambda: len(made.table()[1]) == 201, timeout=WAIT_MS)
    return made


def settings(client: LabClient) -> dict[str, Any]:
    found: dict[str, Any] = client.snapshot()["live"]["tagger"]
    return found


def test_the_pair_shows_its_peak_and_its_ratio(panel: HistogramPanel, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "Fit: position" in panel.numbers.text(), timeout=WAIT_MS)
    text = panel.numbers.text()
    assert text.startswith("alice_h · bob_h from -3 to 3 ns: ")
    assert "CAR" in text
    assert panel.picture.plot.item.getAxis("bottom").labelText == "lag (ns)"
    names, rows = panel.table()
    assert names == ["lag_ps", "alice_h-bob_h counts", "alice_h-bob_h accidentals"]
    assert (rows[0][0], rows[-1][0]) == (-200_000, 200_000)
    panel.controls.scale.setCurrentText(G2)
    assert panel.picture.plot.item.getAxis("left").labelText == "g²"


def test_a_window_that_is_let_go_is_that_of_the_live_display(
    panel: HistogramPanel, client: LabClient, qtbot: QtBot
) -> None:
    panel.picture.region.setRegion((-3.0, 5.0))
    qtbot.waitUntil(lambda: settings(client)["window_full_ps"] == 10_000, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: panel.controls.window_ps.value() == 10_000, timeout=WAIT_MS)
    # What another window chooses is seen here.
    client.live(window_full_ps=2000)
    qtbot.waitUntil(lambda: panel.picture.window() == (-1000, 1000), timeout=WAIT_MS)


def test_a_free_window_only_counts_what_is_inside(panel: HistogramPanel, client: LabClient) -> None:
    panel.controls.center_box.setChecked(False)
    panel.picture.region.setRegion((10.0, 20.0))
    assert "from 10 to 20 ns" in panel.numbers.text()
    assert settings(client)["window_full_ps"] == 6000


def test_range_and_bins_are_set_with_enter_and_a_refusal_is_said(
    panel: HistogramPanel, client: LabClient, qtbot: QtBot
) -> None:
    field = panel.controls.range_ps
    field.selectAll()
    QTest.keyClicks(field, "40000")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: settings(client)["range_ps"] == 40_000, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: len(panel.table()[1]) == 41, timeout=WAIT_MS)
    bins = panel.controls.bin_ps
    bins.selectAll()
    QTest.keyClicks(bins, "10")
    QTest.keyClick(bins, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "8001 bins" in panel.controls.words.text(), timeout=WAIT_MS)
    assert settings(client)["bin_ps"] == 2000
    qtbot.waitUntil(lambda: bins.value() == 2000, timeout=WAIT_MS)


def test_a_pair_that_is_not_counted_will_be(
    panel: HistogramPanel, client: LabClient, qtbot: QtBot
) -> None:
    panel.show_pairs(["alice_h-bob_h", "bob_h-bob_v"])
    assert "not histogrammed: bob_h-bob_v" in panel.controls.words.text()
    qtbot.waitUntil(lambda: "bob_h-bob_v" in settings(client)["pairs"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: len(panel.table()[0]) == 5, timeout=WAIT_MS)
    assert "not histogrammed" not in panel.controls.words.text()


def test_who_does_not_hold_control_sees_why_nothing_can_be_changed(
    panel: HistogramPanel, client: LabClient, qtbot: QtBot
) -> None:
    client.take_control()
    qtbot.waitUntil(lambda: not panel.controls.window_ps.isEnabled(), timeout=WAIT_MS)
    assert "script holds control" in panel.controls.window_ps.toolTip()
    assert "script holds control" in panel.controls.words.text()
    panel.picture.region.setRegion((-3.0, 9.0))
    assert panel.picture.window() == (-3000, 3000)
    client.release_control()
    qtbot.waitUntil(panel.controls.window_ps.isEnabled, timeout=WAIT_MS)


def test_reset_begins_anew(panel: HistogramPanel, client: LabClient, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: max(row[1] for row in panel.table()[1]) > 10_000, timeout=WAIT_MS)
    client.make_safe()
    panel.controls.reset_button.click()
    qtbot.waitUntil(lambda: max(row[1] for row in panel.table()[1]) < 1000, timeout=WAIT_MS)
