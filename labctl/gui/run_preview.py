"""What one run was: how it ended, what it found, its points, settings and events."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QLabel, QSplitter, QTabWidget, QVBoxLayout, QWidget

from labctl.gui.run_differences import differs, text_rows
from labctl.gui.run_facts import RunFacts, event_rows, loss_text, result_values
from labctl.gui.run_points import PointsModel, PointsPlot
from labctl.gui.run_table import RunTable
from labctl.gui.runs_model import status_text
from labctl.gui.theme import Theme

__all__ = ["RunPreview"]

_AT_START, _AT_END = "start", "end"


class RunPreview(QWidget):
    """Shows one run; a tab is filled when somebody looks at it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._facts: RunFacts | None = None
        self._image = QImage()
        self._filled: set[int] = set()
        self.title = QLabel()
        self.title.setAccessibleName("the selected run")
        self.about = QLabel()
        self.about.setAccessibleName("what is known of the selected run")
        for label in (self.title, self.about):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.results = RunTable(theme, "results of the run", {1})
        self.settings = RunTable(theme, "settings at start and end", {2, 3})
        self.events = RunTable(theme, "events, alarms and notes", {0})
        self.points = PointsModel()
        self.points_plot = PointsPlot(theme, "points of the selected run")
        self.figure = _Picture("picture of the result")
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("parts of the run")
        self.tabs.setDocumentMode(True)
        self._fillers: list[Callable[[RunFacts], None]] = []
        self._add_tabs()
        self.tabs.currentChanged.connect(self._fill)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(self.about)
        layout.addWidget(self.tabs, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def show_facts(self, facts: RunFacts, figure: QImage) -> None:
        """Show this run, and its picture if that is one."""
        self._facts, self._image = facts, figure
        self._filled.clear()
        found = facts.found
        badge = " · SIMULATED" if found.simulated else ""
        reason = f" · {found.reason}" if found.reason else ""
        status = status_text(found.status)
        self.title.setText(f"{found.experiment} {found.uid} · {status}{badge}{reason}")
        self.about.setText("\n".join(_about(facts)))
        self._fill()

    def _add_tabs(self) -> None:
        found = QSplitter(Qt.Orientation.Vertical)
        found.addWidget(self.results)
        found.addWidget(self.figure)
        found.setStretchFactor(1, 1)
        found.setChildrenCollapsible(False)
        points = QSplitter(Qt.Orientation.Vertical)
        points.addWidget(RunTable(self._theme, "points of the run", model=self.points))
        points.addWidget(self.points_plot)
        points.setStretchFactor(1, 1)
        points.setChildrenCollapsible(False)
        for widget, title, fill in (
            (found, "&Result", self._fill_result),
            (points, "P&oints", self._fill_points),
            (self.settings, "&Settings", self._fill_settings),
            (self.events, "&Events", self._fill_events),
        ):
            self.tabs.addTab(widget, title)
            self._fillers.append(fill)

    def _fill(self) -> None:
        """Fill the tab in front, once for each run."""
        number = self.tabs.currentIndex()
        if self._facts is not None and number not in self._filled:
            self._filled.add(number)
            self._fillers[number](self._facts)

    def _fill_result(self, facts: RunFacts) -> None:
        values = result_values(facts).items()
        self.results.show_rows(
            ["result", "value"], [[f"{of}  {what}", str(value)] for (of, what), value in values]
        )
        self.figure.show_image(self._image)

    def _fill_points(self, facts: RunFacts) -> None:
        self.points.show_points(facts.points)
        self.points_plot.show_runs([(facts.found.uid, facts.points)])

    def _fill_settings(self, facts: RunFacts) -> None:
        start = facts.snapshots.get(_AT_START, {})
        rows = text_rows(start, facts.snapshots.get(_AT_END, {}), (_AT_START, _AT_END))
        # What has changed comes first; it is what one looks for.
        rows.sort(key=lambda row: not differs(row))
        self.settings.show_rows(["setting", "", "at start", "at end"], rows)

    def _fill_events(self, facts: RunFacts) -> None:
        self.events.show_rows(["after", "kind", "from", "what"], event_rows(facts))

    def _dress(self) -> None:
        font = self.font()
        font.setPointSize(self._theme.font_pt + 1)
        font.setBold(True)
        self.title.setFont(font)
        self.about.setStyleSheet(f"color: {self._theme.colors.faint};")


def _about(facts: RunFacts) -> list[str]:
    metadata, end = facts.metadata, facts.end
    started = facts.found.start_utc[:19].replace("T", " ")
    ended = str(end.get("stop_utc", ""))[11:19] or "no end"
    taken, planned = end.get("taken", len(facts.points)), metadata.get("planned")
    times = f"{started} to {ended} UTC · {taken} of {planned} points"
    if end.get("repeated"):
        times += f" · {end['repeated']} taken again"
    people = [
        f"{word} {metadata[key]}"
        for key, word in (("operator", "by"), ("project", "for"), ("sample", "sample"))
        if metadata.get(key)
    ]
    if metadata.get("parents"):
        people.append(f"replay of {', '.join(metadata['parents'])}")
    parameters = ", ".join(f"{name} = {text}" for name, text in facts.parameters.items())
    warnings = [f"⚠ {text}" for text in facts.result.get("warnings") or []]
    return [" · ".join([times, *people]), parameters, *loss_text(facts), *warnings]


class _Picture(QWidget):
    """A picture as large as there is room, never larger than it is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._image = QImage()
        self._scaled = QPixmap()
        self.setAccessibleName(name)
        self.setMinimumSize(160, 120)

    def show_image(self, image: QImage) -> None:
        """Show this picture, or that there is none."""
        self._image, self._scaled = image, QPixmap()
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """Draw it in the middle."""
        painter = QPainter(self)
        if self._image.isNull():
            middle = Qt.AlignmentFlag.AlignCenter
            painter.drawText(self.rect(), middle, "The file holds no picture of a result.")
            return
        size = self._image.size().scaled(
            self.size().boundedTo(self._image.size()), Qt.AspectRatioMode.KeepAspectRatio
        )
        if self._scaled.size() != size:
            # Once for each size: to scale smoothly takes as long as a frame.
            smooth = Qt.TransformationMode.SmoothTransformation
            ratio = Qt.AspectRatioMode.IgnoreAspectRatio
            self._scaled = QPixmap.fromImage(self._image.scaled(size, ratio, smooth))
        place = QRect(QPoint(0, 0), size)
        place.moveCenter(self.rect().center())
        painter.drawPixmap(place, self._scaled)
