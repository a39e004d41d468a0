"""The devices window on a real service: which instrument is there, and how to get it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.devices_model import device_state
from labctl.gui.devices_window import DevicesWindow
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 10_000
Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)


@pytest.fixture
def window(
    link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot, until: Until
) -> Iterator[DevicesWindow]:
    parent = QWidget()
    qtbot.addWidget(parent)
    made = DevicesWindow(link, theme, commands, parent)
    commands.do("devices")
    until(lambda: made.model.rows)
    yield made
    made.close()


def place_of(window: DevicesWindow, name: str) -> int:
    return [row.name for row in window.model.rows].index(name)


def texts_of(window: DevicesWindow, name: str) -> tuple[str, ...]:
    return window.model.rows[place_of(window, name)].texts


def test_every_instrument_is_there_with_what_is_known_of_it(
    window: DevicesWindow, client: LabClient, until: Until
) -> None:
    assert [row.name for row in window.model.rows] == list(client.parameters())
    until(lambda: texts_of(window, "pump")[1] == "✔ connected")
    assert texts_of(window, "pump")[2:] == (
        "SIMULATED",
        "none",
        "laser",
        "HÜBNER Photonics Cobolt 06-01 serial 26417",
        "cobolt_06",
        "ASRL/dev/ttyUSB0::INSTR",
    )


def test_a_lost_instrument_is_said_checked_and_reconnected_by_the_keyboard(
    window: DevicesWindow, client: LabClient, until: Until
) -> None:
    client.fault("bob_hwp", "unplug")
    until(lambda: texts_of(window, "bob_hwp")[1] == "✖ lost")
    until(lambda: "active" in texts_of(window, "bob_hwp")[3])
    window.table.selectRow(place_of(window, "bob_hwp"))
    assert "unplugged" in window.details.text()
    QTest.keyClick(window.table, Qt.Key.Key_Return)
    until(lambda: "unplugged" in window.notice.text())
    client.fault("bob_hwp", "plug")
    QTest.keyClick(window.reconnect_button, Qt.Key.Key_Space)
    until(lambda: window.notice.text().startswith("bob_hwp answers: Thorlabs K10CR1"))
    until(lambda: texts_of(window, "bob_hwp")[1] == "✔ connected")


def test_a_tagger_is_checked_while_the_live_display_streams(
    window: DevicesWindow, until: Until
) -> None:
    window.table.selectRow(place_of(window, "tagger"))
    window.check_button.click()
    until(lambda: window.notice.text().startswith("tagger answers: S-Fifteen"))


def test_nothing_is_reconnected_while_another_client_holds_control(
    window: DevicesWindow, client: LabClient, until: Until
) -> None:
    client.take_control()
    until(lambda: not window.reconnect_button.isEnabled())
    assert "script holds control" in window.reconnect_button.toolTip()
    assert window.check_button.isEnabled(), "looking is free"
    client.release_control()
    until(window.reconnect_button.isEnabled)


def test_a_lost_instrument_comes_back_by_itself_and_says_so_meanwhile(
    window: DevicesWindow, client: LabClient, until: Until
) -> None:
    client.fault("pump_meter", "unplug")
    window.table.selectRow(place_of(window, "pump_meter"))
    until(lambda: "Lost; trying again every" in window.details.text())
    client.fault("pump_meter", "plug")
    until(lambda: texts_of(window, "pump_meter")[1] == "✔ connected")
    until(lambda: "active" not in texts_of(window, "pump_meter")[3])


def test_a_laser_is_told_to_clear_its_fault_by_the_keyboard(
    window: DevicesWindow, client: LabClient, until: Until
) -> None:
    client.fault("pump", "trip", fault=1)
    window.table.selectRow(place_of(window, "pump"))
    until(window.actions_button.isEnabled)
    menu = window.actions_button.menu()
    menu.popup(window.mapToGlobal(window.actions_button.pos()))
    assert [action.text() for action in menu.actions()] == [
        "&Clear fault: Clear a fault whose cause was removed; emission stays off."
    ]
    QTest.keyClick(menu, Qt.Key.Key_C)
    until(lambda: window.notice.text() == "pump: clear_fault done")
    assert client.get("pump.fault") == "none"
    window.table.selectRow(place_of(window, "pump_meter"))
    until(lambda: not window.actions_button.isEnabled())
    assert "it has nothing to do" in window.actions_button.toolTip()


def test_what_safe_lowered_is_set_again_after_a_question(
    window: DevicesWindow, commands: Commands, client: LabClient, until: Until
) -> None:
    client.set("snspd.bias_ua", [10.0] * 4)
    client.make_safe()
    commands.do("safety.restore")
    until(window.restore_row.isVisible)
    assert "snspd.bias_ua to 10, 10, 10, 10 µA" in window.restore_row.text.text()
    assert client.get("snspd.bias_ua") == [0.0] * 4, "asking changes nothing"
    QTest.keyClick(window.restore_row.yes_button, Qt.Key.Key_Space)
    until(lambda: window.notice.text() == "set again: snspd.bias_ua")
    assert client.get("snspd.bias_ua") == pytest.approx([10.0] * 4)
    assert client.get("pump.emission") is False
    commands.do("safety.restore")
    until(lambda: window.notice.text() == "nothing is lowered for safety")


def test_the_state_is_in_words() -> None:
    fresh = {"state": "fresh"}
    stale, error = {"state": "stale"}, {"state": "error"}
    assert device_state("connected", {"a": fresh, "b": fresh}) == "✔ connected"
    assert device_state("connected", {"a": stale, "b": stale}) == "◌ stale, not read now"
    assert device_state("connected", {"a": error, "b": error}) == "✖ lost"
    assert "1 of 2 values" in device_state("connected", {"a": fresh, "b": error})
    assert device_state("gone", {"a": fresh}) == "? unknown, no service"
    assert device_state("connected", {}) == "? not read yet"
