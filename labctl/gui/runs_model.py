"""The runs as a table: one line each, found by words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QBrush, QColor

from labctl.gui.theme import Theme
from labctl.runs.run_index import IndexedRun

__all__ = ["STATUS_SYMBOLS", "RunRow", "RunsModel", "having", "row_of", "status_text"]

STATUS_SYMBOLS: Final = {
    "running": "▶",
    "finished": "✔",
    "aborted": "■",
    "failed": "✖",
    "interrupted": "▲",
    "damaged": "⚠",
}
_HEADINGS: Final = ("Started (UTC)", "Experiment", "Status", "Hardware", "Run", "Notes")
_STATUS_COLUMN: Final = 2
_HARDWARE_COLUMN: Final = 3
_SIMULATED: Final = "SIMULATED"
_TROUBLED: Final = frozenset({"failed", "interrupted", "damaged"})
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
#: `2026-11-23T07-15-02`, with which the name of a run file begins.
_NAMED_SECOND: Final = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})")
_NOWHERE: Final = QModelIndex()
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in words, in the order of the columns.

    Attributes:
        details: its tooltip.
        haystack: where words are looked for, in lower case.
    """

    run: IndexedRun
    texts: tuple[str, ...]
    details: str
    haystack: str

    @property
    def path(self) -> Path:
        """The run's first file."""
        return self.run.found.path


def having(rows: Sequence[RunRow], text: str) -> list[RunRow]:
    """Return the rows in which all words of the text are found.

    The name of a status means that status and a date the day, month or year of the start; any
    other word may stand anywhere.
    """
    found = list(rows)
    for word in text.lower().split():
        if word in STATUS_SYMBOLS:
            found = [row for row in found if row.run.found.status == word]
        elif _DATE.fullmatch(word):
            # Four digits may be the beginning of a run's name as well.
            found = [
                row
                for row in found
                if row.texts[0].startswith(word) or row.run.found.uid.startswith(word)
            ]
        else:
            found = [row for row in found if word in row.haystack]
    return found


def status_text(status: str) -> str:
    """Return a status as symbol and word."""
    return f"{STATUS_SYMBOLS.get(status, '?')} {status}"


def row_of(run: IndexedRun) -> RunRow:
    """Return the run as a row of the table."""
    found = run.found
    if found.status == "damaged":
        started, hardware = _started_by_name(found.path), "?"
    else:
        started = found.start_utc[:19].replace("T", " ")
        hardware = _SIMULATED if found.simulated else "real"
    notes = " · ".join(run.notes) or found.reason
    # A table's line has room for one line.
    notes = " ".join(notes.split())
    texts = (
        started,
        found.experiment or found.path.stem,
        status_text(found.status),
        hardware,
        found.uid,
        notes,
    )
    parameters = [f"{name}={value}" for name, value in run.parameters.items()]
    details = [str(found.path), found.reason, *run.notes]
    words = (*texts, *parameters, *details, found.operator)
    return RunRow(run, texts, "\n".join(d for d in details if d), "\n".join(words).lower())


def _started_by_name(path: Path) -> str:
    named = _NAMED_SECOND.match(path.name)
    return f"{named[1]} {named[2]}:{named[3]}:{named[4]}" if named else ""


class RunsModel(QAbstractTableModel):
    """Rows of runs, newest first, as far as they match the words that are looked for."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._all: list[RunRow] = []
        self._rows: list[RunRow] = []
        self._made: dict[Path, RunRow] = {}
        self._text = ""

    @property
    def rows(self) -> list[RunRow]:
        """What is shown."""
        return self._rows

    @property
    def known(self) -> int:
        """How many runs there are, whether shown or not."""
        return len(self._all)

    def show_runs(self, runs: Sequence[IndexedRun]) -> None:
        """Show these runs."""
        made = self._made
        self._all = [
            row if (row := made.get(run.found.path)) and row.run is run else row_of(run)
            for run in runs
        ]
        self._made = {row.path: row for row in self._all}
        self._filter()

    def look_for(self, text: str) -> None:
        """Show the runs in which all words of the text are found."""
        self._text = text
        self._filter()

    def place_of(self, path: Path) -> int | None:
        """Return the row of a run; None where it is not shown."""
        return next((n for n, row in enumerate(self._rows) if row.path == path), None)

    def _filter(self) -> None:
        wanted = having(self._all, self._text)
        present = len(self._rows)
        if wanted == self._rows:
            return
        if present and wanted[:present] == self._rows:
            # Older runs come last while the files are read: what is selected stays.
            self.beginInsertRows(_NOWHERE, present, len(wanted) - 1)
            self._rows = wanted
            self.endInsertRows()
            return
        self.beginResetModel()
        self._rows = wanted
        self.endResetModel()

    def rowCount(self, parent: Index = _NOWHERE) -> int:  # noqa: N802  Qt's name
        """Return how many runs are shown."""
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
        """Return a cell's text; trouble and simulated runs stand out."""
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.details
        colors = self._theme.colors
        if index.column() == _STATUS_COLUMN and row.run.found.status in _TROUBLED:
            if role == Qt.ItemDataRole.BackgroundRole:
                return QBrush(QColor(colors.warning))
            if role == Qt.ItemDataRole.ForegroundRole:
                return QBrush(QColor(colors.warning_text))
        is_badge = index.column() == _HARDWARE_COLUMN and row.texts[_HARDWARE_COLUMN] == _SIMULATED
        if is_badge and role == Qt.ItemDataRole.ForegroundRole:
            return QBrush(QColor(colors.accent))
        return None
