"""The Runs window: what was recorded, found by words, looked at, compared, replayed, run again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.run_actions import RunActions
from labctl.gui.run_shown import RunShown
from labctl.gui.run_table import RunTable
from labctl.gui.runs_index import RunsIndex
from labctl.gui.runs_model import RunRow, RunsModel
from labctl.gui.theme import Theme

__all__ = ["RunsWindow"]

_SIZE_PX: Final = (1260, 700)
_LIST_PX: Final = (560, 700)
#: Typing goes on; the list follows when it rests.
_LOOK_AFTER_MS: Final = 120
_ENDED: Final = frozenset({"finished", "aborted", "failed"})


class RunsWindow(QWidget):
    """A window of its own that locks nothing; works without a service on what one has told.

    Attributes:
        again: (experiment, parameters) of a run that is to be made once more.
    """

    again = Signal(str, object)

    def __init__(
        self, link: ServiceLink, theme: Theme, commands: Commands, parent: QWidget
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._link, self._theme = link, theme
        self._folder: Path | None = None
        self._ended: tuple[str, str] = ("", "")
        self._is_stale = True
        self._told = ""
        self.setObjectName("runs window")
        self.setWindowTitle("Runs")
        self.model = RunsModel(theme)
        self.index = RunsIndex(self)
        self.shown = RunShown(theme, self)
        self.actions_ = RunActions(self, theme, commands)
        self._look_timer = QTimer(self)
        self._look_timer.setSingleShot(True)
        self._look_timer.timeout.connect(self._look_for)
        self._add_widgets()
        self._add_layout()
        self.actions_.draw()
        self.index.changed.connect(self._show_runs)
        self.index.told.connect(self._tell)
        self.table.selectionModel().selectionChanged.connect(self._select)
        QShortcut(QKeySequence("Esc"), self, self.close)
        QShortcut(QKeySequence("Ctrl+F"), self, self.search.setFocus)
        link.updated.connect(self._take)
        link.state_changed.connect(self._look_at_folder)

    @property
    def selected(self) -> list[RunRow]:
        """The runs that are worked on, in the order of the list."""
        chosen = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.model.rows[row] for row in chosen if row < len(self.model.rows)]

    def open_(self) -> None:
        """Show the window, in front."""
        if not self.isVisible():
            self.resize(*_SIZE_PX)
        self.show()
        self.raise_()
        self.activateWindow()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def select(self, path: Path) -> bool:
        """Select the run with this file; return whether it is in the list."""
        place = self.model.place_of(path)
        if place is None:
            return False
        # As a click without any key: what was selected is so no more.
        flag = QItemSelectionModel.SelectionFlag
        where = self.model.index(place, 0)
        self.table.selectionModel().setCurrentIndex(where, flag.ClearAndSelect | flag.Rows)
        return True

    def refresh(self) -> None:
        """Read what is new or has changed."""
        self._is_stale = True
        self._read_if_shown()

    def end(self) -> None:
        """End what is being read or played; the window can be opened again."""
        self.index.end()
        self.shown.end()
        self.actions_.end()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show how things are now."""
        super().showEvent(event)
        self._look_at_folder()
        self.refresh()

    def _add_widgets(self) -> None:
        self.search = QLineEdit()
        self.search.setAccessibleName("words to find runs by")
        self.search.setPlaceholderText("Find: chsh failed 2026-11 …")
        self.search.setToolTip(
            "All words must be found: a status, a date, an experiment, a run, parameters such as "
            "dwell_s=1, notes (Ctrl+F)"
        )
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._look_timer.start(_LOOK_AFTER_MS))
        self.refresh_button = QPushButton("Re&fresh")
        self.refresh_button.setAccessibleName("read the list of runs anew")
        self.refresh_button.clicked.connect(self.refresh)
        self.words = QLabel()
        self.words.setAccessibleName("state of the list of runs")
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.table = RunTable(self._theme, "runs", model=self.model)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)

    def _add_layout(self) -> None:
        line = QHBoxLayout()
        line.addWidget(self.search, 1)
        line.addWidget(self.refresh_button)
        left = QWidget()
        left_layout = QVBoxLayout(left)
        left_layout.setContentsMargins(0, 0, 0, 0)
        left_layout.addLayout(line)
        left_layout.addWidget(self.words)
        left_layout.addWidget(self.table, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(left)
        splitter.addWidget(self.shown)
        splitter.setSizes(list(_LIST_PX))
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.actions_.buttons)
        layout.addWidget(self.actions_.notice)

    def _take(self, topic: str, data: Any) -> None:
        if topic == "snapshot":
            self._look_at_folder()
            self.refresh()
        elif topic == "run" and self._has_ended(data):
            self.refresh()

    def _has_ended(self, run: Mapping[str, Any]) -> bool:
        """Return whether this is the first that is heard of this end."""
        is_ended = run.get("state") in _ENDED
        ended = (str(run.get("uid")), str(run.get("state"))) if is_ended else ("", "")
        is_new = is_ended and ended != self._ended
        self._ended = ended
        return is_new

    def _look_at_folder(self) -> None:
        folder = (self._link.latest.get("service") or {}).get("folder")
        found = Path(folder) if folder else None
        if found != self._folder:
            self._folder = found
            self._is_stale = True
        if self._folder is None:
            self._tell("No service has told yet where its run files are.")
        self._read_if_shown()

    def _read_if_shown(self) -> None:
        if self._is_stale and self._folder is not None and self.isVisible():
            self._is_stale = False
            self.index.refresh(self._folder)

    def _tell(self, text: str) -> None:
        is_gone = self._link.state != "connected" and self._folder is not None
        words = [text, "no service: what it has recorded is on the disk" if is_gone else ""]
        self._told = text
        hidden = self.model.known - len(self.model.rows)
        if hidden:
            words.insert(1, f"{len(self.model.rows)} of {self.model.known} shown")
        self.words.setText(" · ".join(word for word in words if word))

    def _look_for(self) -> None:
        paths = [row.path for row in self.selected]
        self.model.look_for(self.search.text())
        self._select_again(paths)
        self._tell(self._told)

    def _show_runs(self) -> None:
        paths = [row.path for row in self.selected]
        with QSignalBlocker(self.table.selectionModel()):
            self.model.show_runs(self.index.runs)
        self._select_again(paths)

    def _select_again(self, paths: list[Path]) -> None:
        """Select these as far as they are shown; else the newest run that is."""
        selection = self.table.selectionModel()
        places = [p for path in paths if (p := self.model.place_of(path)) is not None]
        flag = QItemSelectionModel.SelectionFlag
        if [row.path for row in self.selected] != paths or not places:
            with QSignalBlocker(selection):
                selection.clearSelection()
                for place in places or range(min(1, len(self.model.rows))):
                    where = self.model.index(place, 0)
                    selection.select(where, flag.Select | flag.Rows)
                    selection.setCurrentIndex(where, flag.NoUpdate)
        self.table.viewport().update()
        self._select()

    def _select(self) -> None:
        self.shown.show_runs([row.run for row in self.selected])
        self.actions_.draw()
