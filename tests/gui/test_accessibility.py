"""Everybody can read and reach everything: names, reasons, the keyboard, room for texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QDockWidget, QGraphicsView
from pytestqt.qtbot import QtBot

from labctl.gui.theme import DARK, LIGHT, Colors, Theme
from labctl.gui.window import MainWindow
from tests.gui.conftest import WAIT_MS
from tests.gui.legibility import cut_texts, inputs, mnemonics, nameless, unexplained

Open = Callable[[], MainWindow]


@pytest.fixture
def window(open_window: Open, qtbot: QtBot) -> MainWindow:
    """A window that shows the whole bench."""
    made = open_window()
    qtbot.waitUntil(lambda: len(made.instruments.groups) == 6, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "histogram" in made.link.latest, timeout=WAIT_MS)
    return made


def on_every_tab(window: MainWindow, look: Callable[[MainWindow], list[str]]) -> list[str]:
    """Return what `look` finds with each of the tabs in front, once."""
    found: dict[str, None] = {}
    for number in range(window.tabs.count()):
        window.tabs.setCurrentIndex(number)
        QApplication.processEvents()
        found |= dict.fromkeys(look(window))
    return list(found)


def test_every_input_has_a_name(window: MainWindow) -> None:
    assert len(inputs(window)) > 40
    assert on_every_tab(window, nameless) == []


def test_every_disabled_input_says_why(window: MainWindow) -> None:
    assert on_every_tab(window, unexplained) == []


def test_the_tab_key_comes_to_every_input(window: MainWindow) -> None:
    wanted = {w for w in inputs(window) if w.isEnabled() and w.focusPolicy().value & 1}
    reached = set()
    window.activateWindow()
    for _ in range(4 * len(wanted)):
        window.focusNextChild()
        focused = QApplication.focusWidget()
        reached.add(focused)
        if focused is not None:
            reached.add(focused.parentWidget())
    assert [w.accessibleName() or str(w) for w in wanted - reached] == []


def settle() -> None:
    """Let a change of the font or of the size go through all panels."""
    for _ in range(4):
        QApplication.processEvents()


@pytest.fixture
def looks(theme: Theme) -> Iterator[Theme]:
    """The theme, which is dark and of ordinary size again after the test."""
    yield theme
    theme.set(DARK, is_large=False)


@pytest.mark.parametrize(
    ("colors", "is_large"),
    [
        pytest.param(DARK, False, id="dark"),
        pytest.param(LIGHT, False, id="light", marks=pytest.mark.slow),
        pytest.param(DARK, True, id="dark large"),
        pytest.param(LIGHT, True, id="light large", marks=pytest.mark.slow),
    ],
)
def test_no_text_is_cut(
    window: MainWindow, looks: Theme, colors: Colors, *, is_large: bool
) -> None:
    looks.set(colors, is_large=is_large)
    # A plot that is lower shows no more than that there is one.
    least_px = 180 if is_large else 200
    for size in ((1280, 720), (1920, 1080)):
        settle()
        window.resize(*size)
        settle()
        assert window.rates.findChildren(QGraphicsView)[0].height() >= least_px
        assert on_every_tab(window, cut_texts) == []
        for dock in ("Queue", "Parameters", "Log, alarms"):
            dock_named(window, dock).raise_()
            settle()
            assert cut_texts(window) == []
        assert (window.width(), window.height()) == size


def dock_named(window: MainWindow, title: str) -> QDockWidget:
    return next(d for d in window.findChildren(QDockWidget) if d.windowTitle() == title)


def test_all_parameters_come_into_sight_ready_to_be_typed(window: MainWindow, qtbot: QtBot) -> None:
    setup = window.run_bar.setup
    qtbot.waitUntil(lambda: setup.experiment is not None, timeout=WAIT_MS)
    setup.chooser.setCurrentText("chsh")
    assert [row.field.name for row in setup.form.main_rows()] == ["dwell_s", "settings"]
    assert setup.visibleRegion().isEmpty()
    window.activateWindow()
    window.commands.do("run.parameters")
    settle()
    assert not setup.visibleRegion().isEmpty()
    assert QApplication.focusWidget() is setup.form.rows["alice_angles_deg"].editor
    window.run_bar.setup.chooser.setFocus()
    for wanted in (
        setup.form.rows["dwell_s"].editor,
        setup.form.rows["settings"].editor,
        window.run_bar.more_button,
        window.run_bar.start_button,
    ):
        window.focusNextChild()
        assert QApplication.focusWidget() is wanted


def test_the_large_font_leaves_the_window_its_size(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1280, 720)
    for is_large in (True, False):
        window.commands.do("font")
        assert window.theme.is_large is is_large
        qtbot.waitUntil(lambda: window.size() == QSize(1280, 720), timeout=WAIT_MS)


@pytest.mark.parametrize(
    "is_large",
    [pytest.param(False, id="ordinary", marks=pytest.mark.slow), pytest.param(True, id="large")],
)
def test_no_text_of_another_window_is_cut(
    window: MainWindow, looks: Theme, qtbot: QtBot, *, is_large: bool
) -> None:
    looks.set(DARK, is_large=is_large)
    for name, other in (
        ("align", window.align),
        ("devices", window.devices),
        ("simulation", window.simulation),
        ("help", window.help),
        ("palette", window.palette_window),
    ):
        settle()
        window.commands.do(name)
        if other.isWindow():
            other.resize(1280, 720)
        if name == "simulation":
            qtbot.waitUntil(lambda: bool(window.simulation.place), timeout=WAIT_MS)
        settle()
        assert (other.width() <= 1280, other.height() <= 720) == (True, True), name
        assert [*cut_texts(other), *nameless(other), *unexplained(other)] == [], name
        other.hide()


def test_no_two_letters_of_what_is_in_sight_are_the_same(window: MainWindow) -> None:
    for number in range(window.tabs.count()):
        window.tabs.setCurrentIndex(number)
        settle()
        letters = Counter(mnemonics(window))
        assert {letter: n for letter, n in letters.items() if n > 1} == {}


def test_all_views_at_once_are_offered_where_there_is_room_and_cut_nothing(
    window: MainWindow, looks: Theme
) -> None:
    refusals: list[str] = []
    window.commands.refused.connect(refusals.append)
    window.resize(1280, 720)
    window.commands.do("tile")
    assert refusals == ["All views at once: the window is smaller than 1600 × 900"]
    window.resize(1920, 1080)
    window.commands.do("tile")
    views = (window.rates, window.matrix, window.histogram, window.result)
    for colors in (DARK, LIGHT):
        looks.set(colors, is_large=False)
        settle()
        assert [view.isVisible() for view in views] == [True] * len(views)
        assert cut_texts(window) == []
    assert window.size() == QSize(1920, 1080)
    window.commands.do("tile")
    settle()
    assert [view.isVisible() for view in views] == [True, False, False, False]
