"""A line of words that says how much it matters by its ground, and by a symbol."""

from __future__ import annotations

from typing import Literal, TypeAlias

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy

from labctl.gui.theme import Theme

__all__ = ["Notice", "Tone"]

Tone: TypeAlias = Literal["plain", "warning", "alarm"]


class Notice(QLabel):
    """Words that can be selected and go on in the next line."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._tone: Tone = "plain"
        self._style = ""
        self.setAccessibleName(name)
        self.setWordWrap(True)
        # Text comes from instruments and people: nothing in it is markup.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._draw)
        self._draw()

    def tell(self, text: str, tone: Tone = "plain") -> None:
        """Show a text; what is no plain matter gets a symbol."""
        symbols = {"plain": "", "warning": "▲ ", "alarm": "✖ "}
        self._tone = tone
        self.setText(f"{symbols[tone]}{text}" if text else "")
        self._draw()

    def _draw(self) -> None:
        colors = self._theme.colors
        ground, color = {
            "plain": ("transparent", colors.faint),
            "warning": (colors.warning, colors.warning_text),
            "alarm": (colors.alarm, colors.alarm_text),
        }[self._tone]
        style = f"background: {ground}; color: {color}; border-radius: 4px; padding: 1px 6px;"
        # Qt polishes a widget anew even where its style sheet stays the same.
        if style != self._style:
            self._style = style
            self.setStyleSheet(style)
