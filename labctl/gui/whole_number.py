"""A field for a whole number that is committed with Enter or a step, and never while typing."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QSpinBox

__all__ = ["WholeNumber"]


class WholeNumber(QSpinBox):
    """A spin box with a unit; leaving it without Enter brings the number back that holds.

    Args:
        name: what the number is, for screen readers and hints.
        unit: symbol of its unit.
        limits: lowest and highest number.
        tip: what it means; the limits are added.
    """

    #: The number that was committed.
    committed = Signal(int)

    def __init__(self, name: str, unit: str, limits: tuple[int, int], tip: str) -> None:
        super().__init__()
        self.setKeyboardTracking(False)
        self.setRange(*limits)
        self.setSuffix(f" {unit}")
        self.setGroupSeparatorShown(False)
        self.setAccessibleName(name)
        self._tip = f"{tip} ({limits[0]} to {limits[1]} {unit}; Enter sets it)"
        self.setToolTip(self._tip)
        self.valueChanged.connect(self.committed)

    def show_value(self, value: int) -> None:
        """Show what holds, unless somebody is typing."""
        if value == self.value() or self.lineEdit().isModified():
            return
        self.blockSignals(True)
        self.setValue(value)
        self.blockSignals(False)

    def allow(self, reason: str) -> None:
        """Let it be changed, or say why it cannot be."""
        self.setEnabled(not reason)
        self.setToolTip(reason or self._tip)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802  Qt's name
        """Forget what was typed and not committed."""
        self.lineEdit().setText(f"{self.textFromValue(self.value())}{self.suffix()}")
        super().focusOutEvent(event)
