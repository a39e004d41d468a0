"""The queue of runs as a table: what ended, what runs, what waits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from labctl.gui.parameter_schema import short_parameters
from labctl.gui.run_progress import clock_text

__all__ = ["QueueModel", "entry_parameters", "entry_title"]

_STATES: Final = {
    "waiting": "… waiting",
    "running": "▶ running",
    "finished": "✔ finished",
    "aborted": "■ aborted",
    "failed": "✖ FAILED",
}
_COLUMNS: Final = ("State", "Run", "Begins", "Ends", "Parameters")
_Index = QModelIndex | QPersistentModelIndex


class QueueModel(QAbstractTableModel):
    """Rows are entries as the service tells them; ended ones last, to see those to come at once."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Mapping[str, Any]] = []
        self.is_held = False

    def show_queue(self, queue: Mapping[str, Any]) -> None:
        """Take the queue; rows stay where the same entries stand as before."""
        self.is_held = bool(queue.get("is_held"))
        entries = [*queue.get("entries", []), *queue.get("ended", [])]
        is_same = [e["id"] for e in entries] == [e["id"] for e in self.entries]
        if is_same:
            self.entries = entries
            if entries:
                last = self.index(len(entries) - 1, len(_COLUMNS) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def row_of(self, entry_id: str) -> int | None:
        """Return the row of an entry, None where it is not shown."""
        for row, entry in enumerate(self.entries):
            if entry["id"] == entry_id:
                return row
        return None

    def waiting_place(self, entry_id: str) -> int | None:
        """Return the place among those that wait, counted from 0; None where it does not wait."""
        waiting = [entry["id"] for entry in self.entries if entry["state"] == "waiting"]
        return waiting.index(entry_id) if entry_id in waiting else None

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return sum(entry["state"] == "waiting" for entry in self.entries)

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's signature
        """Return how many entries there are."""
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008  as above
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(  # noqa: N802  Qt's name
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the titles of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _COLUMNS[section]
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text; the tooltip is everything that is known of the entry."""
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, _COLUMNS[index.column()])
        if role == Qt.ItemDataRole.ToolTipRole:
            return entry_parameters(entry)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{_COLUMNS[index.column()]}: {self._text(entry, _COLUMNS[index.column()])}"
        return None

    def _text(self, entry: Mapping[str, Any], column: str) -> str:
        if column == "State":
            return _STATES.get(str(entry["state"]), "? unknown")
        if column == "Run":
            return entry_title(entry)
        if column == "Parameters":
            return entry_parameters(entry)
        moment = entry.get("start_utc" if column == "Begins" else "end_utc")
        if moment is not None:
            return clock_text(moment, time.time())
        if entry["state"] == "waiting":
            return "held" if self.is_held else "not known"
        return "–"


def entry_title(entry: Mapping[str, Any]) -> str:
    """Return number and name of an entry."""
    name = entry.get("label") or entry["experiment"]
    if entry["experiment"] == "scan" and not entry.get("label"):
        name = f"scan of {entry['parameters'].get('each', 'counting')}"
    return f"{entry['id']} {name}"


def entry_parameters(entry: Mapping[str, Any]) -> str:
    """Return what an entry will do, in one line; of one that ended, why it ended so."""
    parts = [str(entry["reason"])] if entry.get("reason") else []
    parameters = dict(entry["parameters"])
    if entry["experiment"] == "scan":
        parts += [_axis_text(axis) for axis in parameters.get("axes", [])]
        parameters = parameters.get("parameters", {})
    parts.append(short_parameters(parameters) or "defaults")
    points = entry.get("points") or 0
    parts.append(f"{points} point{'' if points == 1 else 's'}")
    if entry.get("arm"):
        parts.append("ARMED: lasers may be switched on")
    return " · ".join(parts)


def _axis_text(axis: Any) -> str:
    if isinstance(axis, Mapping):
        return f"{axis.get('setting')} {','.join(map(str, axis.get('values', [])))}"
    return str(axis)
