"""A field for one number with its unit: Enter and steps commit it, typing alone never does."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QPalette,
    QValidator,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSpinBox, QStyle, QStyleOptionSpinBox

from labctl.errors import LimitError
from labctl.gui.setting_text import parse_number, step_of

__all__ = ["NumberEdit"]

_ENTER_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class NumberEdit(QAbstractSpinBox):
    """One number; what is typed is a draft until Enter, and Esc drops it.

    Up and Down step, ten times as far with Ctrl and a tenth with Shift. The wheel scrolls the
    window and never steps: a laser's power must not change because somebody looked further down.

    Attributes:
        committed: the number that is to be set.
        refused: why what was typed cannot be set; the text stays.
        drafted: whether there is text that was not committed.
    """

    committed = Signal(object)
    refused = Signal(str)
    drafted = Signal(bool)

    def __init__(self, path: str, unit: str, limits: tuple[float, float] | None) -> None:
        super().__init__()
        self.path, self.unit, self.limits = path, unit, limits
        #: How far one step goes; None: what suits the limits.
        self.step: float | None = None
        self.has_draft = False
        self._value: float | None = None
        self.setAccessibleName(f"{path} in {unit}" if unit else path)
        self.lineEdit().textEdited.connect(lambda _: self._draft(has_draft=True))

    @property
    def value(self) -> float | None:
        """The set-point that is shown."""
        return self._value

    @property
    def step_size(self) -> float:
        """How far one step goes from here."""
        return self.step or step_of(self.limits, self._value)

    def show_value(self, value: float | None) -> None:
        """Show a set-point; a draft stays until it is committed or dropped."""
        if value == self._value and self.lineEdit().text():
            return
        self._value = value
        if not self.has_draft:
            self._show_text()

    def drop_draft(self) -> None:
        """Show the set-point again."""
        self._draft(has_draft=False)
        self._show_text()

    def text_of(self, value: float) -> str:
        """Return a number as the field shows it."""
        return f"{value:.8g} {self.unit}".rstrip()

    def commit_text(self) -> None:
        """Commit what is written, or say why it cannot be set."""
        try:
            number = self._checked(parse_number(self.text(), self.unit))
        except LimitError as error:
            self.refused.emit(str(error))
            return
        self._commit(number)

    def stepBy(self, steps: int) -> None:  # noqa: N802  Qt's name
        """Go on from what is written by so many steps, within the limits, and commit that."""
        self._step(float(steps))

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:  # noqa: N802  Qt's name
        """Allow steps that stay within the limits."""
        flags = QAbstractSpinBox.StepEnabledFlag
        found = flags.StepNone
        if self._value is not None and not self.isReadOnly():
            low, high = self.limits or (float("-inf"), float("inf"))
            if self._value > low:
                found |= flags.StepDownEnabled
            if self._value < high:
                found |= flags.StepUpEnabled
        return found

    def validate(self, text: str, position: int) -> Any:
        """Let everything be typed; Enter says what is wrong with it."""
        return QValidator.State.Acceptable, text, position

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Commit on Enter, drop the draft on Esc, small steps with Shift."""
        key, has_shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in _ENTER_KEYS:
            self.commit_text()
        elif key == Qt.Key.Key_Escape and self.has_draft:
            self.drop_draft()
        elif key in {Qt.Key.Key_Up, Qt.Key.Key_Down} and has_shift:
            self._step(0.1 if key == Qt.Key.Key_Up else -0.1)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Leave Ctrl+Z to the window where there is no draft to be undone."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.matches(QKeySequence.StandardKey.Undo)
            and not self.has_draft
        ):
            event.ignore()
            return True
        return super().event(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt's name
        """Scroll what is around."""
        event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802  Qt's name
        """Leave the menu to the row."""
        event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        """Select the number, so that typing replaces it."""
        super().focusInEvent(event)
        if not self.has_draft:
            self.selectAll()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return room for any number within the limits and the arrows."""
        low, high = self.limits or (0.0, 0.0)
        texts = (self.text_of(low), self.text_of(high), self.text_of(-88.8888))
        width = max(self.fontMetrics().horizontalAdvance(text) for text in texts)
        height = self.lineEdit().sizeHint().height() + 2
        option = QStyleOptionSpinBox()
        self.initStyleOption(option)
        return self.style().sizeFromContents(
            QStyle.ContentsType.CT_SpinBox, option, QSize(width + 12, height), self
        )

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the same: a number that is cut is a wrong one."""
        return self.sizeHint()

    def _step(self, steps: float) -> None:
        start = self._value
        if self.has_draft:
            try:
                start = parse_number(self.text(), self.unit)
            except LimitError as error:
                self.refused.emit(str(error))
                return
        if start is None or self.isReadOnly():
            return
        low, high = self.limits or (float("-inf"), float("inf"))
        # Ten digits drop what binary fractions add: 0.1 + 0.2 is to be 0.3.
        number = float(f"{start + steps * self.step_size:.10g}")
        self._commit(min(max(number, low), high))

    def _checked(self, number: float) -> float:
        if self.limits is not None and not self.limits[0] <= number <= self.limits[1]:
            low, high = self.limits
            raise LimitError(
                f"{self.path} = {self.text_of(number)} is outside {low:g} to {self.text_of(high)}"
            )
        return number

    def _commit(self, number: float) -> None:
        self._value = number
        self.drop_draft()
        self.committed.emit(number)

    def _draft(self, *, has_draft: bool) -> None:
        if has_draft == self.has_draft:
            return
        self.has_draft = has_draft
        palette = self.lineEdit().palette()
        link = self.palette().color(QPalette.ColorRole.Link)
        palette.setColor(
            QPalette.ColorRole.Text,
            link if has_draft else self.palette().color(QPalette.ColorRole.Text),
        )
        self.lineEdit().setPalette(palette)
        self.drafted.emit(has_draft)

    def _show_text(self) -> None:
        self.lineEdit().setText("" if self._value is None else self.text_of(self._value))
        if self.hasFocus():
            self.selectAll()
