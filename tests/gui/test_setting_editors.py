"""Editors of settings commit on Enter, a step or a choice, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.emission_switch import EmissionSwitch
from labctl.gui.number_edit import NumberEdit
from labctl.gui.setting_editors import (
    ChoiceEdit,
    NumbersEdit,
    SwitchEdit,
    TextEdit,
    make_editor,
)

Heard = list[Any]


def described(**facts: Any) -> dict[str, Any]:
    """A number in mW from 0 to 20 as the service describes it, but for `facts`."""
    return {
        "unit": "mW",
        "doc": "Power.",
        "is_settable": True,
        "is_emission": False,
        "type": "number",
        "limits": [0.0, 20.0],
        "choices": None,
        **facts,
    }


@pytest.fixture
def show(qtbot: QtBot) -> Callable[[Any], tuple[Heard, Heard]]:
    """Shows an editor; returns what it commits and what it refuses from then on."""

    def shown(editor: Any) -> tuple[Heard, Heard]:
        qtbot.addWidget(editor)
        editor.show()
        committed: Heard = []
        refused: Heard = []
        editor.committed.connect(committed.append)
        editor.refused.connect(refused.append)
        return committed, refused

    return shown


@pytest.fixture
def power(qtbot: QtBot) -> NumberEdit:
    edit = NumberEdit("pump.power_mw", "mW", (0.0, 20.0))
    qtbot.addWidget(edit)
    edit.show_value(5.0)
    edit.show()
    return edit


def typed(edit: NumberEdit, text: str) -> None:
    edit.selectAll()
    QTest.keyClicks(edit, text)


def test_a_number_is_shown_with_its_unit(power: NumberEdit) -> None:
    assert power.text() == "5 mW"


def test_typing_commits_nothing_before_enter(
    power: NumberEdit, show: Callable[[Any], tuple[Heard, Heard]]
) -> None:
    committed, _ = show(power)
    typed(power, "7.5")
    assert (committed, power.has_draft) == ([], True)
    QTest.keyClick(power, Qt.Key.Key_Return)
    assert (committed, power.has_draft) == ([7.5], False)
    assert power.text() == "7.5 mW"


def test_leaving_the_field_commits_nothing_and_keeps_the_draft(
    qtbot: QtBot, power: NumberEdit, show: Callable[[Any], tuple[Heard, Heard]]
) -> None:
    committed, _ = show(power)
    other = QWidget()
    qtbot.addWidget(other)
    typed(power, "7.5")
    power.clearFocus()
    assert (committed, power.text(), power.has_draft) == ([], "7.5", True)


def test_escape_drops_what_was_typed(power: NumberEdit) -> None:
    typed(power, "7.5")
    QTest.keyClick(power, Qt.Key.Key_Escape)
    assert (power.text(), power.has_draft) == ("5 mW", False)


def test_a_new_set_point_leaves_a_draft_alone(power: NumberEdit) -> None:
    typed(power, "7.5")
    power.show_value(6.0)
    assert power.text() == "7.5"
    QTest.keyClick(power, Qt.Key.Key_Escape)
    assert power.text() == "6 mW"


@pytest.mark.parametrize(
    ("text", "word"),
    [("25", "outside 0 to 20 mW"), ("abc", "not a number"), ("1,5", "point"), ("5 W", "mW")],
)
def test_bad_input_is_refused_with_a_reason_and_stays(
    power: NumberEdit,
    show: Callable[[Any], tuple[Heard, Heard]],
    text: str,
    word: str,
) -> None:
    committed, refused = show(power)
    typed(power, text)
    QTest.keyClick(power, Qt.Key.Key_Return)
    assert committed == []
    assert word in refused[0]
    assert power.text() == text


def test_arrow_keys_step_and_commit(
    power: NumberEdit, show: Callable[[Any], tuple[Heard, Heard]]
) -> None:
    committed, _ = show(power)
    QTest.keyClick(power, Qt.Key.Key_Up)
    QTest.keyClick(power, Qt.Key.Key_Down)
    QTest.keyClick(power, Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(power, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert committed == [5.1, 5.0, 6.0, 6.01]


def test_steps_stop_at_the_limits(
    power: NumberEdit, show: Callable[[Any], tuple[Heard, Heard]]
) -> None:
    committed, _ = show(power)
    power.show_value(19.95)
    power.stepBy(1)
    power.stepBy(-1000)
    assert committed == [20.0, 0.0]


def test_the_wheel_changes_nothing(
    power: NumberEdit, show: Callable[[Any], tuple[Heard, Heard]]
) -> None:
    committed, _ = show(power)
    power.setFocus()
    turn = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(power, turn)
    assert committed == []
    assert not turn.isAccepted()


def test_one_channel_is_set_and_the_others_stay(show: Callable[[Any], tuple[Heard, Heard]]) -> None:
    bias = NumbersEdit("snspd.bias_ua", "µA", (0.0, 12.0))
    committed, refused = show(bias)
    bias.show_value([10.0, 10.0, 9.0])
    typed(bias.edits[1], "11")
    assert committed == []
    QTest.keyClick(bias.edits[1], Qt.Key.Key_Enter)
    assert committed == [[10.0, 11, 9.0]]
    typed(bias.edits[2], "13")
    QTest.keyClick(bias.edits[2], Qt.Key.Key_Enter)
    assert "channel 3" in refused[0]


def test_a_switch_asks_for_the_other_state(show: Callable[[Any], tuple[Heard, Heard]]) -> None:
    switch = SwitchEdit("meter.auto_range")
    committed, _ = show(switch)
    switch.show_value(True)
    assert switch.text() == "● on"
    QTest.keyClick(switch, Qt.Key.Key_Space)
    QTest.keyClick(switch, Qt.Key.Key_Return)
    assert committed == [False, True]


def test_arrow_keys_choose_nothing_in_passing(show: Callable[[Any], tuple[Heard, Heard]]) -> None:
    source = ChoiceEdit("tagger.clock_source", ["automatic", "external", "internal"])
    committed, _ = show(source)
    source.show_value("automatic")
    QTest.keyClick(source, Qt.Key.Key_Down)
    assert committed == []
    QTest.keyClick(source.view(), Qt.Key.Key_Down)
    QTest.keyClick(source.view(), Qt.Key.Key_Return)
    assert committed == ["external"]


def test_text_is_committed_by_enter(show: Callable[[Any], tuple[Heard, Heard]]) -> None:
    text = TextEdit("meter.label")
    committed, _ = show(text)
    text.show_value("old")
    text.selectAll()
    QTest.keyClicks(text, "new")
    assert committed == []
    QTest.keyClick(text, Qt.Key.Key_Return)
    assert committed == ["new"]


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({}, NumberEdit),
        ({"type": "numbers"}, NumbersEdit),
        ({"type": "switch", "limits": None, "choices": [False, True]}, SwitchEdit),
        ({"type": "choice", "limits": None, "choices": ["a", "b"]}, ChoiceEdit),
        ({"type": "text", "limits": None}, TextEdit),
    ],
)
def test_every_type_has_its_editor(qtbot: QtBot, facts: dict[str, Any], kind: type) -> None:
    editor = make_editor("pump.power_mw", described(**facts))
    qtbot.addWidget(editor)
    assert isinstance(editor, kind)


@pytest.fixture
def emission(qtbot: QtBot) -> tuple[EmissionSwitch, Heard]:
    switch = EmissionSwitch("pump.emission")
    qtbot.addWidget(switch)
    switch.show()
    acts: Heard = []
    switch.switched_on.connect(lambda: acts.append("on"))
    switch.switched_off.connect(lambda: acts.append("off"))
    return switch, acts


def test_emission_needs_two_acts_to_go_on(emission: tuple[EmissionSwitch, Heard]) -> None:
    switch, acts = emission
    left = Qt.MouseButton.LeftButton
    QTest.mouseClick(switch.on_button, left)
    QTest.mouseDClick(switch.arm_button, left)
    assert acts == []
    QTest.mouseClick(switch.arm_button, left)
    QTest.mouseClick(switch.on_button, left)
    assert (acts, switch.is_armed) == (["on"], False)


def test_emission_goes_off_with_one_click(emission: tuple[EmissionSwitch, Heard]) -> None:
    switch, acts = emission
    switch.arm()
    switch.refuse("another client holds control")
    QTest.mouseClick(switch.off_button, Qt.MouseButton.LeftButton)
    assert (acts, switch.is_armed) == (["off"], False)


def test_what_was_armed_is_forgotten_after_five_seconds(
    qtbot: QtBot, emission: tuple[EmissionSwitch, Heard]
) -> None:
    switch, acts = emission
    switch.tick_ms = 10
    switch.arm()
    qtbot.waitUntil(lambda: not switch.is_armed, timeout=2000)
    assert not switch.on_button.isEnabled()
    assert acts == []


def test_what_may_not_be_switched_on_cannot_be_armed(
    emission: tuple[EmissionSwitch, Heard],
) -> None:
    switch, _ = emission
    switch.refuse("the interlock of pump is open")
    switch.arm()
    assert not switch.is_armed
    assert "interlock" in switch.arm_button.toolTip()
