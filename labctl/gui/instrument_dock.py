"""The instruments: what is set and what is read, generated from what the service describes."""

from __future__ import annotations

import time
from typing import Any, Final

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.column_widths import ColumnWidths
from labctl.gui.commands import Command, Commands
from labctl.gui.group_area import GroupArea
from labctl.gui.instrument_group import InstrumentGroup
from labctl.gui.link import ServiceLink
from labctl.gui.lock_line import LockLine
from labctl.gui.seen import Front, is_seen
from labctl.gui.setting_reasons import why_no_emission
from labctl.gui.setting_requests import SettingRequests
from labctl.gui.setting_row import SettingRow, Situation
from labctl.gui.theme import Theme
from labctl.gui.undo import Change, UndoHistory

__all__ = ["InstrumentDock"]

#: More rows than this cannot be taken in at a glance.
_SEARCHABLE: Final = 20
#: A move that was asked for shows in the readings by then.
_LOOK_AGAIN_MS: Final = 3200
_DETAIL_LINES: Final = 3


class InstrumentDock(QWidget):
    """A group per instrument, an editor per setting; nothing is made anew when values change."""

    def __init__(self, link: ServiceLink, theme: Theme, commands: Commands) -> None:
        super().__init__()
        self._link, self._theme, self._commands = link, theme, commands
        self.history = UndoHistory()
        self.requests = SettingRequests(link, self.history)
        self._area = GroupArea(theme, self.requests)
        self._area.made.connect(self._take_group)
        self._described: dict[str, Any] = {}
        self._changed: dict[str, set[str]] = {}
        self._is_wide = True
        self._widths = ColumnWidths()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a setting (Ctrl+F)")
        self.search.setAccessibleName("find a setting")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.search.setVisible(False)
        self.lock = LockLine(link, theme)
        self.lock.changed.connect(self._draw_all)
        self.details = QLabel("Move over a setting to read what it does.")
        self.details.setAccessibleName("about the setting")
        self.details.setWordWrap(True)
        self.details.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self._add_layout()
        self._add_commands()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._draw_all)
        self.requests.changed.connect(self._take_request)
        Front(self).came.connect(self._draw_all)
        link.updated.connect(self._take)
        link.state_changed.connect(self._draw_all)
        theme.changed.connect(self._restyle)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._take_focus)
        self._restyle()
        if link.state == "connected":
            self._ask_description()

    @property
    def groups(self) -> dict[str, InstrumentGroup]:
        """The groups of the instruments that are shown."""
        return self._area.groups

    def row(self, path: str) -> SettingRow:
        """Return the row of `instrument.setting`."""
        instrument, _, setting = path.partition(".")
        return self.groups[instrument].rows[setting]

    def undo(self, change: Change | None = None) -> None:
        """Set back what was set last in this window, unless it has been set otherwise since."""
        change = change or self.history.last
        if change is None:
            return
        row = self.row(change.path)
        self.history.forget(change)
        if row.set_point != change.value:
            self._commands.refused.emit(
                f"{change.path} is not undone: somebody has set it otherwise since"
            )
            return
        self.requests.set(change.path, change.former, former=change.value, is_undo=True)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return room for everything in one line, where the window has it."""
        return QSize(self._widths.wide_px, 480)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Put editors in lines of their own where the dock is narrow."""
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Draw what came while nobody could see it."""
        super().showEvent(event)
        self._draw_all()

    def _add_layout(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.search)
        layout.addWidget(self.lock)
        layout.addWidget(self._area, 1)
        layout.addWidget(self.details)

    def _add_commands(self) -> None:
        for command in (
            Command(
                "setting.undo",
                "Undo the last setting",
                self.undo,
                "Ctrl+Z",
                why_not=self._why_no_undo,
            ),
            Command("setting.find", "Find a setting", self._find, "Ctrl+F"),
        ):
            self._commands.add(command)

    def _why_no_undo(self) -> str:
        change = self.history.last
        if change is None:
            return "nothing was set in this window"
        sent = self.requests.sent(change.path)
        if sent is not None and sent.is_under_way:
            return f"{change.path} is just being set"
        return self.lock.reason()

    def _find(self) -> None:
        self.search.setVisible(True)
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _filter(self, text: str) -> None:
        for group in self.groups.values():
            group.filter(text.split())

    def _ask_description(self) -> None:
        self._link.ask("ask for the settings", lambda c: c.parameters(), self._describe)

    def _describe(self, described: dict[str, Any]) -> None:
        if described != self._described:
            self._described = described
            self._area.make(described)
        for name, values in (self._link.latest.get("instruments") or {}).items():
            self._note(name, values)
        self._draw_all()

    def _take_group(self, group: InstrumentGroup) -> None:
        for row in group.rows.values():
            row.inspected.connect(self._inspect)
            row.undo_asked.connect(self._undo_one)
        count = sum(len(group.rows) for group in self.groups.values())
        self.search.setVisible(count > _SEARCHABLE)
        group.filter(self.search.text().split())
        self._align()
        group.arrange(is_wide=self._is_wide)
        self._note(group.name, (self._link.latest.get("instruments") or {}).get(group.name, {}))
        self._draw(self._changed)

    def _undo_one(self, path: str) -> None:
        change = self.history.last_of(path)
        reason = self.lock.reason() or ("" if change else f"{path} was not set in this window")
        if reason:
            self._commands.refused.emit(f"Undo: {reason}")
        else:
            self.undo(change)

    def _inspect(self, path: str) -> None:
        self.details.setText(self.row(path).details())

    def _take_focus(self, _: QWidget | None, now: QWidget | None) -> None:
        while now is not None and now is not self:
            if isinstance(now, SettingRow) and self.isAncestorOf(now):
                self._inspect(now.path)
                self._area.ensureWidgetVisible(now, 0, 4)
                return
            now = now.parentWidget()

    def _take(self, topic: str, data: Any) -> None:
        if topic == "snapshot":
            self._ask_description()
        elif topic == "instruments":
            for name, values in data.items():
                self._note(name, values)
            self._draw(self._changed)
        elif topic in {"control", "alarms", "run"}:
            self.lock.draw()
            self._draw({})

    def _note(self, name: str, values: dict[str, Any]) -> None:
        if name in self.groups:
            self.groups[name].take(values)
            self._changed.setdefault(name, set()).update(values)

    def _take_request(self, path: str) -> None:
        instrument, _, setting = path.partition(".")
        if instrument not in self.groups:
            return
        row = self.row(path)
        row.take_end()
        sent = self.requests.sent(path)
        if sent is not None and not sent.is_under_way:
            if sent.reply is not None:
                now = {"utc_ns": time.time_ns(), "state": "fresh", "error": ""}
                row.take({"value": sent.reply, **now})
            self._later.start(_LOOK_AGAIN_MS)
        self._changed.setdefault(instrument, set()).add(setting)
        self._draw(self._changed)

    def _draw_all(self, *_: object) -> None:
        self.lock.draw()
        for name, group in self.groups.items():
            self._changed.setdefault(name, set()).update(group.rows)
        self._draw(self._changed)

    def _draw(self, changed: dict[str, set[str]]) -> None:
        """Show changed rows, and every row of an instrument whose situation has changed."""
        if not is_seen(self):
            return
        locked = self.lock.reason()
        for name, group in self.groups.items():
            group.draw_rows(changed.get(name, ()), self._situation(name, locked))
        self._changed = {}

    def _situation(self, name: str, locked: str) -> Situation:
        values = (self._link.latest.get("instruments") or {}).get(name, {})
        return Situation(
            is_connected=self._link.state == "connected",
            locked=locked,
            no_emission=why_no_emission(self._link, name),
            is_moving=(values.get("is_moving") or {}).get("value"),
        )

    def _restyle(self) -> None:
        colors = self._theme.colors
        self.details.setStyleSheet(f"color: {colors.faint};")
        self._align()

    def _align(self) -> None:
        """Give all labels one width, so that the editors stand in a column."""
        rows = [row for group in self.groups.values() for row in group.rows.values()]
        self._widths = ColumnWidths.of(rows, self.fontMetrics())
        for row in rows:
            row.label.setFixedWidth(self._widths.label_px)
        self._area.setMinimumWidth(self._widths.stacked_px)
        self._arrange()
        self._size_details()
        self.updateGeometry()

    def _size_details(self) -> None:
        """Keep room for what is said of a setting, so that nothing jumps under the mouse."""
        self.details.setFixedHeight(_DETAIL_LINES * self.fontMetrics().lineSpacing() + 6)

    def _arrange(self) -> None:
        is_wide = self.width() >= self._widths.wide_px
        if is_wide == self._is_wide:
            return
        self._is_wide = is_wide
        for group in self.groups.values():
            group.arrange(is_wide=is_wide)
        self._size_details()
