"""What lies over everything else in the window and is as wide as it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

__all__ = ["TopArea"]

_SPACING_PX = 2


class TopArea(QWidget):
    """Widgets below each other; asks for the height that they need at the present width.

    A main window would ask its menu widget how high it is where the window is narrowest, and
    never become lower than that.
    """

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(_SPACING_PX)
        for widget in widgets:
            self.column.addWidget(widget)

    def hasHeightForWidth(self) -> bool:  # noqa: N802  Qt's name
        """Say no: the present width is what counts."""
        return False

    def heightForWidth(self, width: int) -> int:  # noqa: ARG002, N802  Qt's name
        """Say that there is no such thing."""
        return -1

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the least width, and the height at the present one."""
        least = self.column.totalMinimumSize()
        width = max(self.width(), least.width())
        if not self.column.hasHeightForWidth():
            return least
        return QSize(least.width(), self.column.totalHeightForWidth(width))

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the same."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Need another height at another width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def event(self, event: QEvent) -> bool:
        """Need another height where what lies in it does."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().event(event)
