"""The Align window: numbers against the best, and one actuator under the arrow keys."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.align_numbers import AlignNumber
from labctl.gui.align_window import AlignWindow
from labctl.gui.link import ServiceLink
from labctl.gui.theme import LIGHT, Theme
from labctl.service import LabClient
from tests.gui.conftest import WAIT_MS
from tests.gui.live_rates import rates

KEY = Qt.Key


@pytest.fixture
def window(link: ServiceLink, theme: Theme, qtbot: QtBot) -> Iterator[AlignWindow]:
    """The window, over the rotation mount of Alice."""
    host = QWidget()
    qtbot.addWidget(host)
    opened = AlignWindow(link, theme, host)
    opened.open_()
    qtbot.waitUntil(lambda: opened.actuator.chooser.count() > 0, timeout=WAIT_MS)
    opened.actuator.select("alice_hwp.angle_deg")
    yield opened
    opened.close()


def settle(window: AlignWindow, qtbot: QtBot) -> None:
    """Wait for the reply to the step under way."""
    qtbot.waitUntil(lambda: not window.actuator.moves.is_waiting, timeout=WAIT_MS)


def test_arrow_keys_move_the_selected_actuator_and_undo_brings_it_back(
    window: AlignWindow, client: LabClient, qtbot: QtBot
) -> None:
    client.set("pump.power_mw", 5.0)
    window.actuator.select("pump.power_mw")
    qtbot.waitUntil(lambda: window.actuator.moves.set_point == 5.0, timeout=WAIT_MS)
    QTest.keyClick(window.number.digits, KEY.Key_5)
    step = window.actuator.moves.step
    QTest.keyClick(window.number.digits, KEY.Key_Right)
    settle(window, qtbot)
    assert client.get("pump.power_mw") == pytest.approx(5.0 + step)
    QTest.keyClick(window.number.digits, KEY.Key_Down)
    settle(window, qtbot)
    QTest.keyClick(window.number.digits, KEY.Key_Down)
    settle(window, qtbot)
    assert client.get("pump.power_mw") == pytest.approx(5.0 - step)
    for _ in range(3):
        QTest.keyClick(window.number.digits, KEY.Key_Z, Qt.KeyboardModifier.ControlModifier)
        settle(window, qtbot)
    assert client.get("pump.power_mw") == pytest.approx(5.0)
    assert not window.actuator.undo_button.isEnabled()


def test_a_step_waits_for_the_reply_to_the_one_before(
    window: AlignWindow, client: LabClient, qtbot: QtBot
) -> None:
    client.set("pump.power_mw", 2.0)
    window.actuator.select("pump.power_mw")
    qtbot.waitUntil(lambda: window.actuator.moves.set_point == 2.0, timeout=WAIT_MS)
    step = window.actuator.moves.step
    for _ in range(5):
        QTest.keyClick(window.number.digits, KEY.Key_Up)
    assert "waits for the reply" in window.actuator.notice.text()
    settle(window, qtbot)
    assert client.get("pump.power_mw") == pytest.approx(2.0 + step)


def test_an_entry_of_an_array_moves_alone(
    window: AlignWindow, client: LabClient, qtbot: QtBot
) -> None:
    before = client.get("snspd.bias_ua")
    window.actuator.select("snspd.bias_ua[1]")
    window.actuator.moves.set_step(0.5)
    QTest.keyClick(window.number.digits, KEY.Key_Right)
    settle(window, qtbot)
    after = client.get("snspd.bias_ua")
    assert after[1] == pytest.approx(before[1] + 0.5)
    assert [after[i] for i in (0, 2, 3)] == pytest.approx([before[i] for i in (0, 2, 3)])
    window.actuator.moves.undo()
    settle(window, qtbot)


def test_limits_end_the_way_in_words(window: AlignWindow, client: LabClient, qtbot: QtBot) -> None:
    client.set("pump.power_mw", 0.0)
    window.actuator.select("pump.power_mw")
    qtbot.waitUntil(lambda: window.actuator.moves.set_point == 0.0, timeout=WAIT_MS)
    QTest.keyClick(window.number.digits, KEY.Key_Left)
    assert "at its limit, 0 mW" in window.actuator.notice.text()
    assert window.actuator.limits.text() == "0 to 20 mW"
    names = [window.actuator.chooser.itemText(i) for i in range(window.actuator.chooser.count())]
    assert "pump.power_mw" in names
    assert not [name for name in names if "emission" in name or "enabled" in name]


def test_another_operator_keeps_the_actuator_where_it_is(
    window: AlignWindow, client: LabClient, link: ServiceLink, qtbot: QtBot
) -> None:
    client.take_control()
    qtbot.waitUntil(
        lambda: bool((link.latest.get("control") or {}).get("operator")), timeout=WAIT_MS
    )
    before = window.actuator.moves.set_point
    QTest.keyClick(window.number.digits, KEY.Key_Right)
    assert "script holds control" in window.actuator.notice.text()
    assert window.actuator.moves.set_point == before
    qtbot.waitUntil(lambda: not window.actuator.on_button.isEnabled(), timeout=WAIT_MS)
    assert "script holds control" in window.actuator.on_button.toolTip()
    client.release_control()


def test_a_wrong_step_is_not_taken_and_keys_stay_with_the_editor_until_escape(
    window: AlignWindow,
) -> None:
    moves, line = window.actuator.moves, window.actuator.step_line
    before = moves.step
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, "-3")
    assert moves.step == before
    QTest.keyClick(line, KEY.Key_Return)
    assert moves.step == before
    assert "above 0" in window.actuator.notice.text()
    line.selectAll()
    QTest.keyClicks(line, "2.5")
    QTest.keyClick(line, KEY.Key_Return)
    assert moves.step == 2.5
    QTest.keyClick(line, KEY.Key_Escape)
    assert window.focusWidget() is window.number.digits


def test_the_bar_keeps_the_best_until_it_is_reset_and_has_a_target_once_entered(
    window: AlignWindow, link: ServiceLink
) -> None:
    link.updated.disconnect(window._take)
    view = window.number
    view.choose(AlignNumber("coincidences", "a-b"))
    for count in (500, 900, 700):
        link.latest["rates"] = rates(count)
        view.choose(AlignNumber("coincidences", "a-b"))
        view.take("rates")
    assert view.best == 900
    assert "best 900 ± 30 /s" in view.words.text()
    assert "now 77.8 % of it" in view.words.text()
    QTest.keyClick(window.number.digits, KEY.Key_R)
    assert math.isnan(view.best)
    view.wanted.setCurrentIndex(view.wanted.findData("lowest"))
    for count in (500, 400, 700):
        link.latest["rates"] = rates(count)
        view.take("rates")
    assert view.best == 400
    QTest.keyClicks(view.target_line, "1500")
    assert math.isnan(view.target)
    QTest.keyClick(view.target_line, KEY.Key_Return)
    assert view.target == 1500
    assert "target 1500 /s" in view.words.text()
    assert view.bar.span()[1] > 1500
    view.target_line.setText("much")
    QTest.keyClick(view.target_line, KEY.Key_Return)
    assert view.target == 1500
    assert '"much" is not' in view.trouble.text()


def test_space_holds_the_number_and_lets_it_go_on(
    window: AlignWindow, link: ServiceLink, qtbot: QtBot
) -> None:
    view = window.number
    view.choose(AlignNumber("singles", "alice_h"))
    qtbot.waitUntil(lambda: view.digits.digits != "–", timeout=WAIT_MS)
    QTest.keyClick(view.digits, KEY.Key_Space)
    assert "HELD" in view.trouble.text()
    held = view.digits.digits
    arrived: list[str] = []
    link.updated.connect(lambda topic, _: arrived.append(topic))
    qtbot.waitUntil(lambda: arrived.count("rates") > 3, timeout=WAIT_MS)
    assert view.digits.digits == held
    QTest.keyClick(view.digits, KEY.Key_Space)
    assert "HELD" not in view.trouble.text()


def test_it_goes_to_where_the_number_was_best_while_nothing_moved(
    window: AlignWindow, link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    client.set("pump.power_mw", 6.0)
    window.actuator.select("pump.power_mw")
    moves = window.actuator.moves
    qtbot.waitUntil(lambda: moves.set_point == 6.0, timeout=WAIT_MS)
    window.go_to_best()
    window.number.choose(AlignNumber("singles", "alice_h"))
    qtbot.waitUntil(lambda: moves.still_s() > 1.6, timeout=WAIT_MS)
    arrived: list[str] = []
    link.updated.connect(lambda topic, _: arrived.append(topic))
    qtbot.waitUntil(lambda: arrived.count("rates") > 1, timeout=WAIT_MS)
    QTest.keyClick(window.number.digits, KEY.Key_Right)
    settle(window, qtbot)
    QTest.keyClick(window.number.digits, KEY.Key_B)
    settle(window, qtbot)
    assert client.get("pump.power_mw") == pytest.approx(6.0)


def test_digits_of_200_pixels_or_two_numbers_in_a_large_font_fit_1280_by_720(
    window: AlignWindow, theme: Theme, qtbot: QtBot
) -> None:
    window.resize(1280, 720)
    qtbot.waitUntil(lambda: window.number.digits.width() > 1200, timeout=WAIT_MS)
    assert window.number.digits.digits_px() >= 200
    window.second_button.setChecked(True)
    window.second.choose(AlignNumber("visibility", "alice_h-bob_h", "alice_h-bob_v"))
    theme.set(LIGHT, is_large=True)
    qtbot.waitUntil(window.second.isVisible, timeout=WAIT_MS)
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


def test_without_the_extra_the_tone_button_says_what_to_install(
    window: AlignWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    QTest.keyClick(window.number.digits, KEY.Key_T)
    assert "quantum-labctl[sound]" in window.notice.text()
    assert not window.tone_button.isChecked()
    assert not window.player.is_playing
