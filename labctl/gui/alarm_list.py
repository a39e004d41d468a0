"""Alarms and interlock rules as rows: what is wrong now, what was, and what is watched."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import QAbstractItemView, QListView, QListWidget, QListWidgetItem

from labctl.gui.log_lines import said_by
from labctl.gui.theme import Theme

__all__ = ["AlarmList", "AlarmRow", "rows_of"]

_ID: Final = Qt.ItemDataRole.UserRole
#: Rows are ordered by how soon somebody must look at them.
_RULE_WORDS: Final = {
    "violated": "▮ VIOLATED",
    "waiting": "▲ VIOLATED, about to act",
    "quiet": "✔ quiet",
}
_MAX_SHOWN_LINES: Final = 6


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One row.

    Attributes:
        id: number of the alarm; None of an interlock rule.
        tone: "alarm" or "warning" where somebody must look, else "plain".
    """

    id: int | None
    tone: str
    text: str


def rows_of(
    alarms: Sequence[Mapping[str, Any]], rules: Sequence[Mapping[str, Any]]
) -> list[AlarmRow]:
    """Return the rows, what matters most first; quiet rules last."""
    ordered = sorted(
        alarms,
        key=lambda a: (
            a["is_acknowledged"],
            not a["is_active"],
            a["severity"] != "alarm",
            -a["since_utc"],
        ),
    )
    order = list(_RULE_WORDS)
    judged = sorted(rules, key=lambda rule: order.index(rule["state"]))
    told = [_rule_row(rule) for rule in judged]
    loud = [row for row in told if row.tone != "plain"]
    return [
        *map(_alarm_row, ordered),
        *loud,
        *(row for row in told if row.tone == "plain"),
    ]


def _alarm_row(alarm: Mapping[str, Any]) -> AlarmRow:
    is_alarm = alarm["severity"] == "alarm"
    begun = time.strftime("%H:%M:%S", time.localtime(alarm["since_utc"]))
    parts = [
        "■ ALARM" if is_alarm else "▲ WARNING",
        "active" if alarm["is_active"] else "over",
        "acknowledged" if alarm["is_acknowledged"] else "new",
        f"since {begun}" if alarm["is_active"] else f"began {begun}",
    ]
    if alarm["count"] > 1:
        parts.append(f"{alarm['count']} times")
    needs_look = alarm["is_active"] and not alarm["is_acknowledged"]
    tone = ("alarm" if is_alarm else "warning") if needs_look else "plain"
    parts.append(said_by(str(alarm["source"]), str(alarm["text"])))
    return AlarmRow(int(alarm["id"]), tone, " · ".join(parts))


def _rule_row(rule: Mapping[str, Any]) -> AlarmRow:
    state = str(rule["state"])
    text = f"{_RULE_WORDS[state]} · interlock {rule['name']}: when {rule['when']}, then "
    text += ", ".join(rule["then"])
    if state != "quiet" and rule.get("reason"):
        text += f" · {rule['reason']}"
    if rule.get("unconfirmed"):
        text += f" · NOT CONFIRMED: {', '.join(rule['unconfirmed'])}"
    if rule.get("fired"):
        text += f" · acted {rule['fired']} times"
    return AlarmRow(None, {"violated": "alarm", "waiting": "warning"}.get(state, "plain"), text)


class AlarmList(QListWidget):
    """The rows; whole texts, in as many lines as they take."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._rows: list[AlarmRow] = []
        self.setAccessibleName("alarms and interlocks")
        self.setWordWrap(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSpacing(1)
        theme.changed.connect(self._fill)

    def show_rows(self, rows: list[AlarmRow]) -> None:
        """Show the rows; nothing is touched where they are the same."""
        if rows != self._rows:
            self._rows = rows
            self._fill()

    def chosen_alarms(self) -> list[int]:
        """Return the numbers of the selected alarms."""
        found = [item.data(_ID) for item in self.selectedItems()]
        return [alarm for alarm in found if alarm is not None]

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Want the height of the first few rows."""
        line_px = self.fontMetrics().height() + 6
        n_lines = min(max(2, len(self._rows)), _MAX_SHOWN_LINES)
        return QSize(super().sizeHint().width(), n_lines * line_px)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Need two lines."""
        return QSize(super().minimumSizeHint().width(), 2 * (self.fontMetrics().height() + 6))

    def _fill(self) -> None:
        chosen = set(self.chosen_alarms())
        colors = self._theme.colors
        grounds = {
            "alarm": (colors.alarm, colors.alarm_text),
            "warning": (colors.warning, colors.warning_text),
            "plain": (colors.ground, colors.text),
        }
        self.clear()
        for row in self._rows:
            item = QListWidgetItem(row.text)
            item.setData(_ID, row.id)
            ground, color = grounds[row.tone]
            item.setBackground(QBrush(QColor(ground)))
            item.setForeground(QBrush(QColor(color)))
            self.addItem(item)
            item.setSelected(row.id is not None and row.id in chosen)
        self.updateGeometry()
