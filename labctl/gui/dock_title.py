"""The title bar of a dock; Qt's own keeps the font that the application had when it was made."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QStyle, QToolButton, QWidget

__all__ = ["DockTitle"]


class DockTitle(QWidget):
    """Title, and the buttons that float and close the dock; it is dragged as Qt's own is."""

    def __init__(self, dock: QDockWidget) -> None:
        super().__init__(dock)
        label = QLabel(dock.windowTitle())
        pixmaps = QStyle.StandardPixmap
        floats = self._button(pixmaps.SP_TitleBarNormalButton, f"float {dock.windowTitle()}")
        floats.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
        closes = self._button(pixmaps.SP_TitleBarCloseButton, f"close {dock.windowTitle()}")
        closes.clicked.connect(dock.close)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 4, 0)
        layout.setSpacing(2)
        layout.addWidget(label, 1)
        layout.addWidget(floats)
        layout.addWidget(closes)

    def _button(self, pixmap: QStyle.StandardPixmap, name: str) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setIcon(self.style().standardIcon(pixmap))
        button.setAccessibleName(name)
        button.setToolTip(f"{name[:1].upper()}{name[1:]}; the menu View brings it back")
        # The Tab key goes to what is worked with; the menu View does the same from the keyboard.
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        side = self.style().pixelMetric(QStyle.PixelMetric.PM_SmallIconSize)
        button.setFixedSize(side, side)
        return button
