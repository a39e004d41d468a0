"""What can be done in the window, once: for menus, keys, buttons and the command palette."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

__all__ = ["Command", "Commands"]


def _nothing_against() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something an operator can do.

    Attributes:
        name: identifier, such as "run.start".
        text: what menus and the palette show, such as "Start run".
        act: does it.
        key: shortcut, such as "F5"; empty for none.
        group: menu in which it stands: "Run", "View", "Tools", "Help", "Laboratory".
        why_not: why it cannot be done now; empty when it can.
    """

    name: str
    text: str
    act: Callable[[], None]
    key: str = ""
    group: str = "Tools"
    why_not: Callable[[], str] = _nothing_against


class Commands(QObject):
    """The commands of a window, by name; each becomes one QAction of it.

    Lives in the window's thread.
    """

    #: Why a command that was asked for could not be done now.
    refused = Signal(str)
    #: Name of a command that has become known.
    added = Signal(str)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._commands: dict[str, Command] = {}
        self._actions: dict[str, QAction] = {}

    def add(self, command: Command) -> QAction:
        """Make the command known; return the action that does it."""
        action = QAction(command.text, self._window)
        if command.key:
            action.setShortcut(QKeySequence(command.key))
        action.triggered.connect(lambda: self.do(command.name))
        self._window.addAction(action)
        self._commands[command.name] = command
        self._actions[command.name] = action
        self.added.emit(command.name)
        return action

    def do(self, name: str) -> None:
        """Do the command, or say why it cannot be done now."""
        command = self._commands[name]
        reason = command.why_not()
        if reason:
            self.refused.emit(f"{command.text}: {reason}")
        else:
            command.act()

    def action(self, name: str) -> QAction:
        """Return the action of a command."""
        return self._actions[name]

    def command(self, name: str) -> Command:
        """Return a command by its name."""
        return self._commands[name]

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())
