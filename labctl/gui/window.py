"""The main window: regions, menus, keys and layouts; every region is a panel of its own."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QMenuBar,
    QVBoxLayout,
    QWidget,
)

from labctl.errors import LabError
from labctl.gui.all_off import AllOffKey
from labctl.gui.appearance import Appearance
from labctl.gui.banner import Banner
from labctl.gui.commands import Command, Commands
from labctl.gui.counter_cards import CounterCards
from labctl.gui.devices_window import DevicesWindow
from labctl.gui.dock_title import DockTitle
from labctl.gui.fitted_panel import FittedPanel
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
from labctl.gui.theme import Theme
from labctl.gui.top_area import TopArea
from labctl.gui.views import Views

if TYPE_CHECKING:
    from labctl.gui.align_window import AlignWindow
    from labctl.gui.runs_window import RunsWindow

__all__ = ["MainWindow"]

#: What the docks at the bottom and on the right need to show their rows whole.
_BOTTOM_PX: Final = 170
_RIGHT_PX: Final = 330
#: What the instruments' rows need to stand in one line each.
_WIDE_RIGHT_PX: Final = 420
#: A window this wide has room for that.
_WIDE_PX: Final = 1700


class MainWindow(QMainWindow):
    """What lab staff look at all day; a client of the service and nothing else."""

    def __init__(self, link: ServiceLink, theme: Theme, settings: QSettings) -> None:
        super().__init__()
        self.link, self.theme, self.settings = link, theme, settings
        self.setObjectName("main window")
        self.setWindowTitle("labctl")
        # Before the panels: they measure themselves in the places that they have then.
        theme.changed.connect(self._fit_font)
        self.commands = Commands(self)
        self.strip = SafetyStrip(link, theme, self.commands)
        self.banner = Banner(link, theme)
        self.status = StatusLine(link, theme)
        self.all_off_key = AllOffKey(self.all_off)
        self.views = Views()
        self.tabs = self.views.tabs
        self._add_commands()
        self._add_center()
        self._add_docks()
        self._add_top()
        self.setStatusBar(self.status)
        self.devices = DevicesWindow(link, theme, self.commands, self)
        self.simulation = SimulationWindow(link, theme, self.commands, self)
        self.appearance = Appearance(self, theme, self.views, settings, self.commands)
        self._fill_menus()
        self.appearance.restore()
        self.run_bar.setup.recall(str(settings.value("runs", "")))
        self.commands.refused.connect(self.banner.tell)
        link.failed.connect(self._tell_failure)
        link.updated.connect(self._take)

    @cached_property
    def align(self) -> AlignWindow:
        """The align window; made, like what it needs, when it is first opened."""
        from labctl.gui.align_window import AlignWindow  # noqa: PLC0415

        return AlignWindow(self.link, self.theme, self)

    @cached_property
    def runs(self) -> RunsWindow:
        """The runs window; made, like what it needs, when it is first opened."""
        from labctl.gui.runs_window import RunsWindow  # noqa: PLC0415

        window = RunsWindow(self.link, self.theme, self.commands, self)
        window.again.connect(self.run_bar.fill)
        return window

    def _open_align(self) -> None:
        self.align.open_()

    def _open_runs(self) -> None:
        self.runs.open_()

    def all_off(self) -> None:
        """Switch everything off that could do harm; what could not be confirmed is shouted."""
        self.strip.tell("switching everything off …")
        self.link.make_safe(self._told_safe, self._told_unsafe)

    def _tell_failure(self, what: str, error: LabError) -> None:
        self.banner.tell(f"{what}: {error}")

    def _told_safe(self, report: Any) -> None:
        self.strip.tell(str(report))
        if not report.is_safe:
            self.banner.shout(str(report))

    def _told_unsafe(self, error: LabError) -> None:
        self.strip.tell("NOT CONFIRMED")
        self.banner.shout(f"NOT CONFIRMED SAFE: {error} Switch off by hand.")

    def _add_center(self) -> None:
        self.cards = CounterCards(self.link, self.theme, self.commands)
        self.rates = RatesPanel(self.link, self.theme)
        self.matrix = MatrixPanel(self.link, self.theme)
        self.histogram = HistogramPanel(self.link, self.theme, self.commands)
        self.result = ResultPanel(self.link, self.theme)
        self.matrix.pair_chosen.connect(self.histogram.show_pair)
        for follow in (self.rates.set_held, self.matrix.set_held, self.histogram.set_held):
            self.cards.held.connect(follow)
        for panel, title in (
            (self.rates, "R&ates"),
            (self.matrix, "&Coincidences"),
            (self.histogram, "H&istogram"),
            (self.result, "Run re&sult"),
        ):
            self.views.add(panel, title)
        center = QWidget()
        self._center = QVBoxLayout(center)
        self._center.setContentsMargins(0, 0, 0, 0)
        self._center.setSpacing(2)
        self._center.addWidget(self.views, 1)
        self.setCentralWidget(center)

    def _add_top(self) -> None:
        """Put menus, safety strip and banner over everything, as wide as the window."""
        self._menus = QMenuBar()
        self._top = TopArea(self._menus, self.strip, self.banner)
        self.setMenuWidget(self._top)
        self._fit_font()

    def _set_point(self, path: str) -> Any:
        if path.partition(".")[0] not in self.instruments.groups:
            return None
        return self.instruments.row(path).shown_value

    def _fit_font(self) -> None:
        """Give the cards the width of the window where large digits need it."""
        if self.theme.is_large:
            self._top.column.addWidget(self.cards)
            # At once: else it claims the height that it needs in its former width.
            self.cards.show()
            self._top.column.activate()
        else:
            self._center.insertWidget(0, self.cards)

    def _add_docks(self) -> None:
        self.instruments = InstrumentDock(self.link, self.theme, self.commands)
        self.palette_window.set_through(self.instruments.requests, self._set_point)
        self.run_bar = RunBar(self.link, self.theme, self.commands)
        self.queue = QueuePanel(self.link, self.theme, self.commands)
        self.log = LogPanel(self.link, self.theme, self.commands)
        areas = Qt.DockWidgetArea
        run = self._dock("Run", self.run_bar, areas.BottomDockWidgetArea)
        instruments = self._dock("Instruments", self.instruments, areas.RightDockWidgetArea)
        log = self._dock("Log, alarms", self.log, areas.BottomDockWidgetArea)
        queue = self._dock("Queue", self.queue, areas.BottomDockWidgetArea)
        parameters = self._dock("Parameters", self.run_bar.setup, areas.BottomDockWidgetArea)
        self.tabifyDockWidget(log, queue)
        self.tabifyDockWidget(queue, parameters)
        log.raise_()
        self.setCorner(Qt.Corner.BottomRightCorner, areas.RightDockWidgetArea)
        self._bottom, self._right = [run, log], [instruments]

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Give the docks of a window without a kept layout their shares of it."""
        super().showEvent(event)
        if self.settings.value("docks") is None:
            height = max(_BOTTOM_PX, self.height() // 5)
            is_wide = self.width() >= _WIDE_PX
            right = _WIDE_RIGHT_PX if is_wide else _RIGHT_PX
            self.resizeDocks(self._right, [right], Qt.Orientation.Horizontal)
            self.resizeDocks(self._bottom, [3, 2], Qt.Orientation.Horizontal)
            self.resizeDocks(self._bottom, [height] * 2, Qt.Orientation.Vertical)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"dock {title}")
        dock.setTitleBarWidget(DockTitle(dock))
        dock.setWidget(widget)
        if isinstance(widget, FittedPanel):
            dock.visibilityChanged.connect(widget.set_in_front)
        self.addDockWidget(area, dock)
        return dock

    def _add_commands(self) -> None:
        self.help = HelpWindow(self, self.commands)
        snapshot = Snapshot(self.link, self.views.shown, self.banner.tell)
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
            Command("control.take", "Take control", self._take_control, "Ctrl+T", "Laboratory"),
            Command("control.force", "Take control by force", self._force, "", "Laboratory"),
            Command("control.release", "Release control", self._release, "", "Laboratory"),
            Command("align", "Align", self._open_align, "Ctrl+L", "Tools"),
            Command("runs", "Runs", self._open_runs, "Ctrl+R", "Tools"),
            Command("quit", "Close window", self._close, "Ctrl+Q", "Laboratory"),
        ):
            self.commands.add(command)

    def _fill_menus(self) -> None:
        self._menu_of = {
            name: self._menus.addMenu(f"&{name}")
            for name in ("Laboratory", "Run", "View", "Tools", "Help")
        }
        for command in self.commands:
            self._list_in_menu(command.name)
        self._menu_of["View"].addSeparator()
        for dock in self.findChildren(QDockWidget):
            self._menu_of["View"].addAction(dock.toggleViewAction())
        # Of a window that is made when it is first opened.
        self.commands.added.connect(self._list_in_menu)

    def _list_in_menu(self, name: str) -> None:
        group = self.commands.command(name).group
        self._menu_of[group].addAction(self.commands.action(name))

    def _close(self) -> None:
        self.close()

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

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Keep the layout and let go of the service."""
        self.appearance.save()
        self.settings.setValue("runs", self.run_bar.setup.remembered())
        self.settings.sync()
        if "runs" in vars(self):
            self.runs.end()
        self.all_off_key.close()
        super().closeEvent(event)
