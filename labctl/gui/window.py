"""The main window: regions, menus, keys and layouts; every region is a panel of its own."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from labctl.errors import LabError
from labctl.gui.align_window import AlignWindow
from labctl.gui.all_off import AllOffKey
from labctl.gui.banner import Banner
from labctl.gui.commands import Command, Commands
from labctl.gui.counter_cards import CounterCards
from labctl.gui.devices_window import DevicesWindow
from labctl.gui.help_window import HelpWindow
from labctl.gui.histogram_panel import HistogramPanel
from labctl.gui.instrument_dock import InstrumentDock
from labctl.gui.link import ServiceLink
from labctl.gui.log_panel import LogPanel
from labctl.gui.matrix_panel import MatrixPanel
from labctl.gui.palette import CommandPalette
from labctl.gui.queue_panel import QueuePanel
from labctl.gui.rates_panel import RatesPanel
from labctl.gui.result_panel import ResultPanel
from labctl.gui.run_bar import RunBar
from labctl.gui.safety_strip import SafetyStrip
from labctl.gui.simulation_window import SimulationWindow
from labctl.gui.snapshot import Snapshot
from labctl.gui.status_line import StatusLine
from labctl.gui.theme import DARK, LIGHT, Theme

__all__ = ["MainWindow"]

#: Changes when docks are added or renamed, so that an old layout is not forced on a new window.
_LAYOUT_VERSION: Final = 1
#: What the docks at the bottom and on the right need to show their rows whole.
_BOTTOM_PX: Final = 230
_RIGHT_PX: Final = 330


class MainWindow(QMainWindow):
    """What lab staff look at all day; a client of the service and nothing else."""

    def __init__(self, link: ServiceLink, theme: Theme, settings: QSettings) -> None:
        super().__init__()
        self.link, self.theme, self.settings = link, theme, settings
        self.setObjectName("main window")
        self.setWindowTitle("labctl")
        self.commands = Commands(self)
        self.strip = SafetyStrip(link, theme, self.commands)
        self.banner = Banner(link, theme)
        self.status = StatusLine(link, theme)
        self.all_off_key = AllOffKey(self.all_off)
        self._add_commands()
        self._add_center()
        self._add_docks()
        self.setStatusBar(self.status)
        self.devices = DevicesWindow(link, theme, self.commands, self)
        self.align = AlignWindow(link, theme, self.commands, self)
        self.simulation = SimulationWindow(link, theme, self.commands, self)
        self._fill_menus()
        self._restore()
        self.commands.refused.connect(self.banner.tell)
        link.failed.connect(lambda what, error: self.banner.tell(f"{what}: {error}"))
        link.updated.connect(self._take)

    def all_off(self) -> None:
        """Switch everything off that could do harm; what could not be confirmed is shouted."""
        self.strip.tell("switching everything off …")
        self.link.make_safe(self._told_safe, self._told_unsafe)

    def _told_safe(self, report: Any) -> None:
        self.strip.tell(str(report))
        if not report.is_safe:
            self.banner.shout(str(report))

    def _told_unsafe(self, error: LabError) -> None:
        self.strip.tell("NOT CONFIRMED")
        self.banner.shout(f"NOT CONFIRMED SAFE: {error} Switch off by hand.")

    def _add_center(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("views")
        self.cards = CounterCards(self.link, self.theme, self.commands)
        self.rates = RatesPanel(self.link, self.theme)
        self.matrix = MatrixPanel(self.link, self.theme)
        self.histogram = HistogramPanel(self.link, self.theme)
        self.result = ResultPanel(self.link, self.theme)
        self.matrix.pair_chosen.connect(self.histogram.show_pair)
        for follow in (self.rates.set_held, self.matrix.set_held, self.histogram.set_held):
            self.cards.held.connect(follow)
        for panel, title in (
            (self.rates, "&Rates"),
            (self.matrix, "&Coincidences"),
            (self.histogram, "&Histogram"),
            (self.result, "Run res&ult"),
        ):
            self.tabs.addTab(panel, title)
        center = QWidget()
        layout = QVBoxLayout(center)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget, stretch in (
            (self.strip, 0),
            (self.banner, 0),
            (self.cards, 0),
            (self.tabs, 1),
        ):
            layout.addWidget(widget, stretch)
        self.setCentralWidget(center)

    def _add_docks(self) -> None:
        self.instruments = InstrumentDock(self.link, self.theme, self.commands)
        self.run_bar = RunBar(self.link, self.theme, self.commands)
        self.queue = QueuePanel(self.link, self.theme, self.commands)
        self.log = LogPanel(self.link, self.theme, self.commands)
        areas = Qt.DockWidgetArea
        run = self._dock("Run", self.run_bar, areas.BottomDockWidgetArea)
        instruments = self._dock("Instruments", self.instruments, areas.RightDockWidgetArea)
        log = self._dock("Log and alarms", self.log, areas.BottomDockWidgetArea)
        queue = self._dock("Queue", self.queue, areas.BottomDockWidgetArea)
        self.tabifyDockWidget(log, queue)
        log.raise_()
        self.setCorner(Qt.Corner.BottomRightCorner, areas.RightDockWidgetArea)
        self._bottom, self._right = [run, log], [instruments]

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Give the docks of a window without a kept layout their shares of it."""
        super().showEvent(event)
        if self.settings.value("docks") is None:
            height = max(_BOTTOM_PX, self.height() // 4)
            self.resizeDocks(self._bottom, [height] * 2, Qt.Orientation.Vertical)
            self.resizeDocks(self._bottom, [3, 2], Qt.Orientation.Horizontal)
            self.resizeDocks(self._right, [_RIGHT_PX], Qt.Orientation.Horizontal)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock {title}")
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _add_commands(self) -> None:
        self.help = HelpWindow(self, self.commands)
        snapshot = Snapshot(self.link, lambda: self.tabs, self.banner.tell)
        self.palette_window = CommandPalette(self, self.commands, self.theme, self.link)
        for command in (
            Command("safety.all_off", "All lasers off", self.all_off, group="Laboratory"),
            Command("palette", "Command palette", self.palette_window.open_, "Ctrl+K", "View"),
            Command("help", "Keys and regions", self.help.open_, "F1", "Help"),
            Command(
                "snapshot",
                "Snapshot of the view",
                snapshot.take,
                "Ctrl+S",
                "View",
                snapshot.why_not,
            ),
            Command("theme", "Dark or light", self._switch_theme, "Ctrl+D", "View"),
            Command("font", "Large font", self._switch_font, "Ctrl+Shift+L", "View"),
            Command("layout.save", "Keep this layout", self.save_layout, "", "View"),
            Command("layout.reset", "Original layout", self.reset_layout, "", "View"),
            Command("control.take", "Take control", self._take_control, "Ctrl+T", "Laboratory"),
            Command("control.force", "Take control by force", self._force, "", "Laboratory"),
            Command("control.release", "Release control", self._release, "", "Laboratory"),
            Command("quit", "Close window", self._close, "Ctrl+Q", "Laboratory"),
        ):
            self.commands.add(command)

    def _fill_menus(self) -> None:
        menus: dict[str, Any] = {}
        for name in ("Laboratory", "Run", "View", "Tools", "Help"):
            menus[name] = self.menuBar().addMenu(f"&{name}")
        for command in self.commands:
            menus[command.group].addAction(self.commands.action(command.name))

    def _close(self) -> None:
        self.close()

    def _switch_theme(self) -> None:
        colors = LIGHT if self.theme.colors.name == "dark" else DARK
        self.theme.set(colors, is_large=self.theme.is_large)

    def _switch_font(self) -> None:
        self.theme.set(self.theme.colors, is_large=not self.theme.is_large)

    def _take_control(self) -> None:
        self.link.ask("take control", lambda client: client.take_control())

    def _force(self) -> None:
        self.link.ask("take control by force", lambda client: client.take_control(force=True))

    def _release(self) -> None:
        self.link.ask("release control", lambda client: client.release_control())

    def _take(self, topic: str, _: object) -> None:
        if topic == "snapshot":
            facts = self.link.latest["service"]
            badge = " — SIMULATED" if facts.get("simulated") else ""
            self.setWindowTitle(f"labctl — {facts.get('bench') or facts.get('config')}{badge}")

    def save_layout(self) -> None:
        """Keep where the docks are, the theme and the size of the font."""
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.setValue("docks", self.saveState(_LAYOUT_VERSION))
        self.settings.setValue("theme", self.theme.colors.name)
        self.settings.setValue("large", self.theme.is_large)
        self.settings.setValue("runs", self.run_bar.setup.remembered())
        self.settings.sync()

    def reset_layout(self) -> None:
        """Go back to the layout that the window has when it is new."""
        self.restoreState(self._original, _LAYOUT_VERSION)

    def _restore(self) -> None:
        self._original = self.saveState(_LAYOUT_VERSION)
        if (geometry := self.settings.value("geometry")) is not None:
            self.restoreGeometry(geometry)
        if (docks := self.settings.value("docks")) is not None:
            self.restoreState(docks, _LAYOUT_VERSION)
        self.run_bar.setup.recall(str(self.settings.value("runs", "")))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Keep the layout and let go of the service."""
        self.save_layout()
        self.all_off_key.close()
        super().closeEvent(event)
