from __future__ import annotations

import csv
from pathlib import Path

import pyqtgraph as pg
import pytest
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.link import ServiceLink
from labctl.gui.result_panel import ResultPanel
from labctl.gui.snapshot import Snapshot, drawing_of
from labctl.gui.theme import Theme
from labctl.gui.views import Views
from labctl.service import LabClient
from labctl.testing.service_process import ServiceProcess

WAIT_MS = 20_000


class TwoViews:
    """Two views, of which the first has numbers."""

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        self.all = Views()
        self.tabs = self.all.tabs
        self.result = ResultPanel(link, theme)
        self.all.add(self.result, "Run res&ult")
        self.all.add(QWidget(), "Nothing")
        self.all.resize(800, 500)
        self.all.show()
        self.told: list[str] = []
        self.snapshot = Snapshot(link, self.all.shown, self.told.append)

    def take(self, qtbot: QtBot) -> Path:
        """Take one and return its name without suffix, as the operator is told."""
        self.told.clear()
        self.snapshot.take()
        qtbot.waitUntil(lambda: bool(self.told), timeout=WAIT_MS)
        return Path(self.told[0].removeprefix("Snapshot: ").partition(" (")[0])


@pytest.fixture
def views(link: ServiceLink, theme: Theme, qtbot: QtBot) -> TwoViews:
    made = TwoViews(link, theme)
    qtbot.addWidget(made.all)
    return made


def test_without_a_run_it_goes_to_the_data_folder(
    views: TwoViews, service: ServiceProcess, qtbot: QtBot
) -> None:
    views.tabs.setCurrentIndex(1)
    stem = views.take(qtbot)
    assert stem.parent == service.data_folder
    assert stem.name.endswith("_nothing")
    assert QImage(str(stem.with_suffix(".png"))).width() == views.tabs.currentWidget().width()
    assert QSvgRenderer(str(stem.with_suffix(".svg"))).isValid()
    assert not stem.with_suffix(".csv").exists()


def test_during_a_run_it_stands_beside_the_run_file_which_notes_it(
    views: TwoViews, link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    client.start("counting", {"points": 100, "dwell_s": 0.1})
    qtbot.waitUntil(lambda: len(views.result.table()[1]) > 1, timeout=WAIT_MS)
    stem = views.take(qtbot)
    run = link.latest["run"]
    assert stem.parent == Path(run["path"]).parent
    assert stem.name.endswith(f"_run_result_{run['uid']}")
    assert "noted in the run" in views.told[0]
    with stem.with_suffix(".csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == list(range(1, len(rows) + 1))
    assert float(rows[0]["live_s"]) == pytest.approx(0.1)
    log = [line["text"] for line in client.snapshot()["log"]]
    assert f"snapshot of Run result: {stem.name}" in log
    client.abort()
    qtbot.waitUntil(lambda: link.latest["run"]["state"] == "aborted", timeout=WAIT_MS)


def test_a_folder_that_cannot_be_written_to_is_told(
    views: TwoViews, link: ServiceLink, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "file").write_text("not a folder")
    link.latest["run"] = {"path": str(tmp_path / "file" / "run.h5"), "state": "finished"}
    views.tabs.setCurrentIndex(1)
    views.snapshot.take()
    qtbot.waitUntil(lambda: bool(views.told), timeout=WAIT_MS)
    assert "cannot be written" in views.told[0]


def test_a_plot_stays_lines_and_shapes_in_the_drawing(qtbot: QtBot) -> None:
    plot = pg.PlotWidget()
    qtbot.addWidget(plot)
    plot.plot([1.0, 2.0, 3.0], [1.0, 4.0, 9.0], symbol="o")
    plot.resize(400, 300)
    plot.show()
    drawing = drawing_of(plot).decode()
    assert 'viewBox="0 0 400 300"' in drawing
    # Symbols that are stamped would be one picture each; the plot's button is one.
    assert drawing.count("<image") <= 1
    assert drawing.count("<path") >= 3
    assert drawing.count("<text") >= 4
