"""All views at once: kept for the next window where it is large enough, and one snapshot of all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.appearance import Appearance
from labctl.gui.commands import Commands
from labctl.gui.snapshot import Tabular
from labctl.gui.theme import Theme
from labctl.gui.views import Views


class Numbers(QWidget):
    """A view with a column of numbers."""

    def __init__(self, name: str, numbers: list[float]) -> None:
        super().__init__()
        self._name, self._numbers = name, numbers

    def table(self) -> tuple[list[str], list[list[float]]]:
        return [self._name], [[number] for number in self._numbers]


@pytest.fixture
def views(qtbot: QtBot) -> Views:
    made = Views()
    qtbot.addWidget(made)
    for panel, title in (
        (Numbers("rate", [1.0, 2.0]), "R&ates"),
        (QWidget(), "&Coincidences"),
        (Numbers("lag", [3.0]), "&Histogram"),
        (QWidget(), "&Result"),
    ):
        made.add(panel, title)
    return made


@pytest.fixture
def window(views: Views, qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    made.setCentralWidget(views)
    return made


def test_what_is_seen_is_one_view_or_all_with_the_numbers_of_all(views: Views) -> None:
    assert views.shown() == ("Rates", views.tabs.widget(0))
    views.set_tiled(is_tiled=True)
    title, everything = views.shown()
    assert title == "All views"
    assert isinstance(everything, Tabular)
    assert everything.table() == (["rate", "lag"], [[1.0, 3.0], [2.0, ""]])
    views.set_tiled(is_tiled=False)
    assert views.shown() == ("Rates", views.tabs.widget(0))
    assert [views.tabs.tabText(n) for n in range(views.tabs.count())] == [
        "R&ates",
        "&Coincidences",
        "&Histogram",
        "&Result",
    ]


@pytest.mark.parametrize(("size", "is_tiled"), [((1920, 1080), True), ((1280, 720), False)])
def test_a_large_window_shows_all_views_again_and_a_small_one_does_not(
    window: QMainWindow, views: Views, tmp_path: Path, size: tuple[int, int], *, is_tiled: bool
) -> None:
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window.resize(1920, 1080)
    first = Appearance(window, Theme(), views, settings, Commands(window))
    first.tile()
    first.save()
    first.reset()
    assert not views.is_tiled
    settings.remove("geometry")
    window.resize(*size)
    Appearance(window, Theme(), views, settings, Commands(window)).restore()
    assert views.is_tiled is is_tiled
