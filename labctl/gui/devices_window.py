"""The instruments one by one: which is lost, what each says it is, and how to get it back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from labctl.errors import LabError
from labctl.gui.commands import Command, Commands
from labctl.gui.devices_model import DeviceRow, DevicesModel, device_rows
from labctl.gui.link import ServiceLink
from labctl.gui.notice import Notice, Tone
from labctl.gui.restore_row import RestoreRow
from labctl.gui.rights import why_no_change, why_no_service
from labctl.gui.theme import Theme
from labctl.service import LabClient

__all__ = ["DevicesWindow"]

_TOPICS: Final = frozenset({"instruments", "alarms", "control", "run", "health"})
_SIZE_PX: Final = (1260, 420)


class DevicesWindow(QWidget):
    """A window of its own that locks nothing; works on the selected instrument."""

    def __init__(
        self, link: ServiceLink, theme: Theme, commands: Commands, parent: QWidget
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._link, self._theme = link, theme
        self._described: dict[str, Any] = {}
        self._busy: set[str] = set()
        self.setObjectName("devices window")
        self.setWindowTitle("Devices")
        self.model = DevicesModel(theme)
        self.table = QTableView()
        self.notice = Notice(theme, "what became of it")
        self.details = QLabel()
        self.details.setAccessibleName("alarms of the selected instrument")
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self.details.setWordWrap(True)
        self.check_button = QPushButton("&Check")
        self.check_button.setAccessibleName("check the selected instrument")
        self.check_button.clicked.connect(self.check)
        self.reconnect_button = QPushButton("&Reconnect")
        self.reconnect_button.setAccessibleName("reconnect the selected instrument")
        self.reconnect_button.clicked.connect(self.reconnect)
        self.actions_button = QPushButton("&Do")
        self.actions_button.setAccessibleName("tell the selected instrument to do something")
        self.actions_button.setMenu(QMenu(self.actions_button))
        self.actions_button.menu().aboutToShow.connect(self._fill_actions)
        self.restore_row = RestoreRow(link, theme, self._tell)
        self._add_layout()
        commands.add(
            Command(
                "safety.restore",
                "Restore what safe lowered",
                self.restore,
                group="Laboratory",
                why_not=lambda: why_no_change(link),
            )
        )
        commands.add(Command("devices", "Devices", self.open_, "Ctrl+Shift+D", "Tools"))
        link.updated.connect(self._take)
        link.state_changed.connect(self._draw)
        theme.changed.connect(self._draw)
        if link.state == "connected":
            self._ask_description()

    @property
    def selected(self) -> DeviceRow | None:
        """The instrument that is worked on."""
        index = self.table.currentIndex()
        return self.model.rows[index.row()] if index.isValid() else None

    def open_(self) -> None:
        """Show the window, in front."""
        if not self.isVisible():
            self.resize(*_SIZE_PX)
        self.show()
        self.raise_()
        self.activateWindow()
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def check(self) -> None:
        """Ask the selected instrument what it is."""
        self._work(
            "asking {name} what it is …",
            lambda client, name: client.identify(name),
            self._checked,
            why_no_service(self._link),
        )

    def reconnect(self) -> None:
        """Open the selected instrument's links anew; nothing is switched on."""
        self._work(
            "reconnecting {name} …",
            lambda client, name: client.reconnect_instrument(name),
            lambda name, identity: self._tell(f"{name} answers: {identity}"),
            self._why_no_reconnect(),
        )

    def act(self, action: str) -> None:
        """Tell the selected instrument to do one of its actions."""
        self._work(
            f"{{name}}: {action} …",
            lambda client, name: client.act(f"{name}.{action}"),
            lambda name, _: self._tell(f"{name}: {action} done"),
            why_no_change(self._link),
        )

    def restore(self) -> None:
        """Ask whether what was lowered for safety is to be set again."""
        self.open_()
        self.restore_row.begin()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show how things are now."""
        super().showEvent(event)
        self._draw()

    def _add_layout(self) -> None:
        self.table.setModel(self.model)
        self.table.setAccessibleName("instruments")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().setVisible(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._draw_buttons())
        self.table.activated.connect(lambda _: self.check())
        buttons = QHBoxLayout()
        buttons.addWidget(self.check_button)
        buttons.addWidget(self.reconnect_button)
        buttons.addWidget(self.actions_button)
        buttons.addWidget(self.notice, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.details)
        layout.addWidget(self.restore_row)
        layout.addLayout(buttons)
        QShortcut(QKeySequence("Esc"), self, self.close)

    def _ask_description(self) -> None:
        self._link.ask("ask for the instruments", lambda c: c.parameters(), self._describe)

    def _describe(self, described: dict[str, Any]) -> None:
        self._described = described
        self._draw()

    def _take(self, topic: str, _: object) -> None:
        if topic == "snapshot":
            self._ask_description()
        elif topic in _TOPICS:
            self._draw()

    def _draw(self) -> None:
        if not self.isVisible():
            return
        self.model.show_rows(device_rows(self._link, self._described))
        if self.selected is None and self.model.rows:
            self.table.selectRow(self._worst())
        self._draw_buttons()

    def _worst(self) -> int:
        """Return the first instrument that needs a look, else the first."""
        ill = (place for place, row in enumerate(self.model.rows) if not row.is_well)
        return next(ill, 0)

    def _why_no_reconnect(self) -> str:
        run = self._link.latest.get("run") or {}
        if run.get("state") in {"running", "paused"}:
            return "the run under way brings its instruments back"
        return why_no_change(self._link)

    def _actions(self) -> dict[str, str]:
        row = self.selected
        return {} if row is None else self._described.get(row.name, {}).get("actions", {})

    def _fill_actions(self) -> None:
        menu = self.actions_button.menu()
        menu.clear()
        for name, told in self._actions().items():
            words = f"&{name.replace('_', ' ').capitalize()}: {told}"
            menu.addAction(words).triggered.connect(partial(self._chosen, name))

    def _chosen(self, action: str, _: bool = False) -> None:  # noqa: FBT001, FBT002  Qt's signal
        self.act(action)

    def _why_no_action(self) -> str:
        return why_no_change(self._link) or ("" if self._actions() else "it has nothing to do")

    def _draw_buttons(self) -> None:
        for button, reason, tip in (
            (self.check_button, why_no_service(self._link), "Ask it what it is (Enter)"),
            (
                self.reconnect_button,
                self._why_no_reconnect(),
                "Open its links anew and set again what was set, never emission",
            ),
            (
                self.actions_button,
                self._why_no_action(),
                "Clear a fault, find a zero and the like; never does it emit",
            ),
        ):
            why_not = reason or self._why_not_this()
            button.setEnabled(not why_not)
            button.setToolTip(f"Not now: {why_not}" if why_not else tip)
        row = self.selected
        self.details.setText("" if row is None else row.details)

    def _why_not_this(self) -> str:
        row = self.selected
        if row is None:
            return "select an instrument"
        return f"{row.name} is being asked" if row.name in self._busy else ""

    def _work(
        self,
        text: str,
        act: Callable[[LabClient, str], Any],
        done: Callable[[str, Any], None],
        why_not: str,
    ) -> None:
        """Have one instrument asked, each by a thread of its own: a mute one keeps none waiting."""
        why_not = why_not or self._why_not_this()
        row = self.selected
        if row is None or why_not:
            self._tell(f"not now: {why_not}", "warning")
            return
        name = row.name
        self._busy.add(name)
        self._tell(text.format(name=name))

        def finish(tell: Callable[[], None]) -> None:
            self._busy.discard(name)
            tell()
            self._draw()

        def failed(error: LabError) -> None:
            text = str(error)
            finish(lambda: self._tell(text if name in text else f"{name}: {text}", "alarm"))

        self._link.ask_at_once(
            text.format(name=name),
            lambda client: act(client, name),
            lambda reply: finish(lambda: done(name, reply)),
            failed,
        )
        self._draw_buttons()

    def _checked(self, name: str, reply: dict[str, Any]) -> None:
        if reply["is_the_same"]:
            self._tell(f"{name} answers: {reply['identity']}")
        else:
            self._tell(
                f"another instrument answers for {name}: {reply['identity']}. Put the cables back "
                "as they were.",
                "alarm",
            )

    def _tell(self, text: str, tone: Tone = "plain") -> None:
        self.notice.tell(text, tone)
