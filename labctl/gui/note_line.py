"""The line in which a note into the run is written."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QPushButton, QWidget

from labctl.errors import LabError
from labctl.gui.commands import Command, Commands
from labctl.gui.link import ServiceLink
from labctl.gui.notice import Notice
from labctl.gui.reveal import reveal
from labctl.gui.rights import why_no_service
from labctl.gui.theme import Theme

__all__ = ["NoteLine"]

_MAX_CHARACTERS = 4000


class NoteLine(QWidget):
    """Hidden until F2; Enter writes the note, Escape leaves it.

    A note that could not be written stays in the line.
    """

    def __init__(self, link: ServiceLink, theme: Theme, commands: Commands) -> None:
        super().__init__()
        self._link = link
        self._former: QWidget | None = None
        self.line = QLineEdit()
        self.line.setAccessibleName("note")
        self.line.setMaxLength(_MAX_CHARACTERS)
        self.line.returnPressed.connect(self._write)
        self.trouble = Notice(theme, "why the note was not written")
        self.trouble.setVisible(False)
        self.write_button = QPushButton("Write (Enter)")
        self.write_button.setAccessibleName("write the note")
        self.write_button.clicked.connect(self._write)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.trouble, 1)
        layout.addWidget(self.write_button)
        self.setVisible(False)
        commands.add(
            Command(
                "run.note",
                "Write a note into the run",
                self.open_,
                "F2",
                "Run",
                lambda: why_no_service(link),
            )
        )

    def open_(self) -> None:
        """Show the line, ready to be written in."""
        run = self._link.latest.get("run") or {}
        is_active = run.get("state") in {"running", "paused"}
        where = f"run {run.get('uid')}" if is_active else "the log: no run"
        self.line.setPlaceholderText(f"Note into {where}")
        self.line.setToolTip("Enter writes the note, Escape leaves it")
        if not self.isVisible():
            self._former = QApplication.focusWidget()
        self.setVisible(True)
        reveal(self)
        self.line.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Leave the note with Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)

    def _write(self) -> None:
        text = self.line.text().strip()
        if not text:
            self._leave()
            return
        self.line.setEnabled(False)
        self._link.ask(
            "write the note", lambda client: client.note(text), self._written, self._not_written
        )

    def _written(self, _: object) -> None:
        self.line.setEnabled(True)
        self.line.clear()
        self._leave()

    def _not_written(self, error: LabError) -> None:
        self.line.setEnabled(True)
        self.trouble.tell(str(error), "alarm")
        self.trouble.setVisible(True)
        self.line.setFocus()

    def _leave(self) -> None:
        self.trouble.setVisible(False)
        self.setVisible(False)
        if self._former is not None and self._former.isVisible():
            self._former.setFocus()
        self._former = None
