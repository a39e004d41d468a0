"""The matrix: what a cell says, and that a cell can be chosen with mouse and keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.matrix_counts import matrix_counts
from labctl.gui.matrix_panel import MatrixPanel
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 10_000


def told(counts: list[list[int]], **others: Any) -> dict[str, Any]:
    names = [f"d{number}" for number in range(len(counts))]
    return {
        "error": "",
        "skipped": 0,
        "names": names,
        "counts": counts,
        "live_s": 2.0,
        "window_full_ps": 4000,
        "resolution_ps": 2000,
        **others,
    }


def test_rates_are_counts_over_live_time_with_the_error_of_a_count() -> None:
    counts = matrix_counts({"taggers": {"one": told([[0, 400], [400, 0]])}})
    cell = counts.cell(0, 1)
    assert (cell.value, cell.sigma) == (200.0, 10.0)
    assert math.isnan(counts.cell(0, 0).value)


def test_detectors_of_two_taggers_have_no_coincidences() -> None:
    two = {"one": told([[0, 2], [2, 0]]), "two": told([[0, 4], [4, 0]], names=["e0", "e1"])}
    counts = matrix_counts({"taggers": two})
    assert counts.names == ("d0", "d1", "e0", "e1")
    expected = np.full((4, 4), math.nan)
    expected[0, 1] = expected[1, 0] = 1.0
    expected[2, 3] = expected[3, 2] = 2.0
    assert np.array_equal(counts.rates_hz, expected, equal_nan=True)


def test_a_stream_without_live_time_has_no_rates() -> None:
    counts = matrix_counts({"taggers": {"one": told([[0, 2], [2, 0]], live_s=0.0)}})
    assert np.isnan(counts.rates_hz).all()


def test_accidentals_are_singles_times_singles_times_the_width_that_counts() -> None:
    counts = matrix_counts({"taggers": {"one": told([[0, 2], [2, 0]])}})
    # A window of 4 ns accepts lags of -2, 0 and 2 ns of a tagger of 2 ns: it counts as 6 ns.
    chance = counts.accidentals(0, 1, {"d0": 1e5, "d1": 2e5}, {})
    assert chance.value == pytest.approx(1e5 * 2e5 * 6e-9)
    # With a difference of delays of 1 ns it accepts -1 and 1 ns and, at its edges, none: 4 ns.
    chance = counts.accidentals(0, 1, {"d0": 1e5, "d1": 2e5}, {"d1": 1000})
    assert chance.value == pytest.approx(1e5 * 2e5 * 4e-9)
    assert math.isnan(counts.accidentals(0, 1, {"d0": 1e5}, {}).value)


def is_bright(panel: MatrixPanel) -> bool:
    """Return whether alice_h and bob_h see the pairs of 5 mW."""
    _, rows = panel.table()
    return bool(rows) and rows[0][2] > 10_000


@pytest.fixture
def panel(link: ServiceLink, theme: Theme, lit: LabClient, qtbot: QtBot) -> MatrixPanel:
    assert lit.get("pump.emission")
    made = MatrixPanel(link, theme)
    qtbot.addWidget(made)
    made.resize(700, 500)
    made.show()
    qtbot.waitUntil(lambda: is_bright(made), timeout=WAIT_MS)
    return made


def test_a_cell_tells_rate_uncertainty_and_accidentals(panel: MatrixPanel) -> None:
    panel.picture.pointed.emit(0, 2)
    text = panel.cell_label.text()
    assert text.startswith("alice_h · bob_h: 1")
    assert "± " in text
    assert "accidentals 1" in text
    assert "window 6 ns" in text
    panel.picture.pointed.emit(1, 1)
    assert "–, one detector has no coincidences with itself" in panel.cell_label.text()
    assert len(panel.picture.texts.texts()) == 12
    QTest.keyClick(panel.picture.plot.widget, Qt.Key.Key_Down)
    assert panel.cell_label.text().startswith("bob_h · alice_v: ")


def test_a_chosen_cell_is_histogrammed(panel: MatrixPanel, client: LabClient, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.pair_chosen) as chosen:
        # Left station with itself: such a pair is not histogrammed to begin with.
        panel.picture.pointed.emit(1, 0)
        QTest.keyClick(panel.picture.plot.widget, Qt.Key.Key_Return)
    assert chosen.args == ["alice_h", "alice_v"]

    def counted() -> bool:
        pairs = client.snapshot()["live"]["tagger"]["pairs"]
        return "alice_h-alice_v" in pairs and "alice_h-bob_h" in pairs

    qtbot.waitUntil(counted, timeout=WAIT_MS)


def test_a_held_matrix_stands_still(panel: MatrixPanel, client: LabClient, qtbot: QtBot) -> None:
    panel.set_held(True)
    before = panel.table()
    client.make_safe()
    with qtbot.waitSignal(panel._link.updated, check_params_cb=lambda topic, _: topic == "matrix"):
        pass
    assert np.array_equal(panel.table()[1], before[1], equal_nan=True)
    assert "HELD" in panel.words.text()
    panel.set_held(False)
    qtbot.waitUntil(lambda: panel.table()[1][0][2] < 1000, timeout=WAIT_MS)


def test_colors_can_be_logarithmic(panel: MatrixPanel) -> None:
    panel.log_box.setChecked(True)
    # 12 000 pairs a second: the scale ends at 20 000 and reaches over four decades.
    assert panel.picture._levels == pytest.approx((math.log10(20_000) - 4, math.log10(20_000)))
