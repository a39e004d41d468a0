"""The last line of the run bar: what is wrong, or what the experiment or a parameter means."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from labctl.gui.fitting_label import FittingLabel
from labctl.gui.notice import Notice
from labctl.gui.theme import Theme

__all__ = ["RunNotice"]


class RunNotice(QWidget):
    """Shows one thing: what matters whole, in as many lines as it takes, a hint in one line.

    Attributes:
        notice: what matters.
        hint: what something means.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.notice = Notice(theme, "run notice")
        self.hint = FittingLabel(Qt.TextElideMode.ElideRight)
        self.hint.setAccessibleName("what the experiment or its parameter means")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.notice)
        layout.addWidget(self.hint)

    def tell(self, *, error: str, pending: str, failure: str, why_no_start: str, hint: str) -> None:
        """Show the first of these that is not empty."""
        if error:
            self.notice.tell(error, "alarm")
        elif pending:
            self.notice.tell(pending)
        elif failure:
            self.notice.tell(failure, "alarm")
        else:
            self.notice.tell(f"Cannot start: {why_no_start}." if why_no_start else "")
        self.hint.show_text(hint)
        self.notice.setVisible(bool(self.notice.text()))
        self.hint.setVisible(not self.notice.text())
