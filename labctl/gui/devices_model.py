"""The instruments as a table: whether each is there, what it is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QColor

from labctl.gui.link import ServiceLink
from labctl.gui.setting_reasons import is_unreachable
from labctl.gui.theme import Theme

__all__ = ["DeviceRow", "DevicesModel", "device_rows", "device_state"]

_HEADINGS: Final = (
    "Instrument",
    "State",
    "Hardware",
    "Alarms",
    "Kind",
    "Identity",
    "Driver",
    "Address",
)
_SHOWN_ALARMS: Final = 4
_NOWHERE: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One instrument in words, in the order of the columns; `details` is its tooltip."""

    texts: tuple[str, ...]
    details: str

    @property
    def name(self) -> str:
        """Name on the bench."""
        return self.texts[0]

    @property
    def is_well(self) -> bool:
        """Whether nothing about its state needs a look."""
        return self.texts[1].startswith("✔")


def device_state(
    link_state: str, values: Mapping[str, Mapping[str, Any]], *, is_streaming: bool = False
) -> str:
    """Return symbol and words for an instrument, from its read-backs.

    `is_streaming`: tags come from it, and some taggers answer no questions meanwhile.
    """
    if link_state != "connected":
        return "? unknown, no service"
    if not values:
        return "? not read yet"
    if is_unreachable(values):
        return "✖ lost"
    states = [entry["state"] for entry in values.values()]
    if "error" in states:
        return f"▲ connected, {states.count('error')} of {len(states)} values cannot be read"
    if "fresh" in states:
        return "✔ connected"
    return "✔ connected, streams; settings held" if is_streaming else "◌ stale, not read now"


def device_rows(link: ServiceLink, described: Mapping[str, Mapping[str, Any]]) -> list[DeviceRow]:
    """Return a row for every instrument, as things are now."""
    values = link.latest.get("instruments") or {}
    alarms = (link.latest.get("alarms") or {}).get("alarms", [])
    taggers = (link.latest.get("health") or {}).get("taggers", {})
    streaming = {name for name, tagger in taggers.items() if tagger["is_running"]}
    rows = []
    for name, facts in described.items():
        own = [alarm for alarm in alarms if alarm["source"] == name]
        texts = (
            name,
            device_state(link.state, values.get(name, {}), is_streaming=name in streaming),
            "SIMULATED" if facts["simulated"] else "real",
            _alarm_text(own),
            ", ".join(kind.replace("_", " ") for kind in facts["kinds"]),
            facts["identity"],
            facts["driver"],
            facts["address"],
        )
        rows.append(DeviceRow(texts, _details(name, own)))
    return rows


def _alarm_text(alarms: Sequence[Mapping[str, Any]]) -> str:
    active = [alarm for alarm in alarms if alarm["is_active"]]
    if active:
        worst = "✖" if any(alarm["severity"] == "alarm" for alarm in active) else "▲"
        return f"{worst} {len(active)} active"
    return f"{len(alarms)} over" if alarms else "none"


def _details(name: str, alarms: Sequence[Mapping[str, Any]]) -> str:
    if not alarms:
        return f"{name}: no alarms"
    lines = [f"{'active' if a['is_active'] else 'over'}: {a['text']}" for a in alarms]
    return "\n".join(lines[-_SHOWN_ALARMS:])


class DevicesModel(QAbstractTableModel):
    """Rows of instruments; only what differs is drawn again."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._rows: list[DeviceRow] = []

    @property
    def rows(self) -> list[DeviceRow]:
        """What is shown."""
        return self._rows

    def show_rows(self, rows: list[DeviceRow]) -> None:
        """Show these; the selection stays where the instruments are the same."""
        if [row.name for row in rows] != [row.name for row in self._rows]:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
            return
        for place, (row, former) in enumerate(zip(rows, self._rows, strict=True)):
            if row != former:
                self._rows[place] = row
                last = self.columnCount() - 1
                self.dataChanged.emit(self.index(place, 0), self.index(place, last))

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802  Qt's name
        """Return how many instruments there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802  Qt's name
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(_HEADINGS)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the heading of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADINGS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text; the state of what is not well stands out."""
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.details
        if index.column() == 1 and not row.is_well:
            colors = self._theme.colors
            if role == Qt.ItemDataRole.BackgroundRole:
                return QBrush(QColor(colors.warning))
            if role == Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(colors.warning_text))
        return None
