"""A panel whose least height follows its width, for lines that go on in the next one."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

__all__ = ["FittedPanel"]

#: A panel is never narrower, so that its lines do not pile up.
_LEAST_CHARACTERS = 36


class FittedPanel(QWidget):
    """Asks for the height that its layout needs at the present width.

    Docks look at a widget's least size only, not at how its height depends on its width. Behind
    another dock's tab it asks for nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self._is_in_front = True

    def set_in_front(self, is_in_front: bool) -> None:  # noqa: FBT001  a Qt signal's argument
        """Need room from now on, or none."""
        self._is_in_front = is_in_front
        self.updateGeometry()
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return what the layout needs, no height where nobody sees it."""
        hint = super().minimumSizeHint()
        return hint if self._is_in_front else QSize(hint.width(), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Need more height where it has become narrow, and less where it is wide again."""
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """Need another height where something in it does."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Need other sizes with another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()

    def _fit(self) -> None:
        layout = self.layout()
        if layout is None:
            return
        least_px = self.fontMetrics().averageCharWidth() * _LEAST_CHARACTERS
        self.setMinimumWidth(least_px)
        width_px = max(self.width(), least_px)
        needed_px = layout.totalMinimumHeightForWidth(width_px)
        self.setMinimumHeight(needed_px if self._is_in_front else 0)
