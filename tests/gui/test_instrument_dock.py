"""The instrument dock on a real service: what is set arrives, and what is read back is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.instrument_dock import InstrumentDock
from labctl.gui.link import ServiceLink
from labctl.gui.setting_menu import fill_menu
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 10_000
Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)


@pytest.fixture
def dock(
    link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot, until: Until
) -> InstrumentDock:
    made = InstrumentDock(link, theme, commands)
    qtbot.addWidget(made)
    made.resize(400, 700)
    made.show()
    until(lambda: len(made.groups) == 6 and made.row("pump.power_mw").editor.text())
    return made


def enter(edit: Any, text: str) -> None:
    edit.selectAll()
    QTest.keyClicks(edit, text)
    QTest.keyClick(edit, Qt.Key.Key_Return)


def test_there_is_a_row_for_every_setting_and_reading(
    dock: InstrumentDock, client: LabClient
) -> None:
    described = client.parameters()
    assert {n: set(g.rows) for n, g in dock.groups.items()} == {
        name: set(facts["parameters"]) for name, facts in described.items()
    }
    assert dock.row("pump.power_mw").editor.limits == (0.0, 20.0)
    assert dock.row("pump.output_mw").editor is None
    for group in dock.groups.values():
        for row in group.rows.values():
            assert row.editor is None or row.path in row.details()


def test_a_number_is_set_by_enter_and_read_back(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.power_mw")
    row.editor.selectAll()
    QTest.keyClicks(row.editor, "7.5")
    assert "not set yet" in row.note.text()
    assert client.get("pump.power_mw") == 5.0
    QTest.keyClick(row.editor, Qt.Key.Key_Return)
    until(lambda: row.read_back.text() == "7.5 mW")
    assert client.get("pump.power_mw") == 7.5
    dock.undo()
    until(lambda: row.read_back.text() == "5 mW")
    assert client.get("pump.power_mw") == 5.0


def test_what_a_script_sets_is_shown_without_making_a_row_anew(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.power_mw")
    client.set("pump.power_mw", 6.0)
    until(lambda: row.editor.text() == "6 mW" and row.read_back.text() == "6 mW")
    client.set("pump.power_mw", 5.0)
    until(lambda: row.editor.text() == "5 mW")
    assert dock.row("pump.power_mw") is row


def test_a_refusal_is_shown_at_the_row_and_the_former_set_point_holds(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("alice_hwp.angle_deg")
    client.fault("alice_hwp", "unplug")
    until(lambda: "error" in row.read_back.text())
    enter(row.editor, "10")
    until(lambda: "unplugged" in row.note.text() and not row.editor.has_draft)
    assert row.shown_value != 10.0
    until(lambda: "cannot be reached" in dock.groups["alice_hwp"].state.text())
    client.fault("alice_hwp", "plug")
    client.reconnect_instrument("alice_hwp")
    until(lambda: "°" in row.read_back.text() and "error" not in row.read_back.text())


def test_holding_a_step_key_ends_where_it_was_let_go_and_is_one_undo(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("snspd.measurement_period_ms")
    for _ in range(8):
        QTest.keyClick(row.editor, Qt.Key.Key_Up)
    until(lambda: row.read_back.text() == "180 ms")
    assert client.get("snspd.measurement_period_ms") == 180.0
    dock.undo()
    until(lambda: row.read_back.text() == "100 ms")


def test_one_channel_of_a_list_is_set(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("snspd.trigger_level_mv")
    until(lambda: len(row.editor.edits) == 4)
    enter(row.editor.edits[2], "30")
    until(lambda: client.get("snspd.trigger_level_mv") == [25.0, 25.0, 30.0, 25.0])
    until(lambda: row.read_back.text() == "25, 25, 30, 25 mV")
    dock.undo()
    until(lambda: client.get("snspd.trigger_level_mv") == [25.0] * 4)


def test_a_move_tells_how_far_it_has_come(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("bob_hwp.angle_deg")
    enter(row.editor, "6")
    until(lambda: row.note.text().startswith("moving …"))
    assert row.note.text().endswith("of 6 °")
    until(lambda: row.read_back.text() == "6 °" and not row.note.text())
    client.set("bob_hwp.angle_deg", 0.0)


def test_emission_is_armed_switched_on_and_off_at_once(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.emission")
    QTest.mouseClick(row.editor.arm_button, Qt.MouseButton.LeftButton)
    assert client.get("pump.emission") is False
    QTest.mouseClick(row.editor.on_button, Qt.MouseButton.LeftButton)
    until(lambda: row.read_back.text() == "▲ ON")
    assert client.get("pump.emission") is True
    assert dock.history.last_of("pump.emission") is None, "emission is never undone"
    QTest.mouseClick(row.editor.off_button, Qt.MouseButton.LeftButton)
    until(lambda: row.read_back.text() == "○ off")
    assert client.get("pump.emission") is False


def test_all_off_calls_off_what_was_about_to_be_switched_on(
    dock: InstrumentDock, link: ServiceLink, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.emission")
    # Both wait behind a bias ramp of some seconds; light must not follow the order to be dark.
    dock.row("snspd.bias_ua").editor.committed.emit([8.0] * 4)
    row.editor.arm()
    row.editor.on_button.click()
    reports: list[Any] = []
    link.make_safe(reports.append)
    until(lambda: reports and "switched off" in row.note.text())
    assert client.get("pump.emission") is False
    client.set("snspd.bias_ua", [10.0] * 4)


def test_a_key_that_is_off_is_said_and_keeps_emission_off(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.emission")
    client.fault("pump", "key")
    until(lambda: not row.editor.arm_button.isEnabled())
    assert "the key of pump is off" in row.note.text()
    assert row.editor.off_button.isEnabled()
    client.fault("pump", "key", is_removed=False)
    until(row.editor.arm_button.isEnabled)


def test_settings_are_locked_while_another_client_holds_control(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.power_mw")
    client.take_control()
    until(lambda: not row.editor.isEnabled())
    assert "script holds control" in dock.lock.text.text()
    assert dock.lock.isVisible()
    assert "script holds control" in row.toolTip()
    assert dock.row("pump.emission").editor.off_button.isEnabled()
    client.release_control()
    until(lambda: row.editor.isEnabled() and not dock.lock.isVisible())


def test_settings_are_locked_during_a_run_until_they_are_unlocked(
    dock: InstrumentDock, client: LabClient, until: Until
) -> None:
    row = dock.row("pump.power_mw")
    run = client.start("counting", {"dwell_s": 20.0, "points": 5})
    until(lambda: not row.editor.isEnabled())
    assert "a run is under way" in dock.lock.text.text()
    dock.lock.unlock.click()
    assert row.editor.isEnabled()
    run.abort("enough")
    until(lambda: run.wait(0) is not None and not dock.lock.isVisible())
    assert not dock.lock.unlock.isChecked()


def test_undo_leaves_alone_what_somebody_else_has_set_since(
    dock: InstrumentDock, client: LabClient, commands: Commands, until: Until
) -> None:
    row = dock.row("pump.power_mw")
    enter(row.editor, "6")
    until(lambda: dock.history.last is not None and row.read_back.text() == "6 mW")
    client.set("pump.power_mw", 5.0)
    until(lambda: row.editor.text() == "5 mW")
    said: list[str] = []
    commands.refused.connect(said.append)
    commands.do("setting.undo")
    assert "otherwise since" in said[0]
    assert client.get("pump.power_mw") == 5.0
    commands.do("setting.undo")
    assert "nothing was set in this window" in said[1]


def test_a_row_is_copied_from_its_menu(dock: InstrumentDock) -> None:
    row = dock.row("pump.power_mw")
    menu = fill_menu(row)
    next(a for a in menu.actions() if "script" in a.text()).trigger()
    assert QGuiApplication.clipboard().text() == 'lab.set("pump.power_mw", 5.0)'


def test_searching_leaves_the_rows_that_all_words_are_found_in(dock: InstrumentDock) -> None:
    dock.search.setText("pump interlock")
    shown = [
        row.path for g in dock.groups.values() for row in g.rows.values() if row.isVisibleTo(dock)
    ]
    assert shown == ["pump.interlock_is_open"]
    dock.search.clear()
    assert dock.row("alice_hwp.angle_deg").isVisibleTo(dock)


def test_values_of_a_service_that_is_gone_look_old(dock: InstrumentDock, link: ServiceLink) -> None:
    link.state = "gone"
    link.state_changed.emit("gone")
    row = dock.row("pump.power_mw")
    assert row.read_back.text() == "5 mW · old"
    assert not row.editor.isEnabled()
    assert "UNKNOWN" in dock.row("pump.emission").read_back.text()
    assert "the service is gone" in dock.lock.text.text()


def test_a_hidden_dock_shows_the_newest_when_it_is_shown(
    dock: InstrumentDock, link: ServiceLink, client: LabClient, until: Until
) -> None:
    dock.hide()
    client.set("pump.power_mw", 4.0)
    until(lambda: link.latest["instruments"]["pump"]["power_mw"]["value"] == 4.0)
    dock.show()
    assert dock.row("pump.power_mw").editor.text() == "4 mW"
    client.set("pump.power_mw", 5.0)
