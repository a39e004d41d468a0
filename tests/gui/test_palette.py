from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from labctl.errors import LimitError
from labctl.gui.commands import Command, Commands
from labctl.gui.fuzzy import fuzzy_score
from labctl.gui.help_window import HelpWindow
from labctl.gui.instrument_dock import InstrumentDock
from labctl.gui.link import ServiceLink
from labctl.gui.palette import CommandPalette
from labctl.gui.set_line import SetLine, parse_set, parse_value
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 15_000


def described(kind: str = "number", **more: Any) -> dict[str, Any]:
    found = {
        "unit": "mW",
        "is_settable": True,
        "is_emission": False,
        "type": kind,
        "limits": [0, 20],
        "choices": None,
    }
    return found | more


def test_letters_in_order_fit_and_beginnings_of_words_fit_best() -> None:
    assert fuzzy_score("xyz", "Start run") is None
    assert fuzzy_score("rs", "Start") is None
    assert fuzzy_score("", "Start run") == 0
    scores = {text: fuzzy_score("sr", text) for text in ("Start run", "Observer", "Is here")}
    assert all(score is not None for score in scores.values())
    assert max(scores, key=lambda text: scores[text] or 0) == "Start run"


def test_a_typed_line_sets_a_setting_or_nothing() -> None:
    assert parse_set("set pump.power_mw 5") == SetLine("pump.power_mw", "5")
    assert parse_set("SET pump.power_mw = 5") == SetLine("pump.power_mw", "5")
    assert parse_set("set") == SetLine("", "")
    assert parse_set("setting") is None
    assert parse_set("") is None


def test_typed_values_become_what_the_setting_takes() -> None:
    assert parse_value("pump.power_mw", described(), "5") == 5.0
    assert parse_value("pump.power_mw", described(), "5mW") == 5.0
    assert parse_value("x.bias_ua", described("numbers"), "1, 2,3") == [1.0, 2.0, 3.0]
    assert parse_value("x.gate", described("switch", limits=None), "off") is False
    choice = described("choice", limits=None, choices=["low", "high"])
    assert parse_value("x.mode", choice, "low") == "low"


@pytest.mark.parametrize(
    ("setting", "text", "said"),
    [
        (described(), "50", "pump.power_mw = 50 mW is outside 0 mW to 20 mW"),
        (described(), "five", '"five" is no number; pump.power_mw takes one in mW'),
        (described(), "nan", "finite"),
        (described(), "1 2", "one number, not 2"),
        (described(is_settable=False), "5", "can only be read"),
        (described("switch", is_emission=True), "on", "takes arming"),
        (described("switch"), "maybe", "on or off, not maybe"),
        (described("choice", choices=["low"]), "lwo", "one of low, not lwo"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(
    setting: dict[str, Any], text: str, said: str
) -> None:
    with pytest.raises(LimitError, match=said):
        parse_value("pump.power_mw", setting, text)


class Desk:
    """A window with a palette and a field that has the keyboard."""

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        self.window = QMainWindow()
        self.field = QLineEdit()
        self.window.setCentralWidget(self.field)
        self.window.resize(900, 600)
        self.done: list[str] = []
        self.commands = Commands(self.window)
        self.palette = CommandPalette(self.window, self.commands, theme, link)
        for command in (
            Command("palette", "Command palette", self.palette.open_, "Ctrl+K", "View"),
            Command("run.start", "Start run", lambda: self.done.append("start"), "F5", "Run"),
            Command("run.pause", "Pause run", self.refuse, "F6", "Run", lambda: "no run"),
        ):
            self.commands.add(command)

    def refuse(self) -> None:
        raise AssertionError

    def texts(self) -> list[str]:
        entries = self.palette.entries
        return [entries.entry(row).text for row in range(entries.rowCount())]

    def type(self, text: str) -> None:
        self.palette.input.clear()
        QTest.keyClicks(self.palette.input, text)

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(self.palette.input, key)


@pytest.fixture
def desk(link: ServiceLink, theme: Theme, qtbot: QtBot) -> Desk:
    made = Desk(link, theme)
    qtbot.addWidget(made.window)
    made.window.show()
    made.field.setFocus()
    made.palette.open_()
    qtbot.waitUntil(lambda: bool(made.palette._settings), timeout=WAIT_MS)
    return made


def test_a_command_is_found_by_letters_and_done_by_enter(desk: Desk) -> None:
    desk.type("strt")
    assert desk.texts()[0] == "Start run"
    desk.press(Qt.Key.Key_Return)
    assert desk.done == ["start"]
    assert not desk.palette.isVisible()


def test_what_cannot_be_done_now_says_why_and_is_not_done(desk: Desk) -> None:
    desk.type("pause")
    assert "not now: no run" in desk.palette.entries.entry(0).spoken
    desk.press(Qt.Key.Key_Return)
    assert desk.palette.told.text() == "Pause run: no run"
    assert desk.palette.isVisible()


def test_escape_gives_the_keyboard_back(desk: Desk) -> None:
    desk.press(Qt.Key.Key_Escape)
    assert not desk.palette.isVisible()
    assert desk.window.focusWidget() is desk.field


def test_a_typed_value_arrives_at_the_instrument(
    desk: Desk, client: LabClient, qtbot: QtBot
) -> None:
    desk.type("pump.pow")
    assert desk.texts()[0].startswith("set pump.power_mw")
    desk.press(Qt.Key.Key_Tab)
    assert desk.palette.input.text() == "set pump.power_mw "
    QTest.keyClicks(desk.palette.input, "3.5")
    desk.press(Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: desk.palette.told.text() == "pump.power_mw reads back 3.5 mW", timeout=WAIT_MS
    )
    assert client.get("pump.power_mw") == pytest.approx(3.5)


def test_a_typed_value_is_undone_as_one_that_was_set_in_the_dock(
    link: ServiceLink, theme: Theme, client: LabClient, qtbot: QtBot, desk: Desk
) -> None:
    client.set("pump.power_mw", 5.0)
    dock = InstrumentDock(link, theme, desk.commands)
    qtbot.addWidget(dock)
    dock.show()
    qtbot.waitUntil(lambda: "pump" in dock.groups, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: dock.row("pump.power_mw").shown_value == 5.0, timeout=WAIT_MS)
    desk.palette.set_through(dock.requests, lambda path: dock.row(path).shown_value)
    desk.type("set pump.power_mw 3.5")
    desk.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "reads back 3.5" in desk.palette.told.text(), timeout=WAIT_MS)
    assert dock.row("pump.power_mw").set_point == 3.5
    desk.commands.do("setting.undo")
    qtbot.waitUntil(lambda: client.get("pump.power_mw") == pytest.approx(5.0), timeout=WAIT_MS)
    assert dock.history.last is None
    # Emission that was typed off is not switched on by undoing.
    client.set("pump.emission", True, arm=True)
    desk.type("set pump.emission off")
    desk.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "reads back off" in desk.palette.told.text(), timeout=WAIT_MS)
    assert dock.history.last is None


def test_nothing_is_set_while_somebody_types_or_beyond_a_limit(
    desk: Desk, client: LabClient
) -> None:
    before = client.get("pump.power_mw")
    desk.type("set pump.power_mw 500")
    assert client.get("pump.power_mw") == before
    desk.press(Qt.Key.Key_Return)
    assert "outside" in desk.palette.told.text()
    assert client.get("pump.power_mw") == before


def test_emission_cannot_be_typed_on_but_off(desk: Desk, client: LabClient, qtbot: QtBot) -> None:
    client.set("pump.emission", True, arm=True)
    desk.type("set pump.emission on")
    desk.press(Qt.Key.Key_Return)
    assert "takes arming" in desk.palette.told.text()
    desk.type("set pump.emission off")
    desk.press(Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: client.get("pump.emission") is False, timeout=WAIT_MS)


def test_another_operator_is_named_as_the_reason(
    desk: Desk, client: LabClient, qtbot: QtBot
) -> None:
    client.take_control()
    try:
        qtbot.waitUntil(
            lambda: bool((desk.palette._link.latest["control"] or {}).get("operator")),
            timeout=WAIT_MS,
        )
        desk.type("set pump.power_mw 5")
        assert desk.palette.entries.entry(0).reason == "script holds control"
    finally:
        client.release_control()


def test_the_help_lists_every_command_and_finds_words(desk: Desk, qtbot: QtBot) -> None:
    shown = HelpWindow(desk.window, desk.commands)
    qtbot.addWidget(shown)
    shown.open_()
    assert {"Start run", "Pause run (not now: no run)"} <= set(visible(shown))
    shown.search.setText("pause F6")
    assert visible(shown) == ["Pause run (not now: no run)"]
    shown.search.setText("all lasers off")
    assert any("at once" in line for line in visible(shown))
    QTest.keyClick(shown.search, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def visible(shown: HelpWindow) -> list[str]:
    found = []
    tree = shown.tree
    for group in (tree.topLevelItem(n) for n in range(tree.topLevelItemCount())):
        assert group is not None
        for line in (group.child(n) for n in range(group.childCount())):
            assert line is not None
            if not line.isHidden() and not group.isHidden():
                found.append(line.text(1))
    return found
