"""F12 reaches its purpose whatever has the focus; also run on a real X server, see .ci/run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from labctl.gui.all_off import AllOffKey


class Desk(QWidget):
    """A window with the kinds of widgets that take keys for themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.choice = QComboBox()
        self.choice.addItems(["one", "two", "three"])
        self.inputs: dict[str, QWidget] = {
            "line": QLineEdit(),
            "number": QDoubleSpinBox(),
            "choice": self.choice,
            "text": QPlainTextEdit(),
            "button": QPushButton("Start"),
        }
        layout = QVBoxLayout(self)
        for widget in self.inputs.values():
            layout.addWidget(widget)


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    made = Desk()
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitActive(made)
    return made


@pytest.fixture
def presses(qapp: QApplication) -> Iterator[list[str]]:
    """What F12 did, while it is listened to."""
    del qapp
    done: list[str] = []
    key = AllOffKey(lambda: done.append("off"))
    yield done
    key.close()


@pytest.mark.parametrize("name", ["line", "number", "choice", "text", "button"])
def test_f12_works_from_every_input(desk: Desk, presses: list[str], name: str) -> None:
    desk.inputs[name].setFocus()
    assert desk.inputs[name].hasFocus()
    QTest.keyClick(desk.inputs[name], Qt.Key.Key_F12)
    assert presses == ["off"]
    QTest.keyClick(desk.windowHandle(), Qt.Key.Key_F12)
    assert presses == ["off", "off"]


def open_dialog(desk: Desk) -> QWidget:
    dialog = QDialog(desk)
    field = QLineEdit(dialog)
    dialog.open()
    field.setFocus()
    return dialog


def open_menu(desk: Desk) -> QWidget:
    menu = QMenu(desk)
    menu.addAction("Copy as script line")
    menu.popup(desk.mapToGlobal(desk.rect().center()))
    return menu


def open_list(desk: Desk) -> QWidget:
    desk.choice.showPopup()
    return desk.choice.view().window()


@pytest.mark.parametrize("open_", [open_dialog, open_menu, open_list])
def test_f12_works_under_what_takes_every_other_key(
    desk: Desk, presses: list[str], qtbot: QtBot, open_: Callable[[Desk], QWidget]
) -> None:
    front = open_(desk)
    qtbot.waitUntil(front.isVisible)
    QTest.keyClick(front, Qt.Key.Key_F12)
    assert presses == ["off"]
    QTest.keyClick(front.window().windowHandle(), Qt.Key.Key_F12)
    assert presses == ["off", "off"]
    front.close()
    if front is not desk.choice.view().window():
        front.deleteLater()


def test_f12_works_where_no_window_has_the_focus(
    desk: Desk, presses: list[str], qtbot: QtBot
) -> None:
    focused = QApplication.focusWidget()
    if focused is not None:
        focused.clearFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is None)
    QTest.keyClick(desk, Qt.Key.Key_F12)
    assert presses == ["off"]


def test_a_closed_key_does_nothing_any_more(desk: Desk) -> None:
    done: list[str] = []
    key = AllOffKey(lambda: done.append("off"))
    key.close()
    QTest.keyClick(desk, Qt.Key.Key_F12)
    assert done == []
