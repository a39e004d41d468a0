"""The buttons of the run bar: their words, their keys where there is room, why they are off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtWidgets import QPushButton

from labctl.gui.commands import Commands

__all__ = ["RunButtons"]

#: Action of the run bar -> what it is, and its key.
_TIPS: Final = {
    "parameters": "Every parameter, and the axes of a scan: Ctrl+M",
    "start": "Start the run: F5",
    "pause": "Pause or resume the run: F6",
    "abort": "Abort the run: Shift+F5; it switches the lasers off",
    "queue": "Add to the queue: Ctrl+F5",
}
_KEYS: Final = {"start": "F5", "pause": "F6", "abort": "Shift+F5", "queue": "Ctrl+F5"}


class RunButtons:
    """A button per action; pressing it does the command of the same name.

    Attributes:
        by_action: the buttons, in the order in which they stand.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.by_action = {action: self._button(action) for action in _TIPS}
        self.name(is_paused=False, is_armed=False, is_narrow=False)
        self.explain({})

    def name(self, *, is_paused: bool, is_armed: bool, is_narrow: bool) -> None:
        """Say on the buttons what they do now; a narrow bar leaves the keys to the tips."""
        words = {
            "parameters": "&More …" if is_narrow else "All para&meters",
            "start": "▲ Start, LASERS ON" if is_armed else "▶ Start",
            "pause": "▶ Resume" if is_paused else "❚❚ Pause",
            "abort": "■ Abort",
            "queue": "+ Queue",
        }
        for action, button in self.by_action.items():
            key = "" if is_narrow else _KEYS.get(action, "")
            text = f"{words[action]} {key}".rstrip()
            if text != button.text():
                button.setText(text)

    def explain(self, reasons: Mapping[str, str]) -> None:
        """Disable the buttons for which there is a reason, and have their tips say it."""
        for action, button in self.by_action.items():
            reason = reasons.get(action, "")
            button.setEnabled(not reason)
            button.setToolTip(f"Cannot {action}: {reason}" if reason else _TIPS[action])

    def _button(self, action: str) -> QPushButton:
        button = QPushButton()
        button.setAccessibleName(self._commands.action(f"run.{action}").text())
        button.clicked.connect(lambda: self._commands.do(f"run.{action}"))
        return button
