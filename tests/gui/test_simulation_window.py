"""The Simulation window: faults and hidden parameters of a simulated laboratory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.simulation_window import SimulationWindow
from labctl.gui.theme import LIGHT, Theme
from labctl.service import LabClient
from tests.gui.conftest import WAIT_MS


@pytest.fixture
def window(
    link: ServiceLink, theme: Theme, commands: Commands, client: LabClient, qtbot: QtBot
) -> Iterator[SimulationWindow]:
    """The window, opened by its command; what still is wrong at the end is mended."""
    host = QWidget()
    qtbot.addWidget(host)
    opened = SimulationWindow(link, theme, commands, host)
    commands.do("simulation")
    qtbot.waitUntil(lambda: bool(opened.places.names()), timeout=WAIT_MS)
    yield opened
    opened.close()
    for fault in client.faults()["standing"]:
        client.fault(fault["name"], fault["mended_by"], **fault["mending"])


def knobs_of(client: LabClient, place: str) -> dict[str, Any]:
    """Return the present parameters of a part of the world."""
    (change,) = [f for f in client.faults(place)["faults"] if f["kind"] == "change"]
    return {argument["name"]: argument["default"] for argument in change["arguments"]}


def go_to(window: SimulationWindow, place: str, qtbot: QtBot) -> None:
    """Select a place and wait until the window knows what can go wrong there."""
    window.places.select(place)
    qtbot.waitUntil(lambda: bool(window._kinds) and window.place == place, timeout=WAIT_MS)


def test_a_fault_happens_with_its_arguments_is_listed_and_is_mended(
    window: SimulationWindow, client: LabClient, qtbot: QtBot
) -> None:
    go_to(window, "pump", qtbot)
    window.form.kind.setCurrentText("interlock")
    switch = window.form.editor("is_open")
    assert isinstance(switch, QCheckBox)
    assert switch.isChecked()
    window.form.button.click()
    qtbot.waitUntil(lambda: window.standing.faults() == [("pump", "interlock")], timeout=WAIT_MS)
    assert client.get("pump.interlock_is_open") is True
    assert not window.standing.mend_button.isEnabled()
    assert window.standing.mend_button.toolTip() == "select a row first"
    window.standing.table.selectRow(0)
    window.standing.mend_button.click()
    qtbot.waitUntil(lambda: not window.standing.faults(), timeout=WAIT_MS)
    assert client.get("pump.interlock_is_open") is False
    assert window.standing.words.text() == "✔ Nothing is wrong"


def test_faults_of_other_clients_are_listed_and_everything_is_mended_at_once(
    window: SimulationWindow, client: LabClient, qtbot: QtBot
) -> None:
    client.fault("alice_hwp", "stick")
    client.fault("snspd", "darks", channel=2, factor=50.0)
    expected = [("alice_hwp", "stick"), ("alice_v", "change")]
    qtbot.waitUntil(lambda: window.standing.faults() == expected, timeout=WAIT_MS)
    window.standing.all_button.click()
    qtbot.waitUntil(lambda: not window.standing.faults(), timeout=WAIT_MS)
    assert client.faults()["standing"] == []


def test_a_number_that_is_none_lets_nothing_happen(
    window: SimulationWindow, client: LabClient, qtbot: QtBot
) -> None:
    go_to(window, "bob_hwp", qtbot)
    window.form.kind.setCurrentText("delay")
    line = window.form.editor("delay_s")
    assert isinstance(line, QLineEdit)
    line.setText("long")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert '"long" is not' in window.form.notice.text()
    assert line.text() == "long"
    assert client.faults()["standing"] == []


def test_a_hidden_parameter_is_shown_changed_and_put_back(
    window: SimulationWindow, client: LabClient, qtbot: QtBot
) -> None:
    before = knobs_of(client, "alice")["loss_db"]
    go_to(window, "alice", qtbot)
    window.knobs.set_value("loss_db", "9.5")
    qtbot.waitUntil(lambda: window.standing.faults() == [("alice", "change")], timeout=WAIT_MS)
    assert knobs_of(client, "alice")["loss_db"] == 9.5
    qtbot.waitUntil(window.restore_button.isEnabled, timeout=WAIT_MS)
    window.restore_button.click()
    qtbot.waitUntil(lambda: not window.standing.faults(), timeout=WAIT_MS)
    assert knobs_of(client, "alice")["loss_db"] == before


def test_a_value_outside_the_limits_of_the_world_is_refused_in_words(
    window: SimulationWindow, client: LabClient, qtbot: QtBot
) -> None:
    before = knobs_of(client, "alice_h")
    go_to(window, "alice_h", qtbot)
    window.knobs.set_value("efficiency", "1.5")
    qtbot.waitUntil(lambda: "efficiency" in window.notice.text(), timeout=WAIT_MS)
    window.knobs.set_value("dark_rate_hz", "many")
    assert "dark_rate_hz" in window.notice.text()
    assert '"many" is not' in window.notice.text()
    assert knobs_of(client, "alice_h") == before


def test_another_operator_keeps_the_world_as_it_is(
    window: SimulationWindow, client: LabClient, qtbot: QtBot
) -> None:
    go_to(window, "pump", qtbot)
    client.take_control()
    qtbot.waitUntil(lambda: not window.form.button.isEnabled(), timeout=WAIT_MS)
    assert window.form.button.toolTip() == "script holds control"
    assert "script holds control" in window.form.doc.text()
    assert "script holds control" in window.knobs_hint.text()
    client.release_control()
    qtbot.waitUntil(window.form.button.isEnabled, timeout=WAIT_MS)


def test_everything_has_a_name_and_fits_1280_by_720_in_a_large_font(
    window: SimulationWindow, theme: Theme, qtbot: QtBot
) -> None:
    go_to(window, "snspd", qtbot)
    window.form.kind.setCurrentText("garble")
    theme.set(LIGHT, is_large=True)
    hint = window.minimumSizeHint()
    assert hint.width() <= 1280
    assert hint.height() <= 720
    inputs = [
        *window.findChildren(QAbstractButton),
        *window.findChildren(QComboBox),
        *window.findChildren(QLineEdit),
    ]
    assert not [i for i in inputs if not i.accessibleName() and i.isVisible()]
    theme.set(theme.colors, is_large=False)


def test_without_a_simulated_instrument_the_command_says_why(
    link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot
) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    window = SimulationWindow(link, theme, commands, host)
    link.latest["service"] = {"simulated": False}
    with qtbot.waitSignal(commands.refused) as told:
        commands.do("simulation")
    assert told.args == ["Simulation: no instrument of this laboratory is simulated"]
    assert not window.isVisible()
