"""A line of words that takes the room there is, and leaves out what does not fit."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

__all__ = ["FittingLabel"]


class FittingLabel(QLabel):
    """One line; its tip has the whole text where only a part of it fits.

    Args:
        mode: which part is left out.

    Attributes:
        whole: the whole text.
    """

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__()
        self.whole = ""
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str, tip: str = "") -> None:
        """Show the text, or what fits of it."""
        self.whole = text
        self.setToolTip("\n".join(part for part in (text, tip) if part))
        self._fit()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the height of a line; the width is what there is."""
        return QSize(0, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the same."""
        return self.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Show what fits now."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Show what fits in another font."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit()

    def _fit(self) -> None:
        fitting = self.fontMetrics().elidedText(self.whole, self._mode, self.width())
        if fitting != self.text():
            self.setText(fitting)
