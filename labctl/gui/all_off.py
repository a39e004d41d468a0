"""F12, from anywhere: everything off that could do harm."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication

__all__ = ["AllOffKey"]


class AllOffKey(QObject):
    """Sees every key before any widget does: dialogs, menus and popups keep F12 from nobody.

    A QShortcut is not told while a modal dialog is open or no window is active.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def close(self) -> None:
        """See keys no longer."""
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Take F12 for itself; every widget on the key's way would be asked, it acts once."""
        # Every event of the window comes here: what tells most of them apart is asked first.
        if (
            isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_F12
            and event.type() in {QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress}
        ):
            if event.type() == QEvent.Type.KeyPress and not event.isAutoRepeat():
                self._act()
            event.accept()
            return event.type() == QEvent.Type.KeyPress
        return False
