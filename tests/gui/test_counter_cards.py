"""Counter cards: what they say, and what they say when there is nothing to say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.counter_card import Reading, TrendMemory, reading_of, trend_word
from labctl.gui.counter_cards import CounterCards
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 10_000
BETWEEN_STATIONS = ["alice_h-bob_h", "alice_h-bob_v", "alice_v-bob_h", "alice_v-bob_v"]


class Source(QObject):
    updated = Signal(str, object)
    state_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.state = "connected"
        self.latest: dict[str, Any] = {}

    def tell(self, tagger: dict[str, Any]) -> None:
        self.latest["rates"] = {"taggers": {"tagger": {"error": "", "skipped": 0, **tagger}}}
        self.updated.emit("rates", self.latest["rates"])


def rates(rate_hz: float | None, live_s: float = 1.0, **others: Any) -> dict[str, Any]:
    sigma_hz = None if rate_hz is None else math.sqrt(rate_hz)
    entry = {"rate_hz": rate_hz, "sigma_hz": sigma_hz}
    chance = {"accidentals_hz": 12.0, "accidentals_sigma_hz": 0.1}
    return {
        "live_s": live_s,
        "lost": 0,
        "detectors": {"a": entry, "b": entry},
        "pairs": {"a-b": {**entry, **chance}},
        **others,
    }


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def cards(source: Source, theme: Theme, qtbot: QtBot) -> CounterCards:
    made = CounterCards(source, theme)
    qtbot.addWidget(made)
    made.resize(800, 120)
    made.show()
    return made


def test_every_pair_between_stations_has_a_card_with_its_live_rate(
    link: ServiceLink, theme: Theme, lit: LabClient, qtbot: QtBot
) -> None:
    assert lit.get("pump.emission")
    cards = CounterCards(link, theme)
    qtbot.addWidget(cards)
    cards.show()

    def counts_pairs() -> None:
        names, (row,) = cards.table()
        # 5 mW give 12 000 pairs a second in the correlated outputs of the default bench.
        assert row[names.index("alice_h-bob_h rate_hz")] > 10_000

    qtbot.waitUntil(counts_pairs, timeout=WAIT_MS)
    assert list(cards.cards) == BETWEEN_STATIONS
    card = cards.cards["alice_h-bob_h"]
    assert card.sigma_label.text().startswith("± ")
    assert card.sigma_label.text().endswith(" /s")
    assert card.detail_label.text().startswith("acc ")


def test_singles_can_be_chosen_and_no_more_than_eight_cards(
    link: ServiceLink, theme: Theme, qtbot: QtBot
) -> None:
    cards = CounterCards(link, theme)
    qtbot.addWidget(cards)
    qtbot.waitUntil(lambda: len(cards.cards) == 4, timeout=WAIT_MS)
    items = [cards.chooser.list.item(row) for row in range(cards.chooser.list.count())]
    assert [item.text() for item in items[4:]] == ["alice_h", "alice_v", "bob_h", "bob_v"]
    for item in items:
        item.setCheckState(Qt.CheckState.Checked)
    assert len(cards.cards) == 8
    cards.chooser.filter.setText("alice_v bob")
    assert [i.text() for i in items if not i.isHidden()] == ["alice_v-bob_h", "alice_v-bob_v"]


def test_more_than_fits_is_refused_with_a_word(cards: CounterCards, source: Source) -> None:
    entry = {"rate_hz": 1.0, "sigma_hz": 1.0}
    source.tell({**rates(1.0), "pairs": {}, "detectors": {f"d{n}": entry for n in range(9)}})
    assert len(cards.cards) == 8
    cards.chooser.list.item(8).setCheckState(Qt.CheckState.Checked)
    assert len(cards.cards) == 8
    assert "no more than 8" in cards.chooser.hint.text()


def test_a_rate_is_written_with_the_digits_its_uncertainty_justifies(
    cards: CounterCards, source: Source
) -> None:
    source.tell(rates(1921.0))
    card = cards.cards["a-b"]
    assert (card.value_label.text(), card.sigma_label.text()) == ("1\u202f921", "± 44 /s")
    assert card.detail_label.text() == "acc 12.00 ± 0.10 /s"


def test_without_live_time_there_is_a_dash_and_a_word(cards: CounterCards, source: Source) -> None:
    source.tell(rates(None, live_s=0.0))
    card = cards.cards["a-b"]
    assert card.value_label.text() == "–"
    assert "no live time" in card.detail_label.text()
    assert "no live time" in cards.words.text()


@pytest.mark.parametrize(
    ("tagger", "word"),
    [
        ({"error": "the cable is out"}, "NO STREAM, the cable is out"),
        ({"skipped": 3}, "display skipped tags 3 times"),
        ({"lost": 17}, "17 tags LOST"),
    ],
)
def test_what_is_wrong_with_the_stream_is_said(
    cards: CounterCards, source: Source, tagger: dict[str, Any], word: str
) -> None:
    source.tell({**rates(100.0), **tagger})
    assert word in cards.words.text()


def test_a_service_that_is_gone_leaves_values_that_say_they_are_old(
    cards: CounterCards, source: Source
) -> None:
    source.tell(rates(100.0))
    source.state = "gone"
    source.state_changed.emit("gone")
    assert "SERVICE GONE" in cards.words.text()
    assert cards.cards["a-b"].trend_label.text() == "OLD"
    assert cards.cards["a-b"].value_label.text() == "100"


def test_held_numbers_stand_still_and_say_so(cards: CounterCards, source: Source) -> None:
    source.tell(rates(100.0))
    cards.set_held(is_held=True)
    source.tell(rates(400.0))
    assert cards.cards["a-b"].value_label.text() == "100"
    assert "HELD" in cards.words.text()
    cards.set_held(is_held=False)
    assert cards.cards["a-b"].value_label.text() == "400"
    assert "HELD" not in cards.words.text()


def test_space_holds_except_where_it_is_typed_and_ctrl_b_enlarges(
    source: Source, theme: Theme, qtbot: QtBot
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    commands = Commands(window)
    cards = CounterCards(source, theme, commands)
    note = QLineEdit()
    layout = QVBoxLayout(window)
    layout.addWidget(cards)
    layout.addWidget(note)
    window.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    window.show()
    window.activateWindow()
    source.tell(rates(100.0))
    window.setFocus()
    qtbot.waitUntil(window.hasFocus)
    QTest.keyClick(window, Qt.Key.Key_Space)
    assert cards.hold_button.isChecked()
    note.setFocus()
    qtbot.waitUntil(note.hasFocus)
    QTest.keyClick(note, Qt.Key.Key_Space)
    assert (cards.hold_button.isChecked(), note.text()) == (True, " ")
    before = cards.cards["a-b"].value_label.font().pointSizeF()
    QTest.keyClick(note, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert cards.cards["a-b"].value_label.font().pointSizeF() > 2 * before


def test_a_trend_is_a_difference_that_is_no_chance() -> None:
    # Three standard deviations of the difference of two rates of sigma 30 are 127.3.
    assert trend_word((1128.0, 30.0), (1000.0, 30.0)) == "▲ up"
    assert trend_word((1127.0, 30.0), (1000.0, 30.0)) == "▶ steady"
    assert trend_word((872.0, 30.0), (1000.0, 30.0)) == "▼ down"
    assert trend_word((872.0, 30.0), None) == ""


@pytest.mark.parametrize("interval_s", [1.0, 20.0])
def test_a_trend_compares_intervals_that_do_not_overlap(interval_s: float) -> None:
    memory = TrendMemory()
    for tenth in range(600):
        memory.add(tenth / 10, Reading(1000.0 + tenth, 1.0))
        has_past = tenth / 10 >= max(5.0, 1.1 * interval_s)
        assert memory.word(interval_s) == ("▲ up" if has_past else "")


def test_a_card_knows_pairs_and_singles_and_says_what_is_not_counted() -> None:
    told = {"taggers": {"tagger": {"error": "", **rates(9.0)}}}
    assert reading_of(told, "a") == Reading(9.0, 3.0)
    assert reading_of(told, "a-b").accidentals == "acc 12.00 ± 0.10 /s"
    assert reading_of(told, "a-z").word == "not counted"
    assert reading_of(None, "a").word == "not counted"


def test_hidden_cards_draw_nothing_until_they_are_shown(
    cards: CounterCards, source: Source
) -> None:
    source.tell(rates(100.0))
    cards.hide()
    source.tell(rates(200.0))
    assert cards.cards["a-b"].value_label.text() == "100"
    cards.show()
    assert cards.cards["a-b"].value_label.text() == "200"
