"""Two runs side by side: what they found, and in what they differ."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel, QTabWidget, QVBoxLayout, QWidget

from labctl.gui.run_differences import NAMES, differs, result_rows, text_rows
from labctl.gui.run_facts import RunFacts
from labctl.gui.run_points import PointsPlot
from labctl.gui.run_table import RunTable
from labctl.gui.runs_model import status_text
from labctl.gui.theme import Theme

__all__ = ["RunComparison"]


class RunComparison(QWidget):
    """Shows two runs, the earlier one as A; lives in the window's thread."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._runs: tuple[RunFacts, RunFacts] | None = None
        self.title = QLabel()
        self.title.setAccessibleName("the runs that are compared")
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.only_box = QCheckBox("Only what &differs")
        self.only_box.setAccessibleName("only what differs")
        self.only_box.toggled.connect(self._draw)
        self.results = RunTable(theme, "results of both runs", {2, 3})
        self.parameters = RunTable(theme, "parameters of both runs", {2, 3})
        self.settings = RunTable(theme, "settings of both runs at start", {2, 3})
        self.plot = PointsPlot(theme, "points of both runs")
        self.no_plot = QLabel()
        self.no_plot.setAccessibleName("why the points are not drawn")
        self.no_plot.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.no_plot.setWordWrap(True)
        points = QWidget()
        points_layout = QVBoxLayout(points)
        points_layout.setContentsMargins(0, 0, 0, 0)
        points_layout.addWidget(self.plot)
        points_layout.addWidget(self.no_plot)
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("what is compared")
        self.tabs.setDocumentMode(True)
        for widget, name in (
            (self.results, "&Results"),
            (self.parameters, "P&arameters"),
            (self.settings, "&Settings at start"),
            (points, "P&oints"),
        ):
            self.tabs.addTab(widget, name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addWidget(self.only_box)
        layout.addWidget(self.tabs, 1)

    def show_runs(self, one: RunFacts, other: RunFacts) -> None:
        """Compare these runs."""
        a, b = sorted((one, other), key=lambda facts: facts.found.start_utc)
        self._runs = (a, b)
        self.title.setText(
            "\n".join(f"{n}: {_named(facts)}" for n, facts in zip(NAMES, self._runs, strict=True))
        )
        is_alike = a.found.experiment == b.found.experiment
        self.plot.setVisible(is_alike)
        self.no_plot.setVisible(not is_alike)
        self.no_plot.setText(
            f"{a.found.experiment} and {b.found.experiment} have different points: "
            "they are not drawn over each other."
        )
        named = zip(NAMES, self._runs, strict=True)
        self.plot.show_runs(
            [(f"{n}: {facts.found.uid}", facts.points) for n, facts in named] if is_alike else []
        )
        self._draw()

    def _draw(self) -> None:
        if self._runs is None:
            return
        a, b = self._runs
        at_a, at_b = (facts.snapshots.get("start", {}) for facts in self._runs)
        for table, columns, rows in (
            (self.results, ["result", "B − A", *NAMES], result_rows(a, b)),
            (self.parameters, ["parameter", "", *NAMES], text_rows(a.parameters, b.parameters)),
            (self.settings, ["setting", "", *NAMES], text_rows(at_a, at_b)),
        ):
            only = self.only_box.isChecked()
            table.show_rows(columns, [row for row in rows if differs(row) or not only])


def _named(facts: RunFacts) -> str:
    found = facts.found
    badge = " · SIMULATED" if found.simulated else ""
    started = found.start_utc[:19].replace("T", " ")
    return f"{found.experiment} {found.uid} · {started} UTC · {status_text(found.status)}{badge}"
