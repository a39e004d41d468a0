"""Everybody can read and reach everything: names, reasons, the keyboard, room for texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from labctl.gui.theme import DARK, LIGHT, Colors, Theme
from labctl.gui.window import MainWindow
from tests.gui.conftest import WAIT_MS
from tests.gui.legibility import cut_texts, inputs, nameless, unexplained

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


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("colors", [DARK, LIGHT], ids=lambda colors: colors.name)
def test_no_text_is_cut(
    window: MainWindow, theme: Theme, colors: Colors, size: tuple[int, int]
) -> None:
    theme.set(colors, is_large=False)
    try:
        window.resize(*size)
        QApplication.processEvents()
        assert (window.width(), window.height()) == size
        assert on_every_tab(window, cut_texts) == []
    finally:
        theme.set(DARK, is_large=False)
