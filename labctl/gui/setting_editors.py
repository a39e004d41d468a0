"""Editors of settings, one per type; each commits on Enter, a step or a choice, not per key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.number_edit import NumberEdit
from labctl.units import format_quantity

__all__ = ["ChoiceEdit", "NumbersEdit", "SettingEditor", "SwitchEdit", "TextEdit", "make_editor"]

_OPENING_KEYS: Final = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Space)


class SettingEditor(Protocol):
    """What every editor is to its row; all of them are widgets.

    Attributes:
        committed: signal of the value that is to be set.
        refused: signal that says why what was typed cannot be set.
        drafted: signal that says whether there is text that was not committed.
    """

    committed: Any
    refused: Any
    drafted: Any

    def show_value(self, value: Any) -> None:
        """Show a set-point, None where it is not known."""

    def drop_draft(self) -> None:
        """Show the set-point instead of what was typed."""


class SwitchEdit(QPushButton):
    """On or off: the word says which; a click asks for the other."""

    committed = Signal(object)
    refused = Signal(str)
    drafted = Signal(bool)

    def __init__(self, path: str) -> None:
        super().__init__()
        self._value: bool | None = None
        self.setCheckable(True)
        self.setAccessibleName(path)
        self.clicked.connect(self._ask)
        self.show_value(None)

    def show_value(self, value: Any) -> None:
        """Show a set-point, None where it is not known."""
        self._value = None if value is None else bool(value)
        self.setChecked(bool(value))
        self.setText("unknown" if value is None else "● on" if value else "○ off")

    def drop_draft(self) -> None:
        """Show the set-point; a switch has no drafts."""
        self.show_value(self._value)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Switch with Enter as with Space."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat():
            self.click()
        else:
            super().keyPressEvent(event)

    def _ask(self) -> None:
        wanted = not self._value
        self.show_value(wanted)
        self.committed.emit(wanted)


class ChoiceEdit(QComboBox):
    """One of several words; the arrow keys open the list, so that none is set in passing."""

    committed = Signal(object)
    refused = Signal(str)
    drafted = Signal(bool)

    def __init__(self, path: str, choices: Sequence[Any]) -> None:
        super().__init__()
        self._value: Any = None
        self.setAccessibleName(path)
        for choice in choices:
            self.addItem(format_quantity(choice, ""), choice)
        self.setPlaceholderText("unknown")
        self.show_value(None)
        self.activated.connect(self._ask)

    def show_value(self, value: Any) -> None:
        """Show a set-point, None where it is not known."""
        self._value = value
        self.setCurrentIndex(-1 if value is None else self.findData(value))

    def drop_draft(self) -> None:
        """Show the set-point; a list has no drafts."""
        self.show_value(self._value)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Open the list instead of choosing what is next to it."""
        if event.key() in {*_OPENING_KEYS, Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.showPopup()
        else:
            # Letters would choose too; Tab, Esc and the rest belong to the window.
            event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt's name
        """Scroll what is around."""
        event.ignore()

    def _ask(self, index: int) -> None:
        wanted = self.itemData(index)
        self.show_value(wanted)
        self.committed.emit(wanted)


class TextEdit(QLineEdit):
    """Free text; Enter commits it, Esc drops what was typed."""

    committed = Signal(object)
    refused = Signal(str)
    drafted = Signal(bool)

    def __init__(self, path: str) -> None:
        super().__init__()
        self.has_draft = False
        self._value: Any = None
        self.setAccessibleName(path)
        self.textEdited.connect(lambda _: self._draft(has_draft=True))
        self.returnPressed.connect(self._commit)

    def show_value(self, value: Any) -> None:
        """Show a set-point, None where it is not known; a draft stays."""
        self._value = value
        if not self.has_draft:
            self.setText("" if value is None else str(value))

    def drop_draft(self) -> None:
        """Show the set-point instead of what was typed."""
        self._draft(has_draft=False)
        self.show_value(self._value)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Drop what was typed on Esc."""
        if event.key() == Qt.Key.Key_Escape and self.has_draft:
            self.drop_draft()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802  Qt's name
        """Leave the menu to the row."""
        event.ignore()

    def _commit(self) -> None:
        wanted = self.text()
        self._draft(has_draft=False)
        self.show_value(wanted)
        self.committed.emit(wanted)

    def _draft(self, *, has_draft: bool) -> None:
        if has_draft != self.has_draft:
            self.has_draft = has_draft
            self.drafted.emit(has_draft)


class NumbersEdit(QWidget):
    """A list of numbers, one field per channel, counted from 1 as instruments label sockets.

    A channel's commit sets the whole list, the others as they are.
    """

    committed = Signal(object)
    refused = Signal(str)
    drafted = Signal(bool)

    def __init__(self, path: str, unit: str, limits: tuple[float, float] | None) -> None:
        super().__init__()
        self.path, self._unit, self._limits = path, unit, limits
        self._values: list[float] = []
        self.edits: list[NumberEdit] = []
        self._layout = FlowLayout(self, spacing_px=4, is_even=True)
        self._layout.addWidget(QLabel("channels not known yet"))

    def show_value(self, value: Any) -> None:
        """Show a set-point per channel, None where they are not known."""
        if value is None:
            return
        self._values = [float(number) for number in value]
        if len(self.edits) != len(self._values):
            self._make_edits(len(self._values))
        for edit, number in zip(self.edits, self._values, strict=True):
            edit.show_value(number)

    def drop_draft(self) -> None:
        """Show the set-points instead of what was typed."""
        for edit in self.edits:
            edit.drop_draft()

    def _make_edits(self, count: int) -> None:
        while self._layout.count():
            item = self._layout.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.edits = []
        for channel in range(count):
            name = f"{self.path} of channel {channel + 1}"
            edit = NumberEdit(name, self._unit, self._limits)
            edit.committed.connect(lambda number, at=channel: self._commit(at, number))
            edit.refused.connect(self.refused)
            edit.drafted.connect(self.drafted)
            self._layout.addWidget(_labeled(f"ch {channel + 1}", edit))
            self.edits.append(edit)
        self.updateGeometry()

    def _commit(self, channel: int, number: float) -> None:
        self._values[channel] = number
        self.committed.emit(list(self._values))


def _labeled(text: str, edit: NumberEdit) -> QWidget:
    both = QWidget()
    layout = QHBoxLayout(both)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    label = QLabel(text)
    label.setBuddy(edit)
    layout.addWidget(label)
    layout.addWidget(edit, 1)
    return both


def make_editor(path: str, described: Mapping[str, Any]) -> Any:
    """Return the widget, a `SettingEditor`, that suits a setting as the service describes it."""
    limits = None if described["limits"] is None else tuple(described["limits"])
    match described["type"]:
        case "number":
            return NumberEdit(path, described["unit"], limits)
        case "numbers":
            return NumbersEdit(path, described["unit"], limits)
        case "switch":
            return SwitchEdit(path)
        case "choice":
            return ChoiceEdit(path, described["choices"])
    return TextEdit(path)
