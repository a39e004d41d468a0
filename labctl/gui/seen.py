"""Whether anybody can see a panel: what is behind a tab is drawn when it comes to the front."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QDockWidget, QWidget

__all__ = ["Front", "is_seen"]


def is_seen(panel: QWidget) -> bool:
    """Return whether any of the panel is on the screen.

    Qt calls a dock visible that lies behind another one's tab.
    """
    return panel.isVisible() and not panel.visibleRegion().isEmpty()


class Front(QObject):
    """Tells when a panel comes to the front that a dock had behind a tab; the panel owns it."""

    came = Signal()

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._dock: QDockWidget | None = None
        panel.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Find the dock that the panel was put into."""
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget):
            self._listen_to(_dock_of(watched))
        return super().eventFilter(watched, event)

    def _listen_to(self, dock: QDockWidget | None) -> None:
        if dock is self._dock:
            return
        if self._dock is not None:
            self._dock.visibilityChanged.disconnect(self._take)
        self._dock = dock
        if dock is not None:
            # Queued: the dock is told before it is in its place.
            dock.visibilityChanged.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def _take(self, is_visible: bool) -> None:  # noqa: FBT001  a Qt signal's argument
        if is_visible:
            self.came.emit()


def _dock_of(panel: QWidget) -> QDockWidget | None:
    parent = panel.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
