"""A panel whose least height follows its width, for lines that go on in the next one."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

__all__ = ["FittedPanel"]

#: A panel is never narrower, so that its lines do not pile up.
_LEAST_CHARACTERS = 40


class FittedPanel(QWidget):
    """Asks for the height that its layout needs at the present width.

    Docks look at a widget's least size only, not at how its height depends on its width.
    """

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Need more height where it has become narrow, and less where it is wide again."""
        super().resizeEvent(event)
        self._fit()

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
        # A dock behind another one's tab is narrower than that: nothing of it is seen.
        width_px = max(self.width(), least_px)
        self.setMinimumHeight(layout.totalMinimumHeightForWidth(width_px))
