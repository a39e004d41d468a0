"""One instrument of the dock: a heading that folds, and a row per setting and reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QToolButton, QVBoxLayout, QWidget

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.safety_strip import emission_word
from labctl.gui.setting_reasons import is_unreachable
from labctl.gui.setting_requests import SettingRequests
from labctl.gui.setting_row import SettingRow, Situation
from labctl.gui.theme import Theme

__all__ = ["InstrumentGroup"]

#: What other rows of the same instrument depend on.
_CONCERNS_ALL = frozenset({"is_moving", "interlock_is_open", "key_is_on", "fault"})


class InstrumentGroup(QFrame):
    """Rows of one instrument: emission first, then settings, then readings."""

    def __init__(
        self, name: str, described: Mapping[str, Any], theme: Theme, requests: SettingRequests
    ) -> None:
        super().__init__()
        self.name = name
        self._theme = theme
        self._situation: Situation | None = None
        parameters = described["parameters"]
        ordered = sorted(parameters, key=lambda setting: _rank(parameters[setting]))
        self.rows = {
            setting: SettingRow(f"{name}.{setting}", parameters[setting], theme, requests)
            for setting in ordered
        }
        self.heading = QToolButton()
        self.heading.setText(name)
        self.heading.setToolTip(f"{described['identity']}, driver {described['driver']}")
        self.heading.setAccessibleName(f"{name}, show or hide")
        self.heading.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.heading.setAutoRaise(True)
        self.heading.setCheckable(True)
        self.heading.setChecked(True)
        self.heading.setArrowType(Qt.ArrowType.DownArrow)
        self.heading.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.heading.toggled.connect(self._fold)
        self._kinds = QLabel(", ".join(kind.replace("_", " ") for kind in described["kinds"]))
        self.state = QLabel()
        self.state.setAccessibleName(f"state of {name}")
        self._body = QWidget()
        self._add_layout()
        theme.changed.connect(self._style)
        self._style()

    def take(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Take new values of some rows; `draw_rows` shows them."""
        for setting, entry in values.items():
            if setting in self.rows:
                self.rows[setting].take(entry)

    def draw_rows(self, changed: Iterable[str], situation: Situation) -> None:
        """Show rows that have changed; all of them where the situation or their base has."""
        rows = set(changed)
        if situation != self._situation or rows & _CONCERNS_ALL:
            rows = set(self.rows)
            self._situation = situation
        for setting in rows & set(self.rows):
            self.rows[setting].draw(situation)
        self._draw_state(situation)

    def filter(self, words: Iterable[str]) -> bool:
        """Show only rows that all words are found in; return whether there are any."""
        wanted = [word.lower() for word in words]
        has_any = False
        for row in self.rows.values():
            text = f"{row.path} {row.label.text()} {row.described['doc']}".lower()
            is_found = all(word in text for word in wanted)
            row.setVisible(is_found)
            has_any = has_any or is_found
        self.setVisible(has_any)
        if wanted and has_any:
            self.heading.setChecked(True)
        return has_any

    def arrange(self, *, is_wide: bool) -> None:
        """Put every row in one line, or the editors in lines of their own."""
        for row in self.rows.values():
            row.arrange(is_wide=is_wide)

    def _add_layout(self) -> None:
        # In a narrow dock they go on in the next line.
        top = FlowLayout(spacing_px=8)
        for widget in (self.heading, self._kinds, self.state):
            top.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 3, 8, 6)
        layout.setSpacing(2)
        layout.addLayout(top)
        layout.addWidget(self._body)
        body = QVBoxLayout(self._body)
        body.setContentsMargins(8, 0, 0, 0)
        body.setSpacing(2)
        for row in self.rows.values():
            body.addWidget(row)

    def _fold(self, is_open: bool) -> None:  # noqa: FBT001  a Qt signal's argument
        self._body.setVisible(is_open)
        arrow = Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow
        self.heading.setArrowType(arrow)

    def _draw_state(self, situation: Situation) -> None:
        entries = {name: dict(row.entry) for name, row in self.rows.items() if row.entry}
        text = ""
        if not situation.is_connected:
            text = "old"
        elif is_unreachable(entries):
            text = "✖ cannot be reached"
        else:
            words = [
                emission_word(entries.get(name))
                for name, row in self.rows.items()
                if row.described["is_emission"]
            ]
            text = "▲ ON" if "on" in words else "▲ UNKNOWN" if "unknown" in words else ""
        if text != self.state.text():
            self.state.setText(text)

    def _style(self) -> None:
        colors = self._theme.colors
        self.setStyleSheet(
            f"InstrumentGroup {{ border: 1px solid {colors.border}; border-radius: 6px; }}"
            "InstrumentGroup > QToolButton { font-weight: bold; border: 1px solid transparent;"
            "border-radius: 4px; padding: 3px; }"
            f"InstrumentGroup > QToolButton:focus {{ border: 1px solid {colors.accent}; }}"
        )
        self._kinds.setStyleSheet(f"color: {colors.faint};")
        self.state.setStyleSheet("font-weight: bold;")
        for label in (self._kinds, self.state):
            label.setMinimumHeight(self.heading.sizeHint().height())


def _rank(described: Mapping[str, Any]) -> int:
    if described["is_emission"]:
        return 0
    return 1 if described["is_settable"] else 2
