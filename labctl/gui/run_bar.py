"""The run bar: what to run, start, pause, abort, queue, and how far the run is.

It is low, so that the plots have the room; the form of all parameters is a panel of its own,
`RunBar.setup`, which the window puts where it can be as high as it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from labctl.errors import InterlockError, LabError
from labctl.gui.commands import Command, Commands
from labctl.gui.confirm_row import ConfirmRow
from labctl.gui.fitted_panel import FittedPanel
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.link import ServiceLink
from labctl.gui.rights import why_no_change, why_no_service
from labctl.gui.run_buttons import RunButtons
from labctl.gui.run_notice import RunNotice
from labctl.gui.run_progress import RunProgress, failure_text
from labctl.gui.run_setup import RunSetup
from labctl.gui.theme import Theme
from labctl.service import LabClient

__all__ = ["RunBar"]

_UNDER_WAY: Final = frozenset({"running", "paused"})
#: What the buttons and the notices hang on, besides the run itself.
_TOPICS: Final = frozenset({"snapshot", "run", "control"})
#: Below so many characters of width the buttons leave their keys to tips and menus.
_NARROW_CHARACTERS: Final = 92


class RunBar(FittedPanel):
    """Chooser, form, commands and progress; the commands are in the menu `Run` too."""

    def __init__(self, link: ServiceLink, theme: Theme, commands: Commands) -> None:
        super().__init__()
        self._link, self._commands = link, commands
        self._pending = ""
        self._error = ""
        self._hint = ""
        self.setup = RunSetup(theme)
        # Nobody sees it before the window has given it a place.
        self.setup.setParent(self)
        self.setup.hide()
        self.progress = RunProgress(theme)
        self.arm = QCheckBox("Arm: lasers may be switched on")
        self.arm.setAccessibleName("arm: lasers may be switched on")
        self.arm.setToolTip("For the next run only; without it the run leaves the lasers alone")
        self.arm.setVisible(False)
        self.confirm = ConfirmRow(theme, "Resume and switch lasers on", "Stay paused")
        self._words = RunNotice(theme)
        self.notice = self._words.notice
        self._add_commands()
        self._buttons = RunButtons(commands)
        self.more_button, self.start_button, self.pause_button, self.abort_button, *_ = (
            self._buttons.by_action.values()
        )
        self.queue_button = self._buttons.by_action["queue"]
        self._lay_out()
        self.setup.form.remade.connect(self._order_focus)
        self.setup.changed.connect(self._edited)
        self.setup.hinted.connect(self._show_hint)
        self.arm.toggled.connect(self.draw)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self.draw)
        self._ask_experiments()
        self.draw()

    def fill(self, experiment: str, parameters: Mapping[str, Any]) -> None:
        """Show what was run at another time, ready to be started again."""
        self.setup.fill(experiment, parameters)

    def draw(self) -> None:
        """Show the run, what can be done now, and why something cannot."""
        run = self._run
        is_connected = self._link.state == "connected"
        self.progress.show_run(run, is_connected=is_connected)
        is_paused = run.get("state") == "paused"
        if not (is_paused and is_connected):
            self.confirm.dismiss()
        self.arm.setVisible(self._asks_to_arm)
        self._name_buttons(is_paused=is_paused)
        self._buttons.explain(
            {
                "start": self._why_no_start(),
                "pause": self._why_no_pause(),
                "abort": self._why_no_abort(),
                "queue": self._why_no_queue(),
            }
        )
        self._draw_notice()

    def _name_buttons(self, *, is_paused: bool) -> None:
        limit_px = _NARROW_CHARACTERS * self.fontMetrics().averageCharWidth()
        self._buttons.name(
            is_paused=is_paused,
            is_armed=self._asks_to_arm and self.arm.isChecked(),
            is_narrow=self.width() < limit_px,
        )

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt's name
        """Name the keys on the buttons where there is room."""
        self._name_buttons(is_paused=self._run.get("state") == "paused")
        super().resizeEvent(event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what came while it was hidden."""
        super().showEvent(event)
        self.draw()

    @property
    def _run(self) -> dict[str, Any]:
        run: dict[str, Any] = self._link.latest.get("run") or {"state": "idle"}
        return run

    @property
    def _asks_to_arm(self) -> bool:
        """Whether light needs a person's word: the bench does not arm itself, the run needs it."""
        facts = self._link.latest.get("service") or {}
        experiment = self.setup.experiment or {}
        return facts.get("arms_by_itself") is False and bool(experiment.get("needs_light"))

    def _add_commands(self) -> None:
        for command in (
            Command("run.start", "Start run", self._start, "F5", "Run", self._why_no_start),
            Command(
                "run.pause", "Pause or resume run", self._pause, "F6", "Run", self._why_no_pause
            ),
            Command("run.abort", "Abort run", self._abort, "Shift+F5", "Run", self._why_no_abort),
            Command("run.queue", "Add to queue", self._queue, "Ctrl+F5", "Run", self._why_no_queue),
            Command("run.parameters", "All parameters", self.setup.open_, "Ctrl+M", "Run"),
        ):
            self._commands.add(command)

    def _lay_out(self) -> None:
        # What is to be run and what is done with it are two lines, where they do not fit in one.
        flow = FlowLayout()
        for group in (
            (self.setup.chooser, self.setup.form.main, self.more_button),
            (self.start_button, self.pause_button, self.abort_button, self.queue_button),
            (self.arm,),
        ):
            part = QWidget()
            line = FlowLayout(part)
            for widget in group:
                line.addWidget(widget)
            flow.addWidget(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 2, 6, 2)
        layout.setSpacing(4)
        layout.addLayout(flow)
        for below in (self.progress, self.confirm, self._words):
            layout.addWidget(below)
        layout.addStretch(1)

    def _order_focus(self) -> None:
        """Have the Tab key go through new editors in the order in which they stand."""
        before: QWidget = self.setup.chooser
        editors = [row.editor for row in self.setup.form.main_rows()]
        for widget in (*editors, self.more_button, self.start_button):
            QWidget.setTabOrder(before, widget)
            before = widget

    def _take(self, topic: str, _: object) -> None:
        if topic == "snapshot":
            self._ask_experiments()
        if topic in _TOPICS and self.isVisible():
            self.draw()

    def _ask_experiments(self) -> None:
        """Ask anew after every reconnection: a new service may know others."""
        if self._link.state != "connected":
            return
        self._link.ask(
            "list the experiments", lambda client: client.experiments(), self._know_experiments
        )
        self._link.ask("list the settings", lambda client: client.parameters(), self._know_settings)

    def _know_experiments(self, experiments: list[dict[str, Any]]) -> None:
        self.setup.show_experiments(experiments)
        self.draw()

    def _know_settings(self, instruments: dict[str, Any]) -> None:
        self.setup.axes.offer(instruments)

    def _edited(self) -> None:
        self._error = ""
        self.draw()

    def _show_hint(self, text: str) -> None:
        self._hint = text
        self._draw_notice()

    def _why_no_start(self) -> str:
        run = self._run
        if reason := why_no_change(self._link):
            return reason
        if run.get("state") in _UNDER_WAY:
            return f"run {run.get('uid') or run.get('experiment')} is under way"
        return self._pending or self.setup.problem()

    def _why_no_queue(self) -> str:
        return why_no_change(self._link) or self.setup.problem()

    def _why_no_pause(self) -> str:
        return why_no_change(self._link) or self._why_no_run()

    def _why_no_abort(self) -> str:
        return why_no_service(self._link) or self._why_no_run()

    def _why_no_run(self) -> str:
        return "" if self._run.get("state") in _UNDER_WAY else "no run is under way"

    def _start(self) -> None:
        experiment, parameters = self.setup.chosen()
        arm = self._arm_word()

        def act(client: LabClient) -> object:
            return client.start(experiment, parameters, arm=arm)

        self._try(f"start {experiment}", act, self._end_arming)

    def _queue(self) -> None:
        experiment, parameters = self.setup.chosen()
        arm = self._arm_word()

        def act(client: LabClient) -> object:
            return client.queue.add(experiment, parameters, arm=arm)

        self._try(f"add {experiment} to the queue", act, self._end_arming)

    def _pause(self) -> None:
        if self._run.get("state") != "paused":
            self._try("pause the run", lambda client: client.pause())
        else:
            self._link.ask(
                "resume the run", lambda client: client.resume(), None, self._not_resumed
            )

    def _abort(self) -> None:
        self._try("abort the run", lambda client: client.abort("aborted in the window"))

    def _not_resumed(self, error: LabError) -> None:
        """Ask for the light where the run waits for it; anything else is an error."""
        if not isinstance(error, InterlockError) or why_no_change(self._link):
            self._failed(error)
            return
        text = f"{error.message}. Is the beam path safe?"
        self.confirm.ask(text, self._resume_armed)

    def _resume_armed(self) -> None:
        self._try("resume the run with light", lambda client: client.resume(arm=True))

    def _arm_word(self) -> bool | None:
        """Return what was armed; None where the bench arms itself, or no light is needed."""
        return self.arm.isChecked() if self._asks_to_arm else None

    def _end_arming(self) -> None:
        # A word for one run is not one for the next.
        self.arm.setChecked(False)

    def _try(
        self,
        what: str,
        act: Callable[[LabClient], object],
        then: Callable[[], None] = lambda: None,
    ) -> None:
        def done(_: object) -> None:
            self._pending = ""
            then()
            self.draw()

        self._error, self._pending = "", f"trying to {what} …"
        self._link.ask(what, act, done, self._failed)
        self.draw()

    def _failed(self, error: LabError) -> None:
        self._pending, self._error = "", str(error)
        self.setup.mark(error.message)
        self.draw()

    def _draw_notice(self) -> None:
        summary = str((self.setup.experiment or {}).get("summary", ""))
        self._words.tell(
            error=self._error,
            pending=self._pending,
            failure=failure_text(self._run),
            # What is wrong with a parameter is news also while a run is under way.
            why_no_start=self._why_no_queue() or self._why_no_start(),
            hint=self._hint or summary,
        )
