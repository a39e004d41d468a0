"""The banner under the safety strip: what is wrong now, and what to do about it."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy

from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme

__all__ = ["Banner"]

#: A message that asks for nothing goes away by itself.
_SHOWN_MS: Final = 10_000


class Banner(QFrame):
    """One line: a message for a while, a shout until it is dismissed, or the service's absence.

    Only a shout comes before what keeps the window from working; what keeps a part of the
    laboratory from working waits until a message has had its time.
    """

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self._shout = ""
        self._message = ""
        self.text = QLabel()
        self.text.setAccessibleName("message")
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.dismiss_button = QPushButton("Dismiss")
        self.dismiss_button.setAccessibleName("dismiss the message")
        self.dismiss_button.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 8, 4)
        layout.addWidget(self.text)
        layout.addWidget(self.dismiss_button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._forget)
        link.state_changed.connect(self._enter)
        link.updated.connect(self._take)
        theme.changed.connect(self.draw)
        self.draw()

    def tell(self, text: str) -> None:
        """Show a message for a while."""
        self._message = text
        self._timer.start(_SHOWN_MS)
        self.draw()

    def shout(self, text: str) -> None:
        """Show what must not be missed, until somebody dismisses it."""
        self._shout = text
        self.draw()

    def dismiss(self) -> None:
        """Show nothing of what was told."""
        self._shout = self._message = ""
        self.draw()

    def draw(self) -> None:
        """Show the most important of what there is to say."""
        colors = self._theme.colors
        absence, trouble = self._absence(), self._trouble()
        for text, ground, color in (
            (self._shout, colors.alarm, colors.alarm_text),
            (absence, colors.warning, colors.warning_text),
            (self._message, colors.raised, colors.text),
            (trouble, colors.warning, colors.warning_text),
        ):
            if text:
                self.text.setText(text)
                self.setStyleSheet(f"Banner {{ background: {ground}; border-radius: 5px; }}")
                self.text.setStyleSheet(f"color: {color}; background: transparent;")
                self.dismiss_button.setVisible(text in {self._shout, self._message})
                self.setVisible(True)
                return
        self.setVisible(False)

    def _absence(self) -> str:
        if self._link.state == "waiting":
            return (
                "No acquisition service is running for this laboratory; looking for one. "
                "Start it with `labctl serve`, or open this window with `labctl gui --simulated`."
            )
        if self._link.state == "gone":
            return (
                "The acquisition service is gone: what is shown is old, and what emits is "
                "unknown. Looking for it; start it again with `labctl serve`."
            )
        return ""

    def _trouble(self) -> str:
        """Return what of the laboratory itself keeps one from working, a line each."""
        return "\n".join(text for text in (self._lost(), self._full_disk()) if text)

    def _lost(self) -> str:
        lost = [
            name
            for name, values in (self._link.latest.get("instruments") or {}).items()
            if values and all(entry.get("state") == "error" for entry in values.values())
        ]
        if lost:
            return (
                f"{', '.join(lost)} cannot be reached; the rest works. Look at its cable and "
                "power; it comes back by itself, or at once by Devices, Reconnect."
            )
        return ""

    def _full_disk(self) -> str:
        health: dict[str, Any] = self._link.latest.get("health") or {}
        free = health.get("disk_free_bytes")
        if free is not None and free < 1_000_000_000:  # noqa: PLR2004  a gigabyte
            return (
                f"The disk of {health['folder']} is nearly full: {free / 1e6:.0f} MB are free. "
                "Free some space before a run."
            )
        return ""

    def _enter(self, state: str) -> None:
        if state == "connected":
            # What failed for want of a service is no news any more.
            self._message = ""
        self.draw()

    def _take(self, topic: str, _: object) -> None:
        if topic in {"snapshot", "instruments", "health"}:
            self.draw()

    def _forget(self) -> None:
        self._message = ""
        self.draw()
