"""The command palette, Ctrl+K: every command by a few letters, and settings set by typing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import QEvent, QModelIndex, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from labctl.errors import LimitError
from labctl.gui.commands import Command, Commands
from labctl.gui.fuzzy import fuzzy_score
from labctl.gui.link import ServiceLink
from labctl.gui.palette_entries import EntriesModel, Entry, EntryDelegate
from labctl.gui.set_line import SetLine, fitting_settings, parse_set, parse_value
from labctl.gui.setting_reasons import why_locked
from labctl.gui.setting_requests import SettingRequests
from labctl.gui.theme import Theme
from labctl.gui.undo import UndoHistory
from labctl.units import format_quantity

__all__ = ["CommandPalette"]

#: Of so many letters on, settings are offered among the commands.
_LETTERS: Final = 3
_MAX_SETTINGS: Final = 20
_WIDTH_PX: Final = 680
_MARGIN_PX: Final = 60
_HINT: Final = "Enter does it · Tab completes · Esc closes"
_KEYS: Final = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageDown: 8,
    Qt.Key.Key_PageUp: -8,
}


class CommandPalette(QFrame):
    """Lies over the window while it is open; nothing waits for it and nothing is locked by it.

    `set pump.power_mw 5` sets a value and says what the instrument reads back; emission can be
    typed off, never on. Lives in the window's thread.
    """

    def __init__(
        self, window: QWidget, commands: Commands, theme: Theme, link: ServiceLink
    ) -> None:
        super().__init__(window)
        self._window, self._commands, self._theme, self._link = window, commands, theme, link
        self._settings: dict[str, dict[str, Any]] = {}
        self._setting = ""
        self._former: Callable[[str], Any] = self._told_value
        self._requests = SettingRequests(link, UndoHistory())
        self._requests.changed.connect(self._tell_end)
        self._before: QWidget | None = None
        self.input = QLineEdit()
        self.input.setAccessibleName("command, or set INSTRUMENT.SETTING VALUE")
        self.input.setPlaceholderText("A command, or: set pump.power_mw 5")
        self.input.textChanged.connect(self._refill)
        self.input.installEventFilter(self)
        self.entries = EntriesModel()
        self.list = QListView()
        self.list.setAccessibleName("commands that fit")
        self.list.setModel(self.entries)
        self.list.setItemDelegate(EntryDelegate(theme, self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self._click)
        self.told = QLabel(_HINT)
        self.told.setAccessibleName("answer")
        self.told.setWordWrap(True)
        layout = QVBoxLayout(self)
        for widget in (self.input, self.list, self.told):
            layout.addWidget(widget)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        window.installEventFilter(self)
        theme.changed.connect(self._style)
        self._style()
        self.hide()

    def set_through(self, requests: SettingRequests, former: Callable[[str], Any]) -> None:
        """Let what is typed here be undone as what is set elsewhere in the window.

        Args:
            requests: of the window.
            former: tells what a setting was set to before.
        """
        self._requests.changed.disconnect(self._tell_end)
        self._requests, self._former = requests, former
        requests.changed.connect(self._tell_end)

    def open_(self) -> None:
        """Show the palette, empty, with the keyboard in it; once open, close it."""
        if self.isVisible():
            self.close_()
            return
        self._before = self._window.focusWidget()
        self.input.clear()
        self.told.setText(_HINT)
        self._refill("")
        self._place()
        self.show()
        self.raise_()
        self.input.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._link.ask(
            "read the settings",
            lambda client: client.parameters(),
            self._take_settings,
            lambda error: self.told.setText(f"No settings can be set: {error}"),
        )

    def close_(self) -> None:
        """Hide the palette and give the keyboard back to where it was."""
        self.hide()
        if self._before is not None:
            self._before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._window.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Take the keys that move and choose, and follow the window's size."""
        if watched is self._window and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        if watched is self.input and isinstance(event, QKeyEvent):
            if event.type() == QEvent.Type.KeyPress:
                return self._press(Qt.Key(event.key()))
            if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()
        return super().eventFilter(watched, event)

    def _press(self, key: Qt.Key) -> bool:
        if key == Qt.Key.Key_Escape:
            self.close_()
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._choose(self._chosen())
        elif key == Qt.Key.Key_Tab:
            if (entry := self._chosen()) is not None and entry.line:
                self.input.setText(entry.line)
        elif key in _KEYS:
            self._move(_KEYS[key])
        else:
            return False
        return True

    def _move(self, steps: int) -> None:
        rows = self.entries.rowCount()
        if rows:
            row = min(max(self.list.currentIndex().row() + steps, 0), rows - 1)
            self.list.setCurrentIndex(self.entries.index(row, 0))

    def _chosen(self) -> Entry | None:
        index = self.list.currentIndex()
        return self.entries.entry(index.row()) if index.isValid() else None

    def _click(self, index: QModelIndex) -> None:
        self._choose(self.entries.entry(index.row()))

    def _choose(self, entry: Entry | None) -> None:
        if entry is None:
            self.told.setText("Nothing fits what was typed.")
        elif entry.reason:
            self.told.setText(f"{entry.text}: {entry.reason}")
        elif entry.command:
            self.close_()
            self._commands.do(entry.command)
        elif entry.value is not None:
            self._set(entry)
        else:
            self.input.setText(entry.line)

    def _set(self, entry: Entry) -> None:
        self._setting = entry.path
        if self._settings[entry.path]["is_emission"]:
            # On cannot be typed.
            self._requests.switch_off(entry.path)
        else:
            former = self._former(entry.path)
            self._requests.set(entry.path, entry.value, former=former)
        self.input.selectAll()

    def _tell_end(self, path: str) -> None:
        """Say how setting goes that was typed here."""
        sent = self._requests.sent(path)
        if path != self._setting or sent is None:
            return
        unit = str(self._settings[path]["unit"])
        if sent.is_under_way:
            self.told.setText(f"setting {path} to {format_quantity(sent.value, unit)} …")
            return
        self._setting = ""
        read = f"{path} reads back {format_quantity(sent.reply, unit)}"
        self.told.setText(sent.error or read)

    def _told_value(self, path: str) -> Any:
        name, _, setting = path.partition(".")
        known = (self._link.latest.get("instruments") or {}).get(name, {})
        return (known.get(setting) or {}).get("value")

    def _take_settings(self, instruments: dict[str, Any]) -> None:
        self._settings = {
            f"{name}.{setting}": described
            for name, instrument in instruments.items()
            for setting, described in instrument["parameters"].items()
        }
        self._refill(self.input.text())

    def _refill(self, typed: str) -> None:
        line = parse_set(typed)
        found = self._anything_for(typed) if line is None else self._settings_for(line)
        self.entries.show(found)
        if found:
            self.list.setCurrentIndex(self.entries.index(0, 0))

    def _anything_for(self, typed: str) -> list[Entry]:
        """Return commands and, of some letters on, settings: the best first."""
        found = [
            (fuzzy_score(typed, command.text), _entry_of(command))
            for command in self._commands
            if command.name != "palette"
        ]
        if len(typed.strip()) >= _LETTERS:
            found += [
                (fuzzy_score(typed, path), self._completion(path))
                for path in fitting_settings(typed, self._settings)[:_MAX_SETTINGS]
            ]
        fitting = [(score, entry) for score, entry in found if score is not None]
        # A sort that keeps the order of menus where nothing was typed.
        return [entry for _, entry in sorted(fitting, key=lambda one: -one[0])]

    def _settings_for(self, line: SetLine) -> list[Entry]:
        described = self._settings.get(line.path)
        if described is None or not line.value:
            return self._completions(line.path)
        try:
            value = parse_value(line.path, described, line.value)
        except LimitError as error:
            return [Entry(f"set {line.path} {line.value}", "Setting", reason=str(error))]
        text = f"set {line.path} = {format_quantity(value, str(described['unit']))}"
        return [
            Entry(
                text,
                "Setting",
                reason=why_locked(self._link, is_unlocked=False),
                path=line.path,
                value=value,
            )
        ]

    def _completions(self, typed: str) -> list[Entry]:
        paths: Sequence[str] = fitting_settings(typed, self._settings)
        return [self._completion(path) for path in paths[:_MAX_SETTINGS]]

    def _completion(self, path: str) -> Entry:
        return Entry(f"set {path} …  {self._hint_of(path)}", "Setting", line=f"set {path} ")

    def _hint_of(self, path: str) -> str:
        """Return what a setting is now, and what it may be."""
        described = self._settings[path]
        name, _, setting = path.partition(".")
        known = (self._link.latest.get("instruments") or {}).get(name, {}).get(setting) or {}
        unit = str(described["unit"])
        parts = []
        if known.get("value") is not None:
            parts.append(f"now {format_quantity(known['value'], unit)}")
        if described["limits"]:
            low, high = described["limits"]
            parts.append(f"{low:g} to {high:g} {unit}".strip())
        elif described["choices"] and described["type"] == "choice":
            parts.append(", ".join(str(choice) for choice in described["choices"]))
        return f"({'; '.join(parts)})" if parts else ""

    def _place(self) -> None:
        width = min(_WIDTH_PX * (4 if self._theme.is_large else 3) // 3, self._window.width() - 20)
        height = min(self._window.height() - 2 * _MARGIN_PX, 460)
        self.setGeometry((self._window.width() - width) // 2, _MARGIN_PX, width, height)

    def _style(self) -> None:
        colors = self._theme.colors
        self.setAutoFillBackground(True)
        self.setStyleSheet(
            f"CommandPalette {{ background: {colors.panel}; border: 2px solid {colors.accent};"
            "border-radius: 8px; }"
        )
        self.told.setStyleSheet(f"color: {colors.faint};")


def _entry_of(command: Command) -> Entry:
    return Entry(
        command.text,
        command.group,
        key=command.key,
        reason=command.why_not(),
        command=command.name,
    )
