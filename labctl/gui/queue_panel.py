"""The queue of runs: what waits, in which order, and whether it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
)

from labctl.gui.commands import Command, Commands
from labctl.gui.fitted_panel import FittedPanel
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.link import ServiceLink
from labctl.gui.notice import Notice
from labctl.gui.queue_model import QueueModel, entry_parameters, entry_title
from labctl.gui.rights import why_no_change
from labctl.gui.run_progress import clock_text
from labctl.gui.seen import Front, is_seen
from labctl.gui.theme import Theme
from labctl.service import LabClient

__all__ = ["QueuePanel"]

_POLICIES: Final = {"stop": "Failure: hold", "continue": "Failure: go on"}
_TABLE_LINES: Final = 1
_LINE_SPACE_PX: Final = 4


class QueuePanel(FittedPanel):
    """The table, and what can be done with its selected entry and with the whole queue."""

    def __init__(self, link: ServiceLink, theme: Theme, commands: Commands) -> None:
        super().__init__()
        self._link = link
        self._selected = ""
        self.model = QueueModel()
        self.table = self._made_table()
        self.summary = Notice(theme, "state of the queue")
        self.details = Notice(theme, "the selected run")
        self.up_button = self._button("▲ Up", "move the run up", lambda: self._move(-1))
        self.down_button = self._button("▼ Down", "move the run down", lambda: self._move(1))
        self.remove_button = self._button("Remove", "remove the run", self._remove)
        self.hold_button = self._button("❚❚ Hold", "hold the queue", self._hold_or_go)
        self.policy = QComboBox()
        self.policy.setAccessibleName("what the queue does after a failure")
        for policy, text in _POLICIES.items():
            self.policy.addItem(text, policy)
        self.policy.activated.connect(lambda _: self._choose_policy())
        commands.add(
            Command(
                "queue.hold",
                "Hold the queue, or let it go on",
                self._hold_or_go,
                "Ctrl+H",
                "Run",
                lambda: why_no_change(link),
            )
        )
        self._lay_out()
        self._add_keys()
        Front(self).came.connect(self.draw)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self._fit_font)
        self._fit_font()

    def draw(self) -> None:
        """Show the queue as it was last told."""
        queue = self._queue
        with QSignalBlocker(self.table.selectionModel()):
            self.model.show_queue(queue)
            row = self.model.row_of(self._selected)
            if row is not None:
                self.table.selectRow(row)
        text, tone = _summary(queue, self.model.n_waiting)
        if self._link.state != "connected":
            text = f"This is the queue as it was last told. {text}"
        self.summary.tell(text, "warning" if tone else "plain")
        is_held = bool(queue.get("is_held"))
        self.hold_button.setText("▶ Go on" if is_held else "❚❚ Hold")
        with QSignalBlocker(self.policy):
            self.policy.setCurrentIndex(self.policy.findData(queue.get("on_failure", "stop")))
        self._draw_buttons()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what came while it was hidden."""
        super().showEvent(event)
        self.draw()

    @property
    def _queue(self) -> dict[str, Any]:
        queue: dict[str, Any] = self._link.latest.get("queue") or {}
        return queue

    def _made_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setAccessibleName("queue of runs")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.verticalHeader().setVisible(False)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setResizeContentsPrecision(50)
        header.setSectionResizeMode(self.model.columnCount() - 1, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.selectionModel().selectionChanged.connect(lambda *_: self._select())
        return table

    def _fit_font(self) -> None:
        line_px = self.fontMetrics().height() + _LINE_SPACE_PX
        self.table.verticalHeader().setDefaultSectionSize(line_px)
        self.table.setMinimumHeight(line_px * _TABLE_LINES + self.table.horizontalHeader().height())
        self.draw()

    def _button(self, text: str, name: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.clicked.connect(act)
        return button

    def _lay_out(self) -> None:
        flow = FlowLayout(spacing_px=4)
        for widget in (
            self.up_button,
            self.down_button,
            self.remove_button,
            self.hold_button,
            self.policy,
        ):
            flow.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.setSpacing(2)
        layout.addWidget(self.summary)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.details)
        layout.addLayout(flow)

    def _add_keys(self) -> None:
        for key, act in (
            ("Alt+Up", lambda: self._move(-1)),
            ("Alt+Down", lambda: self._move(1)),
            ("Delete", self._remove),
        ):
            shortcut = QShortcut(QKeySequence(key), self.table)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)

    def _take(self, topic: str, _: object) -> None:
        if topic in {"queue", "snapshot", "control"} and is_seen(self):
            self.draw()

    def _select(self) -> None:
        rows = self.table.selectionModel().selectedRows()
        self._selected = str(self.model.entries[rows[0].row()]["id"]) if rows else ""
        self._draw_buttons()

    def _draw_buttons(self) -> None:
        why = why_no_change(self._link)
        row = self.model.row_of(self._selected)
        entry = None if row is None else self.model.entries[row]
        why_no_entry = why or _why_no_entry(entry)
        place = self.model.waiting_place(self._selected)
        last = self.model.n_waiting - 1
        for button, name, reason in (
            (self.up_button, "Alt+Up", why_no_entry or ("it is the first" if place == 0 else "")),
            (
                self.down_button,
                "Alt+Down",
                why_no_entry or ("it is the last" if place == last else ""),
            ),
            (self.remove_button, "Delete", why_no_entry),
            (self.hold_button, "Ctrl+H", why),
        ):
            button.setEnabled(not reason)
            button.setToolTip(f"Not now: {reason}" if reason else name)
        self.policy.setEnabled(not why)
        self.policy.setToolTip(f"Not now: {why}" if why else "What happens after a run that failed")
        told = f"{entry_title(entry)} · {entry_parameters(entry)}" if entry else ""
        self.details.tell(f"Not now: {why}. {told}" if why else told)
        self.details.setVisible(bool(self.details.text()))

    def _move(self, step: int) -> None:
        place, entry = self.model.waiting_place(self._selected), self._selected
        if place is None or not 0 <= place + step < self.model.n_waiting:
            return
        self._try(
            f"move run {entry} of the queue", lambda client: client.queue.move(entry, place + step)
        )

    def _remove(self) -> None:
        entry = self._selected
        if self.model.waiting_place(entry) is not None:
            self._try(f"remove run {entry} of the queue", lambda client: client.queue.remove(entry))

    def _hold_or_go(self) -> None:
        if self._queue.get("is_held"):
            self._try("let the queue go on", lambda client: client.queue.go())
        else:
            self._try("hold the queue", lambda client: client.queue.hold())

    def _choose_policy(self) -> None:
        policy = str(self.policy.currentData())
        self._try("choose what follows a failure", lambda client: client.queue.policy(policy))

    def _try(self, what: str, act: Callable[[LabClient], object]) -> None:
        """Ask; a refusal is told where the queue is, and the queue is shown as it is."""

        def failed(error: Exception) -> None:
            self.draw()
            self.summary.tell(f"Could not {what}: {error}", "alarm")

        self._link.ask(what, act, None, failed)


def _why_no_entry(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "no run is selected"
    if entry["state"] == "running":
        return "this run is under way; abort it instead"
    return "" if entry["state"] == "waiting" else "this run has ended"


def _summary(queue: Mapping[str, Any], n_waiting: int) -> tuple[str, bool]:
    """Return the state of the queue in words, and whether it needs somebody."""
    waiting = f"{n_waiting} run{'' if n_waiting == 1 else 's'} waiting"
    if queue.get("is_held"):
        return f"HELD: {queue.get('reason') or 'by the operator'} · {waiting}", True
    end_utc = queue.get("end_utc")
    if not queue.get("entries"):
        return "The queue is empty; Ctrl+F5 adds a run.", False
    end = "" if end_utc is None else f" · all end {clock_text(end_utc, time.time())}"
    return f"{waiting}{end}", False
