"""The program around the window: finds or starts a service, opens, and says how it closes."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import platformdirs
from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from labctl.errors import LabError
from labctl.gui.link import ServiceLink
from labctl.gui.starting import StartedService
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.gui.window import MainWindow
from labctl.service import connect, find_service

__all__ = ["WindowProgram", "run_window", "window_settings"]

_WATCH_EVERY_MS: Final = 500
_STOP_WITHIN_S: Final = 10.0


def window_settings(folder: Path | None = None) -> QSettings:
    """Return where layouts are kept: a file in the user's configuration folder."""
    folder = folder or platformdirs.user_config_path("labctl")
    return QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)


class WindowProgram:
    """One window, its link, and the service if the window had to start one."""

    def __init__(
        self,
        config: Path,
        *,
        simulated: bool,
        speed: float = 1.0,
        settings: QSettings | None = None,
    ) -> None:
        self.settings = settings or window_settings()
        colors = LIGHT if self.settings.value("theme") == "light" else DARK
        self.theme = Theme(colors, is_large=self.settings.value("large") in {True, "true"})
        self.theme.apply()
        self.started: StartedService | None = None
        trouble = ""
        wanted = True if simulated else None
        self._config, self._simulated = config, wanted
        if find_service(config, simulated=wanted) is None:
            try:
                self.started = StartedService(config, simulated=simulated, speed=speed)
            except LabError as error:
                trouble = str(error)
        self.link = ServiceLink(config, simulated=wanted)
        self.window = MainWindow(self.link, self.theme, self.settings)
        if trouble:
            self.window.banner.shout(trouble)
        self._watch = QTimer(self.window)
        self._watch.timeout.connect(self._look_after_service)
        self._watch.start(_WATCH_EVERY_MS)

    def open(self) -> None:
        """Show the window and begin to look for the service."""
        self.link.start()
        self.window.show()

    def close(self) -> str:
        """Let go of the service, or stop the one that was started here; return what goes on.

        It is stopped only if no run is active and nothing emits.
        """
        self._watch.stop()
        text = ""
        if self.started is not None and not self.started.failure():
            text = self._stop_service()
        self.link.close()
        return text

    def _stop_service(self) -> str:
        if self.started is None:
            return ""
        client = self.link.client
        try:
            if client is not None:
                client.stop()
            elif find_service(self._config, simulated=self._simulated) is None:
                # Nobody can have attached to what is not ready: nothing runs, nothing emits.
                self.started.end()
            else:
                with connect(self._config, simulated=self._simulated) as late:
                    late.stop()
        except LabError as error:
            return f"The acquisition service goes on: {error}"
        if not self.started.has_ended_within(_STOP_WITHIN_S):
            return f"The acquisition service, process {self.started.pid}, is still ending."
        return ""

    def _look_after_service(self) -> None:
        if self.started is not None and self.link.state != "connected":
            failure = self.started.failure()
            if failure:
                self.window.banner.shout(failure)
                self.started = None


def run_window(config: Path, *, simulated: bool, speed: float = 1.0) -> str:
    """Show the window until it is closed; return what goes on without it."""
    application = QApplication.instance() or QApplication(["labctl"])
    application.setApplicationName("labctl")
    program = WindowProgram(config, simulated=simulated, speed=speed)
    # Ctrl-C in the terminal closes the window as its button does; Python sees signals only when
    # it runs, which the link's timer makes sure of.
    before = signal.signal(signal.SIGINT, lambda *_: program.window.close())
    program.open()
    try:
        application.exec()
    finally:
        signal.signal(signal.SIGINT, before)
    return program.close()
