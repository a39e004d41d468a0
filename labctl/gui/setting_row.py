"""One setting or reading: its editor, its read-back beside it, and what became of the last set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QEnterEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from labctl.gui.emission_switch import EmissionSwitch
from labctl.gui.number_edit import NumberEdit
from labctl.gui.safety_strip import emission_word
from labctl.gui.setting_editors import NumbersEdit, make_editor
from labctl.gui.setting_menu import fill_menu
from labctl.gui.setting_reasons import move_text
from labctl.gui.setting_requests import SettingRequests
from labctl.gui.setting_text import label_of, limits_text, read_at, state_word, value_text
from labctl.gui.theme import Theme
from labctl.units import format_quantity

__all__ = ["SettingRow", "Situation"]

_EMISSION_WORDS = {"on": "▲ ON", "off": "○ off", "unknown": "▲ UNKNOWN, may be on"}
#: Labels that are longer are broken into two lines.
_LONG_LABEL = 14


@dataclass(frozen=True, slots=True)
class Situation:
    """What rows of one instrument have in common.

    Attributes:
        is_connected: values come from a service that is there.
        locked: why no setting may be changed; empty where they may.
        no_emission: why emission may not be switched on.
        is_moving: what the instrument says of itself, None where it says nothing.
    """

    is_connected: bool = False
    locked: str = "there is no service yet"
    no_emission: str = ""
    is_moving: bool | None = None


class SettingRow(QWidget):
    """A row that changes only when its own value, request or situation does.

    Attributes:
        inspected: path of the row under the mouse.
        undo_asked: path of the setting whose last change is to be undone.
    """

    inspected = Signal(str)
    undo_asked = Signal(str)

    def __init__(
        self, path: str, described: Mapping[str, Any], theme: Theme, requests: SettingRequests
    ) -> None:
        super().__init__()
        self.path, self.described = path, described
        self._theme, self._requests = theme, requests
        #: What was set last, by whomever; None where only read-backs are known.
        self.set_point: Any = None
        self._entry: Mapping[str, Any] | None = None
        self._situation = Situation()
        self._refusal = ""
        self._has_draft = False
        self._look: tuple[str, ...] = ()
        self.editor: Any = self._make_editor() if described["is_settable"] else None
        self.label = QLabel(_broken(label_of(path.rpartition(".")[2])))
        if self.editor is not None:
            self.label.setBuddy(self.editor)
        self.read_back = QLabel()
        self.read_back.setAccessibleName(f"read-back of {path}")
        self.read_back.setWordWrap(True)
        self.read_back.setMinimumWidth(1)
        self.note = QLabel()
        self.note.setAccessibleName(f"state of {path}")
        self.note.setWordWrap(True)
        # Text comes from instruments: nothing in it is markup.
        for text in (self.note, self.read_back):
            text.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setVisible(False)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 1, 0, 1)
        self._grid.setHorizontalSpacing(6)
        self._grid.setVerticalSpacing(2)
        self.arrange(is_wide=True)
        theme.changed.connect(self._restyle)

    @property
    def needs_width(self) -> bool:
        """Whether the editor has always a line of its own."""
        return isinstance(self.editor, (EmissionSwitch, NumbersEdit))

    @property
    def entry(self) -> Mapping[str, Any] | None:
        """What was read back last."""
        return self._entry

    @property
    def shown_value(self) -> Any:
        """The set-point, or the read-back where no set-point is known."""
        if self.set_point is not None or self._entry is None:
            return self.set_point
        return self._entry["value"]

    def arrange(self, *, is_wide: bool) -> None:
        """Put everything in one line, or the editor in a line of its own."""
        for widget in (self.label, self.editor, self.read_back, self.note):
            if widget is not None:
                self._grid.removeWidget(widget)
        self._grid.addWidget(self.label, 0, 0)
        if self.editor is None:
            self._grid.addWidget(self.read_back, 0, 1, 1, 2)
        elif is_wide and not self.needs_width:
            self._grid.addWidget(self.editor, 0, 1)
            self._grid.addWidget(self.read_back, 0, 2)
        else:
            self._grid.addWidget(self.read_back, 0, 1, 1, 2)
            self._grid.addWidget(self.editor, 1, 0, 1, 3)
        self._grid.addWidget(self.note, 2, 0, 1, 3)
        self._grid.setColumnStretch(1, 3)
        self._grid.setColumnStretch(2, 2)

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take a new value; `draw` shows it."""
        is_set = self.described["is_settable"] and entry["state"] == "held"
        if is_set and not self._is_under_way():
            self.set_point = entry["value"]
            if self._situation.is_moving is not None and self._entry is not None:
                # It is on its way there: where it is now, the next reading tells.
                entry = {**entry, "value": self._entry["value"]}
        self._entry = entry

    def take_end(self) -> None:
        """Take notice that the request under way has begun or ended."""
        sent = self._requests.sent(self.path)
        if sent is None or self.described["is_emission"]:
            return
        self._refusal = ""
        # What was refused leaves what was set before.
        self.set_point = sent.former if sent.error else sent.value

    def draw(self, situation: Situation) -> None:
        """Show the newest of everything."""
        self._situation = situation
        word = state_word(self._entry, is_connected=situation.is_connected)
        self._draw_read_back(word)
        if isinstance(self.editor, EmissionSwitch):
            self.editor.refuse(situation.locked or situation.no_emission)
        elif self.editor is not None:
            self.editor.show_value(self.shown_value)
            self.editor.setEnabled(not situation.locked)
        self._draw_note(word)
        self.setToolTip(self.details())

    def details(self) -> str:
        """Return what there is to know of the row: name, meaning, limits, step, why locked."""
        described = self.described
        parts = [f"{self.path}: {described['doc']}"]
        if not described["is_settable"]:
            parts.append("Read only.")
        elif allowed := limits_text(described):
            step = ""
            if isinstance(self.editor, NumberEdit):
                step = f", step {self.editor.text_of(self.editor.step_size)}"
            parts.append(f"Allowed: {allowed}{step}.")
        if self.editor is not None and self._situation.locked:
            parts.append(f"Locked: {self._situation.locked}.")
        parts.append(f"{read_at(self._entry)}.".capitalize())
        return " ".join(parts)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802  Qt's name
        """Offer to copy, to choose the step and to undo."""
        menu = fill_menu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(event.globalPos())

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802  Qt's name
        """Say that the mouse is here."""
        self.inspected.emit(self.path)
        super().enterEvent(event)

    def _make_editor(self) -> Any:
        if self.described["is_emission"]:
            switch = EmissionSwitch(self.path)
            switch.switched_on.connect(lambda: self._requests.switch_on(self.path))
            switch.switched_off.connect(lambda: self._requests.switch_off(self.path))
            return switch
        editor = make_editor(self.path, self.described)
        editor.committed.connect(self._commit)
        editor.refused.connect(self._refuse)
        editor.drafted.connect(self._drafted)
        if not isinstance(editor, NumbersEdit):
            editor.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        return editor

    def _commit(self, value: Any) -> None:
        self._refusal = ""
        former = self.shown_value
        self.set_point = value
        self._requests.set(self.path, value, former=former)

    def _refuse(self, why: str) -> None:
        self._refusal = why
        self.draw(self._situation)

    def _drafted(self, has_draft: bool) -> None:  # noqa: FBT001  a Qt signal's argument
        self._has_draft = has_draft
        if not has_draft:
            self._refusal = ""
            self._requests.forget_error(self.path)
        self.draw(self._situation)

    def _is_under_way(self) -> bool:
        sent = self._requests.sent(self.path)
        return sent is not None and sent.is_under_way

    def _draw_read_back(self, word: str) -> None:
        value = None if self._entry is None else self._entry["value"]
        if self.described["is_emission"]:
            known = dict(self._entry or {}) if self._situation.is_connected else None
            text = _EMISSION_WORDS[emission_word(known)]
        elif self.described["type"] == "switch":
            text = format_quantity(value, "") if value is not None else "no value"
        else:
            text = value_text(value, self.described["unit"])
        is_fresh = word == "fresh"
        shown = text if is_fresh else f"{text} · {word}"
        if self._look != (shown, word, self._theme.colors.name):
            self._look = (shown, word, self._theme.colors.name)
            self.read_back.setText(shown)
            self.read_back.setAccessibleDescription(word)
            self._style_read_back(is_fresh=is_fresh)

    def _style_read_back(self, *, is_fresh: bool) -> None:
        colors = self._theme.colors
        style = "" if is_fresh else f"color: {colors.stale}; font-style: italic;"
        if style != self.read_back.styleSheet():
            self.read_back.setStyleSheet(style)

    def _draw_note(self, word: str) -> None:
        kind, text = self._note_text(word)
        colors = self._theme.colors
        style = ""
        if kind == "error":
            style = f"background: {colors.alarm}; color: {colors.alarm_text};"
            style += " border-radius: 3px; padding: 2px 5px;"
        elif kind:
            style = f"color: {colors.accent};"
        if self.note.text() != text or self.note.styleSheet() != style:
            self.note.setText(text)
            self.note.setStyleSheet(style)
            self.note.setVisible(bool(text))

    def _note_text(self, word: str) -> tuple[str, str]:
        sent = self._requests.sent(self.path)
        error = self._refusal or (sent.error if sent is not None else "")
        if error:
            return "error", f"✖ {error}"
        if self._has_draft:
            return "draft", "not set yet: Enter sets it, Esc drops it"
        if moves := self._move_text():
            return "move", moves
        if word == "✖ error" and self._entry is not None:
            return "error", str(self._entry["error"])
        if self.described["is_emission"] and self._situation.no_emission:
            return "reason", f"cannot be switched on: {self._situation.no_emission}"
        return "", ""

    def _move_text(self) -> str:
        sent = self._requests.sent(self.path)
        if sent is not None and not sent.is_under_way and sent.value != self.set_point:
            return ""  # Somebody else has set it since.
        value = None if self._entry is None else self._entry["value"]
        return move_text(self.described, sent, value, is_moving=self._situation.is_moving)

    def _restyle(self) -> None:
        self._look = ()
        self.draw(self._situation)


def _broken(label: str) -> str:
    """Return a long label in two lines, broken at the space that is nearest to its middle."""
    spaces = [at for at, letter in enumerate(label) if letter == " "]
    if len(label) <= _LONG_LABEL or not spaces:
        return label
    at = min(spaces, key=lambda place: abs(place - len(label) / 2))
    return f"{label[:at]}\n{label[at + 1 :]}"
