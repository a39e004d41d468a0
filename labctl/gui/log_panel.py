"""Log and alarms: what is wrong on top, what happened below, and notes into the run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
)

from labctl.gui.alarm_list import AlarmList, rows_of
from labctl.gui.commands import Command, Commands
from labctl.gui.fitted_panel import FittedPanel
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.link import ServiceLink
from labctl.gui.log_lines import LogFilter, LogLines
from labctl.gui.log_view import LogView
from labctl.gui.note_line import NoteLine
from labctl.gui.notice import Notice, Tone
from labctl.gui.rights import why_no_change
from labctl.gui.seen import Front, is_seen
from labctl.gui.theme import Theme
from labctl.service import LabClient

__all__ = ["LogPanel"]

_LEVELS: Final = {
    "info": "All lines",
    "warning": "Warnings",
    "alarm": "Alarms",
}
#: Lines are drawn together, so often at most.
_DRAW_EVERY_MS: Final = 50
_SEARCH_CHARACTERS: Final = 6
_LEAST_LINES: Final = 2
#: Of more lines only the newest are laid out at once.
_AT_ONCE: Final = 500


class LogPanel(FittedPanel):
    """Alarms and interlock rules, the log with its filter, and the line for notes."""

    def __init__(self, link: ServiceLink, theme: Theme, commands: Commands) -> None:
        super().__init__()
        self._link = link
        self._lines = LogLines()
        self._fresh: list[Mapping[str, Any]] = []
        self._shows_quiet = False
        self.summary = Notice(theme, "state of alarms and interlocks")
        self.alarms = AlarmList(theme)
        self.alarms.itemSelectionChanged.connect(self._draw_button)
        self.view = LogView(theme)
        self.note = NoteLine(link, theme, commands)
        self._add_commands(commands)
        self._make_inputs(commands)
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DRAW_EVERY_MS)
        self._timer.timeout.connect(self._draw_fresh)
        Front(self).came.connect(self._draw_everything)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        for line in (link.latest.get("snapshot") or {}).get("log", []):
            self._lines.add(line)
        theme.changed.connect(self._fit_font)
        self._fit_font()
        self._filter()
        self.draw()

    def _fit_font(self) -> None:
        """Measure what has no size of its own in the present font."""
        metrics = self.fontMetrics()
        self.search.setFixedWidth(metrics.averageCharWidth() * _SEARCH_CHARACTERS + 24)
        self.view.setMinimumHeight(_LEAST_LINES * metrics.lineSpacing() + 6)

    def draw(self) -> None:
        """Show the alarms and the rules as they were last told."""
        told = self._link.latest.get("alarms") or {}
        alarms, rules = told.get("alarms", []), told.get("rules", [])
        shown = [rule for rule in rules if rule["state"] != "quiet" or self._shows_quiet]
        self.alarms.show_rows(rows_of(alarms, shown))
        self.alarms.setVisible(bool(alarms or shown))
        self.acknowledge_button.setVisible(bool(alarms))
        self.rules_button.setVisible(bool(rules))
        text, tone = _summary(alarms, rules)
        if self._link.state != "connected":
            text = f"As last known: {text}"
        self.summary.tell(text, tone)
        self._draw_button()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what came while it was hidden."""
        super().showEvent(event)
        self._draw_everything()

    def _draw_everything(self) -> None:
        self._draw_fresh()
        self.draw()

    @property
    def filter(self) -> LogFilter:
        """Which lines are shown."""
        return LogFilter(str(self.level.currentData()), self.search.text().strip())

    def _add_commands(self, commands: Commands) -> None:
        commands.add(
            Command(
                "alarms.acknowledge",
                "Acknowledge alarms (A in their list)",
                self._acknowledge,
                group="Laboratory",
                why_not=self._why_no_acknowledge,
            )
        )
        key = QShortcut(QKeySequence("A"), self.alarms)
        key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        key.activated.connect(lambda: commands.do("alarms.acknowledge"))

    def _make_inputs(self, commands: Commands) -> None:
        self.level = QComboBox()
        self.level.setAccessibleName("lowest level of the log")
        for level, text in _LEVELS.items():
            self.level.addItem(text, level)
        self.level.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.level.currentIndexChanged.connect(lambda _: self._filter())
        self.search = QLineEdit()
        self.search.setAccessibleName("text in the log")
        self.search.setPlaceholderText("Search")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._filter())
        self.copy_button = QPushButton("Cop&y")
        self.copy_button.setAccessibleName("copy the log")
        self.copy_button.setToolTip("Copies what is selected, or all lines that are shown")
        self.copy_button.clicked.connect(self.view.copy_shown)
        self.note_button = QPushButton("Note")
        self.note_button.setToolTip("Write a note into the run: F2")
        self.note_button.setAccessibleName("write a note into the run")
        self.note_button.clicked.connect(lambda: commands.do("run.note"))
        self.acknowledge_button = QPushButton("Acknowledge A")
        self.acknowledge_button.setAccessibleName("acknowledge alarms")
        self.acknowledge_button.clicked.connect(lambda: commands.do("alarms.acknowledge"))
        self.rules_button = QPushButton("Interloc&ks")
        self.rules_button.setCheckable(True)
        self.rules_button.setAccessibleName("show quiet interlocks")
        self.rules_button.toggled.connect(self._show_quiet)

    def _lay_out(self) -> None:
        flow = FlowLayout()
        head = QHBoxLayout()
        head.addWidget(self.summary, 1)
        head.addWidget(self.rules_button)
        head.addWidget(self.acknowledge_button)
        for widget in (
            self.level,
            self.search,
            self.copy_button,
            self.note_button,
        ):
            flow.addWidget(widget)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.alarms)
        splitter.addWidget(self.view)
        splitter.setChildrenCollapsible(False)
        splitter.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 2)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addLayout(flow)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.note)

    def _take(self, topic: str, data: Any) -> None:
        if topic == "log":
            if self._lines.add(data):
                self._fresh.append(data)
                # While nobody looks, what cannot be shown any more need not be kept twice.
                del self._fresh[: -len(self._lines)]
                if is_seen(self) and not self._timer.isActive():
                    self._timer.start()
        elif topic in {"alarms", "control", "snapshot"} and is_seen(self):
            self.draw()

    def _draw_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        if len(fresh) > _AT_ONCE:
            self._filter()
            return
        shows = self.filter.shows
        self.view.append_lines(line for line in fresh if shows(line))

    def _filter(self) -> None:
        self._fresh = []
        shows = self.filter.shows
        self.view.show_lines(line for line in self._lines if shows(line))

    def _show_quiet(self, is_wanted: bool) -> None:  # noqa: FBT001  Qt's signature
        self._shows_quiet = is_wanted
        self.draw()

    def _waiting_alarms(self) -> list[int]:
        """Return the alarms that nobody has acknowledged, in the order of the list."""
        told = self._link.latest.get("alarms") or {}
        waiting = [a for a in told.get("alarms", []) if not a["is_acknowledged"]]
        return [row.id for row in rows_of(waiting, []) if row.id is not None]

    def _why_no_acknowledge(self) -> str:
        if reason := why_no_change(self._link):
            return reason
        return "" if self._waiting_alarms() else "there is no new alarm"

    def _draw_button(self) -> None:
        reason = self._why_no_acknowledge()
        self.acknowledge_button.setEnabled(not reason)
        self.acknowledge_button.setToolTip(
            f"Not now: {reason}" if reason else "The selected alarms; else the first new one"
        )

    def _acknowledge(self) -> None:
        """Acknowledge the selected alarms; where none is selected, the first that is new."""
        waiting = self._waiting_alarms()
        chosen = [alarm for alarm in self.alarms.chosen_alarms() if alarm in waiting]
        for alarm in chosen or waiting[:1]:
            self._link.ask(f"acknowledge alarm {alarm}", partial(_acknowledge, str(alarm)))


def _acknowledge(alarm: str, client: LabClient) -> None:
    client.acknowledge(alarm)


def _summary(alarms: list[dict[str, Any]], rules: list[dict[str, Any]]) -> tuple[str, Tone]:
    """Return alarms and rules in numbers, and how much they matter."""
    active = [alarm for alarm in alarms if alarm["is_active"]]
    new = [alarm for alarm in alarms if not alarm["is_acknowledged"]]
    violated = [rule for rule in rules if rule["state"] != "quiet"]
    parts = [f"{len(active) or 'no'} active alarm{'s' if len(active) > 1 else ''}"]
    if new:
        parts.append(f"{len(new)} new")
    if violated:
        parts.append(f"{len(violated)} of {len(rules)} interlocks violated")
    else:
        parts.append(
            f"{len(rules)} interlock{'s' if len(rules) > 1 else ''} quiet"
            if rules
            else "no interlock rules"
        )
    loud: Tone = "plain"
    if any(not a["is_acknowledged"] for a in active) or violated:
        is_alarm = violated or any(a["severity"] == "alarm" for a in active)
        loud = "alarm" if is_alarm else "warning"
    return " · ".join(parts), loud
