"""A recorded run in the live panels: what it shows, how it is steered, what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.live_source import why_not_live
from labctl.gui.run_replay_window import ReplayWindow
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.storage import open_run
from tests.gui.legibility import cut_texts, inputs, nameless, unexplained
from tests.gui.recorded_runs import write_runs_of_tags, write_trivial_run

WAIT_MS = 15_000

Until = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of about a second of tags."""
    return write_runs_of_tags(tmp_path_factory.mktemp("data"))[1]


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)


@pytest.fixture
def play(theme: Theme, qtbot: QtBot) -> Iterator[Callable[[Path], ReplayWindow]]:
    """Opens windows that play a file; they are closed at the end."""
    parent = QWidget()
    qtbot.addWidget(parent)
    opened: list[ReplayWindow] = []

    def open_(path: Path) -> ReplayWindow:
        window = ReplayWindow(path, "counting abc123, SIMULATED", theme, parent)
        window.open_()
        opened.append(window)
        return window

    yield open_
    for window in opened:
        # A window that was closed is gone, with its replay.
        if shiboken6.isValid(window):
            window.close()


@pytest.fixture
def window(recorded: Path, play: Callable[[Path], ReplayWindow], until: Until) -> ReplayWindow:
    made = play(recorded)
    until(lambda: made.replay.play_state == "playing")
    return made


def to_the_end(window: ReplayWindow, until: Until) -> None:
    window.speed.setCurrentText("as fast as possible")
    until(lambda: window.replay.play_state == "ended")


def test_it_says_that_it_is_a_replay_and_cannot_act(window: ReplayWindow) -> None:
    assert "REPLAY of run counting abc123, SIMULATED" in window.banner.text()
    assert "REPLAY" in window.windowTitle()
    assert why_not_live(window.replay) == "a run that is played again is counted as it is"
    assert not hasattr(window.replay, "ask"), "there is no way to an instrument"


def test_at_the_end_the_panels_show_what_the_file_holds(
    window: ReplayWindow, recorded: Path, until: Until
) -> None:
    def histogram() -> dict[str, Any]:
        found: dict[str, Any] = window.replay.latest["histogram"]["taggers"]["tagger"]
        return found

    to_the_end(window, until)
    with open_run(recorded) as run:
        blocks = list(run.tags("tagger"))
        duration_s = run.stream_summaries()["tagger"].duration_s
    until(lambda: histogram()["live_s"] == pytest.approx(duration_s))
    assert f"{duration_s:.1f} s of {duration_s:.1f} s · END" in window.words.text()
    assert window.place.value() == window.place.maximum() == round(duration_s * 100)
    names, rows = window.rates.table()
    assert names[1:] == [f"{d} rate_hz" for d in ("alice_h", "alice_v", "bob_h", "bob_v")]
    assert rows
    # Every coincidence of the histogram lies within the file: as many as singles at most.
    window.tabs.setCurrentWidget(window.histogram)
    until(lambda: window.histogram.table()[1])
    counted = sum(row[1] for row in window.histogram.table()[1])
    alice_h = sum(int((block.channels == 1).sum()) for block in blocks)
    assert 0 < counted < alice_h
    assert histogram()["singles"][0][0] == alice_h
    window.speed.setCurrentText("1×")
    window.toggle_pause()
    until(lambda: window.replay.position_s < duration_s)


def test_space_pauses_and_the_bar_moves(window: ReplayWindow, until: Until) -> None:
    QTest.keyClick(window.place, Qt.Key.Key_Space)
    until(lambda: window.replay.play_state == "paused")
    assert "PAUSED" in window.words.text()
    window.place.setValue(30)
    until(lambda: window.replay.position_s == pytest.approx(0.30))
    QTest.keyClick(window.place, Qt.Key.Key_PageUp)
    wanted = 0.30 + window.place.pageStep() * 0.01
    until(lambda: window.replay.position_s == pytest.approx(wanted))
    QTest.keyClick(window.place, Qt.Key.Key_Space)
    until(lambda: window.replay.position_s > wanted)


@pytest.mark.slow
def test_a_run_without_tags_says_so(
    play: Callable[[Path], ReplayWindow], tmp_path: Path, until: Until
) -> None:
    window = play(write_trivial_run(tmp_path, "chsh", "abc123", "failed"))
    until(lambda: "holds no tags to replay" in window.notice.text())
    assert not window.place.isEnabled()
    assert unexplained(window) == []


def test_a_closed_window_counts_no_more(window: ReplayWindow, until: Until) -> None:
    thread = window.replay._playback._thread
    assert thread.is_alive()
    window.close()
    until(lambda: not thread.is_alive())


@pytest.mark.slow
def test_nothing_is_cut_nameless_or_unexplained(
    window: ReplayWindow, theme: Theme, until: Until
) -> None:
    to_the_end(window, until)
    found: dict[str, None] = {}
    try:
        for colors, is_large in ((DARK, False), (LIGHT, True)):
            theme.set(colors, is_large=is_large)
            window.resize(1280, 720)
            for number in range(window.tabs.count()):
                window.tabs.setCurrentIndex(number)
                QApplication.processEvents()
                for judge in (cut_texts, nameless, unexplained):
                    found |= dict.fromkeys(judge(window))
    finally:
        theme.set(DARK, is_large=False)
    assert list(found) == []


@pytest.mark.slow
def test_the_tab_key_comes_to_every_input(window: ReplayWindow) -> None:
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
