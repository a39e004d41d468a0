"""The tab of the run: what it found so far, drawn by the panel of its experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from labctl.errors import LabError
from labctl.gui.experiments.base import MAX_ROWS, Cells, ExperimentPanel, Row, find_panels
from labctl.gui.experiments.generic import GenericPanel
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.service import LabClient

__all__ = ["ResultPanel"]

_SYMBOLS: Final = {
    "running": "▶",
    "paused": "❚❚",
    "finished": "✔",
    "aborted": "■",
    "failed": "✖",
}
_ENDED: Final = frozenset({"finished", "aborted", "failed"})


class ResultPanel(QWidget):
    """Shows the run under way, or the last one; a window that comes late sees it from its start.

    While it is hidden it keeps the points and draws nothing. Lives in the window's thread.
    """

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self._kinds = find_panels()
        self._panels: dict[str, ExperimentPanel] = {}
        self._uid = ""
        self._run: Mapping[str, Any] = {}
        self._rows: list[Row] = []
        self._result: Mapping[str, Any] | None = None
        self._has_result = False
        self._asked: set[object] = set()
        #: What the panel that is shown has been given: uid, points, whether the result.
        self._given: tuple[str, int, bool] = ("", 0, False)
        self._taken = 0
        self.title = QLabel()
        self.title.setAccessibleName("run")
        self.title.setWordWrap(True)
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._pages = QStackedWidget()
        self._empty = QLabel("No run yet. Choose an experiment in the run bar; F5 starts it.")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._pages.addWidget(self._empty)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self.title)
        layout.addWidget(self._pages, 1)
        link.updated.connect(self._take)
        link.state_changed.connect(self._draw_title)
        theme.changed.connect(self._draw_title)
        self._catch_up()

    @property
    def page(self) -> ExperimentPanel | None:
        """The panel of the run that is shown; None where there is no run."""
        shown = self._pages.currentWidget()
        return shown if isinstance(shown, ExperimentPanel) else None

    def table(self) -> tuple[list[str], Cells]:
        """Return names of columns and rows of what is shown."""
        return ([], []) if self.page is None else self.page.table()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Draw what came while nobody looked."""
        super().showEvent(event)
        self._draw()

    def _catch_up(self) -> None:
        """Take what the link knew before this panel was made."""
        if run := self._link.latest.get("run"):
            self._take_run(run)
        self._draw_title()

    def _take(self, topic: str, data: Any) -> None:
        if topic == "snapshot":
            # It says everything anew; its points come before its run, which tells how many.
            self._begin("")
            self._take_points(data.get("points") or {})
        elif topic == "points":
            self._take_points(data)
        elif topic == "run":
            self._take_run(data)

    def _begin(self, uid: str) -> None:
        self._uid = uid
        self._rows = []
        self._taken = 0
        self._result, self._has_result = None, False
        self._given = ("", 0, False)
        self._asked.clear()

    def _take_points(self, data: Mapping[str, Any]) -> None:
        uid = str(data.get("uid") or "")
        if uid and uid != self._uid:
            self._begin(uid)
        rows = [row for row in data.get("rows") or [] if row["number"] > self._last_number]
        if not rows:
            return
        if self._is_gap(rows):
            self._ask_for_points()
            return
        self._rows = [*self._rows, *rows][-MAX_ROWS:]
        self._taken += len(rows)
        self._draw()

    @property
    def _last_number(self) -> int:
        return int(self._rows[-1]["number"]) if self._rows else 0

    def _is_gap(self, rows: list[Row]) -> bool:
        """Return whether updates were missed before these; a scan's numbers go on as well."""
        first = rows[0]["number"]
        return (
            first > self._last_number + 1
            and len(rows) < MAX_ROWS
            and ("gap", first) not in self._asked
        )

    def _ask_for_points(self) -> None:
        """Have all points told again, which the service keeps."""
        if "points" in self._asked:
            return
        self._asked.add("points")
        uid = self._uid

        def take(snapshot: Mapping[str, Any]) -> None:
            points = snapshot["points"]
            self._asked.discard("points")
            if uid == self._uid == points["uid"] and points["rows"]:
                self._rows, self._taken = [], 0
                self._given = ("", 0, False)
                # Where the service itself has no earlier ones, that is all there is.
                self._asked.add(("gap", points["rows"][0]["number"]))
                self._take_points(points)

        self._link.ask("read the points of the run", lambda client: client.snapshot(), take)

    def _take_run(self, run: Mapping[str, Any]) -> None:
        uid = str(run.get("uid") or "")
        if uid and uid != self._uid:
            self._begin(uid)
        self._run = run
        done = int(run.get("points_done") or 0)
        if uid and done > self._last_number and ("short", done) not in self._asked:
            # Points are told before the status that counts them, so some were missed.
            self._asked.add(("short", done))
            self._ask_for_points()
        if uid and run["state"] in _ENDED and ("result", uid) not in self._asked:
            self._asked.add(("result", uid))
            self._ask_for_result(uid, run)
        self._draw()

    def _ask_for_result(self, uid: str, run: Mapping[str, Any]) -> None:
        path = run.get("path")
        if run["state"] != "finished" or not path:
            self._take_result(uid, None)
            return
        self._link.ask(
            f"read the result of run {uid}",
            _reading(Path(path)),
            lambda result: self._take_result(uid, result),
            lambda error: self._told_no_result(uid, error),
        )

    def _take_result(self, uid: str, result: Mapping[str, Any] | None) -> None:
        if uid == self._uid:
            self._result, self._has_result = result, True
            self._draw()

    def _told_no_result(self, uid: str, error: LabError) -> None:
        if uid == self._uid:
            self.title.setText(f"{self.title.text()}\nThe result cannot be read: {error}")

    def _draw(self) -> None:
        if not self.isVisible():
            return
        self._draw_title()
        experiment = str(self._run.get("experiment") or "")
        if not experiment or not self._uid or self._run.get("uid") != self._uid:
            # The points of a run come before its name: they wait for it.
            if not self._uid:
                self._pages.setCurrentWidget(self._empty)
            return
        panel = self._panel_of(experiment)
        self._pages.setCurrentWidget(panel)
        uid, taken, has_result = self._given
        is_new = uid != self._uid
        fresh = self._taken - (0 if is_new else taken)
        if is_new or fresh:
            panel.take_points(self._rows[-fresh:] if fresh else [], is_new)
        panel.take_status(self._run)
        if self._has_result and (is_new or not has_result):
            panel.take_result(self._result)
        self._given = (self._uid, self._taken, self._has_result)

    def _panel_of(self, experiment: str) -> ExperimentPanel:
        if experiment not in self._panels:
            panel = self._kinds.get(experiment, GenericPanel)(self._theme)
            self._panels[experiment] = panel
            self._pages.addWidget(panel)
        return self._panels[experiment]

    def _draw_title(self) -> None:
        run = self._run
        if not run.get("uid"):
            self.title.setText("")
            self.title.setVisible(False)
            return
        state = str(run["state"])
        words = [
            f"{_SYMBOLS.get(state, '')} {run['experiment']} {run['uid']}",
            state if self._link.state == "connected" else f"was {state}; the service is gone",
            f"point {run['points_done']} of {run['points_total']}",
        ]
        if run.get("repeated"):
            words.append(f"{run['repeated']} taken again")
        if self._taken > MAX_ROWS:
            words.append(f"the newest {MAX_ROWS} of {self._taken} points")
        if run.get("text"):
            words.append(str(run["text"]))
        self.title.setText(" · ".join(words))
        self.title.setVisible(True)


def _reading(path: Path) -> Callable[[LabClient], Mapping[str, Any] | None]:
    def read(_: LabClient) -> Mapping[str, Any] | None:
        from labctl.storage import open_run  # noqa: PLC0415  loaded where a run ends

        with open_run(path) as run:
            return run.result or None

    return read
