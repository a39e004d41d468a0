"""Says why settings are locked, and lets an operator unlock them during a run."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from labctl.gui.link import ServiceLink
from labctl.gui.setting_reasons import why_locked
from labctl.gui.theme import Theme

__all__ = ["LockLine"]


class LockLine(QWidget):
    """Seen only while something locks settings, or a run would.

    Attributes:
        changed: the operator has unlocked settings, or locked them again.
    """

    changed = Signal()

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self.text = QLabel()
        self.text.setAccessibleName("why settings are locked")
        self.text.setWordWrap(True)
        self.unlock = QCheckBox("Unlock during this run")
        self.unlock.setAccessibleName("unlock settings during this run")
        self.unlock.setToolTip("What is set during a run is recorded in its file")
        self.unlock.toggled.connect(lambda _: self.changed.emit())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.text)
        layout.addWidget(self.unlock)
        theme.changed.connect(self._style)
        self._style()
        self.draw()

    def reason(self) -> str:
        """Return why no setting may be changed now; empty where they may."""
        return why_locked(self._link, is_unlocked=self.unlock.isChecked())

    def draw(self) -> None:
        """Show what holds now."""
        run = self._link.latest.get("run") or {}
        is_running = run.get("state") == "running" and self._link.state == "connected"
        if not is_running and self.unlock.isChecked():
            # The next run is locked again.
            self.unlock.setChecked(False)
        reason = self.reason()
        self.text.setText(f"▮ Settings are locked: {reason}." if reason else "")
        self.text.setVisible(bool(reason))
        self.unlock.setVisible(is_running)
        self.setVisible(bool(reason) or is_running)

    def _style(self) -> None:
        colors = self._theme.colors
        self.text.setStyleSheet(
            f"background: {colors.warning}; color: {colors.warning_text};"
            "border-radius: 4px; padding: 4px 8px;"
        )
