"""What can be done with a selected run: replay, copy its path, open its folder, export, again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

from labctl.errors import RunFileError
from labctl.gui.commands import Command, Commands
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.notice import Notice, Tone
from labctl.gui.run_background import Background, Job
from labctl.gui.run_export import export_points
from labctl.gui.run_replay_window import ReplayWindow
from labctl.gui.runs_model import RunRow
from labctl.gui.theme import Theme

if TYPE_CHECKING:
    from labctl.gui.runs_window import RunsWindow

__all__ = ["RunActions"]

_HINT: Final = "Ctrl+F finds · Shift+↓ selects a second run to compare · Esc closes"


class RunActions:
    """The commands of the Runs window, their buttons and what became of them.

    Lives in the window's thread.

    Attributes:
        buttons: the row of buttons.
        notice: what became of the last command.
        replay_window: the replay that is open, or None.
    """

    def __init__(self, window: RunsWindow, theme: Theme, commands: Commands) -> None:
        self._window, self._theme, self._commands = window, theme, commands
        self._background = Background("export of a run", window)
        self._buttons: dict[str, QPushButton] = {}
        self._whys: dict[str, Callable[[], str]] = {}
        self.replay_window: ReplayWindow | None = None
        self.notice = Notice(theme, "what became of it")
        self._selected: list[Path] | None = None
        self.buttons = QWidget()
        flow = FlowLayout(self.buttons)
        for name, text, key, act, why_not in (
            ("replay", "Re&play", "Ctrl+Shift+R", self.replay, self._why_no_replay),
            (
                "again",
                "Run a&gain with these parameters",
                "Ctrl+Shift+A",
                self.again,
                self._why_not_again,
            ),
            ("copy", "&Copy path", "Ctrl+Shift+C", self.copy_path, self._why_not_one),
            ("folder", "Open f&older", "Ctrl+Shift+O", self.open_folder, self._why_not_one),
            ("export", "&Export points", "Ctrl+E", self.export, self._why_no_replay),
        ):
            flow.addWidget(self._add(name, text, key, act, why_not))
        commands.refused.connect(self._told_refused)

    def draw(self) -> None:
        """Show what can be done with the selection, and why something cannot."""
        paths = [row.path for row in self._window.selected]
        if paths != self._selected:
            # What became of a command stays as long as the selection does.
            self._selected = paths
            self._hint()
        for name, button in self._buttons.items():
            reason = self._whys[name]()
            button.setEnabled(not reason)
            key = self._commands.action(f"runs.{name}").shortcut().toString()
            button.setToolTip(f"Not now: {reason}" if reason else key)

    def replay(self) -> None:
        """Open the selected run in a window of its own that plays it."""
        row = self._window.selected[0]
        if self.replay_window is not None:
            self.replay_window.close()
        found = row.run.found
        badge = ", SIMULATED" if found.simulated else ""
        name = f"{found.experiment} {found.uid} of {row.texts[0]} UTC{badge}"
        self.replay_window = ReplayWindow(row.path, name, self._theme, self._window)
        self.replay_window.closed.connect(self._forget_replay)
        self.replay_window.open_()

    def copy_path(self) -> None:
        """Put the path of the run's file on the clipboard."""
        path = str(self._window.selected[0].path)
        QGuiApplication.clipboard().setText(path)
        self._tell(f"copied {path}")

    def open_folder(self) -> None:
        """Show the folder of the run's file in the program that shows folders."""
        folder = self._window.selected[0].path.parent
        if QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._tell(f"opened {folder}")
        else:
            self._tell(f"nothing on this machine opens folders: {folder}", "warning")

    def export(self) -> None:
        """Write the points of the run beside its file."""
        path = self._window.selected[0].path
        self._tell(f"writing the points of {path.name} …")
        self._background.begin(lambda job: self._export(job, path))

    def again(self) -> None:
        """Have the run bar show what this run was made with."""
        run = self._window.selected[0].run
        self._window.again.emit(run.found.experiment, dict(run.parameters))
        self._tell(f"the run bar shows {run.found.experiment} as run {run.found.uid} had it")

    def end(self) -> None:
        """End the replay and what is being written."""
        self._background.end()
        if self.replay_window is not None:
            self.replay_window.close()

    def _hint(self) -> None:
        one = self._why_not_one()
        self._tell(f"{_HINT}. To work on a run, {one}." if one else f"{_HINT}.")

    def _add(
        self,
        name: str,
        text: str,
        key: str,
        act: Callable[[], None],
        why_not: Callable[[], str],
    ) -> QPushButton:
        plain = text.replace("&", "")
        command = Command(
            f"runs.{name}", f"Runs: {plain[0].lower()}{plain[1:]}", act, key, "Tools", why_not
        )
        # The key works in the main window and in this one.
        self._window.addAction(self._commands.add(command))
        button = QPushButton(text)
        button.setAccessibleName(f"{plain}, for the selected run")
        button.clicked.connect(lambda: self._commands.do(command.name))
        self._buttons[name], self._whys[name] = button, why_not
        return button

    def _export(self, job: Job, path: Path) -> None:
        """Write in the background."""
        try:
            text = export_points(path)
        except RunFileError as error:
            trouble = str(error)
            job.post(lambda: self._tell(trouble, "alarm"))
        else:
            job.post(lambda: self._tell(text))

    def _one(self) -> RunRow | None:
        selected = self._window.selected if self._window.isVisible() else []
        return selected[0] if len(selected) == 1 else None

    def _why_not_one(self) -> str:
        return "" if self._one() is not None else "select one run in the Runs window"

    def _why_no_replay(self) -> str:
        row = self._one()
        if row is None:
            return self._why_not_one()
        return "the file is damaged" if row.run.found.status == "damaged" else ""

    def _why_not_again(self) -> str:
        row = self._one()
        if row is None:
            return self._why_not_one()
        return "" if row.run.found.experiment else "nobody knows what the damaged file was"

    def _forget_replay(self) -> None:
        self.replay_window = None

    def _told_refused(self, text: str) -> None:
        if text.startswith("Runs: ") and self._window.isVisible():
            self._tell(text.removeprefix("Runs: "), "warning")

    def _tell(self, text: str, tone: Tone = "plain") -> None:
        self.notice.tell(text, tone)
