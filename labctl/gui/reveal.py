"""Brings a widget into sight whose dock is hidden, or behind another one's tab."""

from __future__ import annotations

from PySide6.QtWidgets import QDockWidget, QWidget

__all__ = ["reveal"]


def reveal(widget: QWidget) -> None:
    """Show and raise the dock in which the widget stands, if it stands in one."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    if parent is not None:
        parent.show()
        parent.raise_()
