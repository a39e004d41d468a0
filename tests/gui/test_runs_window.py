"""The Runs window on the data folder of a real service: found, looked at, compared, run again."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.runs_window import RunsWindow
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.gui.window import MainWindow
from labctl.service import LabClient
from labctl.storage import open_run
from labctl.testing.service_process import ServiceProcess
from tests.gui.legibility import inputs
from tests.gui.recorded_runs import write_damaged_file, write_runs_of_tags, write_trivial_run
from tests.gui.runs_desk import (
    Until,
    find,
    look,
    select_both,
    shown_uids,
    texts,
    trouble_on_every_tab,
)

WAIT_MS = 15_000


@pytest.fixture(scope="module")
def runs_of_tags(service: ServiceProcess) -> list[Path]:
    """Two runs with tags, one aborted, failed and interrupted one without, a damaged file."""
    folder = service.data_folder
    made = write_runs_of_tags(folder)
    write_trivial_run(folder, "visibility", "aaaaaa", "aborted", note="fiber touched")
    write_trivial_run(folder, "chsh", "ffffff", "failed")
    write_trivial_run(folder, "chsh", "eeeeee", "interrupted")
    write_damaged_file(folder)
    return made


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    return lambda condition: qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)


@pytest.fixture
def window(
    runs_of_tags: list[Path],
    link: ServiceLink,
    theme: Theme,
    commands: Commands,
    qtbot: QtBot,
    until: Until,
) -> Iterator[RunsWindow]:
    """The window with all runs listed and the newest one shown."""
    parent = QWidget()
    qtbot.addWidget(parent)
    made = RunsWindow(link, theme, commands, parent)
    made.resize(1280, 720)
    made.open_()
    until(lambda: made.model.known >= len(runs_of_tags) + 4 and not made.index.is_reading)
    until(lambda: not made.shown.is_reading)
    yield made
    made.end()
    made.close()


def test_every_run_is_listed_newest_first_with_status_hardware_and_notes(
    window: RunsWindow, runs_of_tags: list[Path]
) -> None:
    rows = {row.path: row.texts for row in window.model.rows}
    assert [row.path for row in window.model.rows][:2] == runs_of_tags[::-1]
    assert rows[runs_of_tags[0]][1:4] == ("counting", "✔ finished", "SIMULATED")
    of_uid = {row.run.found.uid: row.texts for row in window.model.rows}
    aborted = ("2025-03-04 05:06:07", "visibility", "■ aborted", "real", "aaaaaa", "fiber touched")
    assert of_uid["aaaaaa"] == aborted
    assert of_uid["ffffff"][2:] == ("✖ failed", "real", "ffffff", "the pump is lost")
    assert of_uid["eeeeee"][2] == "▲ interrupted"
    damaged = window.model.rows[-1].texts
    assert damaged[:3] == ("2024-01-02 03:04:05", "2024-01-02T03-04-05_chsh_dead00", "⚠ damaged")


def test_runs_are_found_by_words_status_and_date(window: RunsWindow, until: Until) -> None:
    find(window, "chsh failed", until, ["ffffff"])
    find(window, "2025-03", until, ["eeeeee", "ffffff", "aaaaaa"])
    find(window, "TOUCHED visib", until, ["aaaaaa"])
    find(window, "dwell_s=7 interrupted", until, ["eeeeee"])
    find(window, "nothing of this kind", until, [])
    assert "0 of" in window.words.text()
    window.search.clear()
    until(lambda: len(window.model.rows) == window.model.known)


def test_a_run_is_shown_with_result_points_settings_and_what_was_lost(
    window: RunsWindow, runs_of_tags: list[Path], until: Until
) -> None:
    path = runs_of_tags[0]
    look(window, path, until)
    preview = window.shown.preview
    with open_run(path) as run:
        rate = run.result["singles_hz"]["alice_h"]["value"]
        tags = run.tag_counts()["tagger"]
        points = run.points()
    assert preview.title.text().endswith("✔ finished · SIMULATED")
    assert f"tagger: {tags:,} tags".replace(",", " ") in preview.about.text()
    assert "alice_h on 1" in preview.about.text()
    assert "nothing lost, no gap" in preview.about.text()
    name, value = texts(preview.results)[0]
    assert name == "alice_h  singles"
    # The text rounds to two digits of the uncertainty, which is at most 1 in 1000 here.
    told = float(value.partition(" ±")[0].replace("\u202f", ""))
    assert told == pytest.approx(rate, rel=2e-3)
    preview.tabs.setCurrentIndex(1)
    assert preview.points.rowCount() == len(points) == 3
    _, drawn = preview.points_plot.series[0].dots.getData()
    assert list(drawn) == [point["alice_h_hz"] for point in points]
    preview.tabs.setCurrentIndex(2)
    settings = {name: rest for name, *rest in texts(preview.settings)}
    assert settings["pump.power_mw"] == ["= same", "5 mW", "5 mW"]


def test_notes_are_among_the_events(window: RunsWindow, until: Until) -> None:
    path = next(row.path for row in window.model.rows if row.run.found.uid == "aaaaaa")
    look(window, path, until)
    window.shown.preview.tabs.setCurrentIndex(3)
    (event,) = texts(window.shown.preview.events)
    assert event[1:] == ["✎ note", "window", "fiber touched"]


def test_a_damaged_file_says_what_is_wrong_and_offers_no_replay(
    window: RunsWindow, until: Until, commands: Commands, qtbot: QtBot
) -> None:
    look(window, window.model.rows[-1].path, until)
    until(lambda: "dead00" in window.shown.words.text())
    with qtbot.waitSignal(commands.refused) as refused:
        commands.do("runs.replay")
    assert refused.args == ["Runs: replay: the file is damaged"]
    assert "the file is damaged" in window.actions_.notice.text()


def test_two_runs_are_compared_by_sigmas_and_words(
    window: RunsWindow, runs_of_tags: list[Path], until: Until
) -> None:
    select_both(window, runs_of_tags, until)
    comparison = window.shown.comparison
    singles = []
    for path in runs_of_tags:
        with open_run(path) as run:
            singles.append(run.result["singles_hz"]["bob_v"])
    a, b = singles
    sigmas = (b["value"] - a["value"]) / math.hypot(a["sigma"], b["sigma"])
    results = {row[0]: row[1] for row in texts(comparison.results)}
    assert results["bob_v  singles"] == f"{'≠' if abs(sigmas) > 3 else '≈'} {sigmas:+.1f} σ"
    parameters = {name: rest for name, *rest in texts(comparison.parameters)}
    assert parameters["dwell_s"] == ["≠ differs", "0.1 s", "0.2 s"]
    assert parameters["points"] == ["= same", "3", "3"]
    comparison.only_box.setChecked(True)
    assert [row[0] for row in texts(comparison.parameters)] == ["dwell_s"]
    assert len(comparison.plot.series) == 2
    assert "select one run" in window.actions_.notice.text()


@pytest.mark.slow
def test_of_selections_in_a_hurry_the_last_is_shown(
    window: RunsWindow, runs_of_tags: list[Path], until: Until
) -> None:
    for place in range(len(window.model.rows)):
        window.table.selectRow(place)
    look(window, runs_of_tags[1], until)
    with open_run(runs_of_tags[1]) as run:
        assert f"counting {run.metadata['uid']}" in window.shown.preview.title.text()
    assert window.shown.currentWidget() is window.shown.preview


def test_points_are_exported_beside_the_run_as_the_file_has_them(
    window: RunsWindow, runs_of_tags: list[Path], until: Until, commands: Commands
) -> None:
    path = runs_of_tags[0]
    look(window, path, until)
    commands.do("runs.export")
    until(lambda: "wrote 3 points" in window.actions_.notice.text())
    with path.with_suffix(".points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with open_run(path) as run:
        points = run.points()
    assert [float(row["alice_h_hz"]) for row in rows] == [p["alice_h_hz"] for p in points]
    commands.do("runs.copy")
    assert QGuiApplication.clipboard().text() == str(path)


def test_a_run_that_ends_is_listed_by_itself(
    window: RunsWindow, client: LabClient, until: Until
) -> None:
    known = set(shown_uids(window))
    run = client.start("counting", {"dwell_s": 0.05})
    client.note("while it ran")
    outcome = run.wait()
    assert outcome is not None
    until(lambda: set(shown_uids(window)) - known == {outcome.uid})
    until(lambda: window.model.rows[0].texts[2] == "✔ finished")


@pytest.mark.slow
def test_a_closed_window_reads_nothing_until_it_is_opened_again(
    window: RunsWindow, runs_of_tags: list[Path], until: Until
) -> None:
    window.close()
    copy = runs_of_tags[0].with_name("2023-01-01T00-00-00_counting_c0ffee.h5")
    shutil.copy(runs_of_tags[0], copy)
    try:
        window.refresh()
        assert not window.index.is_reading
        window.open_()
        until(lambda: window.model.place_of(copy) is not None)
    finally:
        copy.unlink()
    window.refresh()
    until(lambda: window.model.place_of(copy) is None)


def test_without_a_service_it_says_where_nobody_told(
    theme: Theme, commands: Commands, qtbot: QtBot, tmp_path: Path, until: Until
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    lonely = ServiceLink()
    window = RunsWindow(lonely, theme, commands, parent)
    window.open_()
    assert "No service has told yet" in window.words.text()
    # What the last service told is enough to look at its files.
    write_trivial_run(tmp_path, "chsh", "abcdef", "failed")
    lonely.latest["service"] = {"folder": str(tmp_path)}
    lonely.state_changed.emit("gone")
    until(lambda: shown_uids(window) == ["abcdef"])
    assert "no service" in window.words.text()
    window.end()
    window.close()


def test_the_run_bar_is_filled_with_what_was_run(
    runs_of_tags: list[Path], open_window: Callable[[], MainWindow], until: Until
) -> None:
    main = open_window()
    until(lambda: main.run_bar.setup.chooser.findText("counting") >= 0)
    main.commands.do("runs")
    until(lambda: main.runs.select(runs_of_tags[1]))
    main.commands.do("runs.again")
    assert main.run_bar.setup.chosen() == ("counting", {"dwell_s": 0.2, "points": 3})


@pytest.mark.slow
def test_nothing_is_cut_nameless_or_unexplained(
    window: RunsWindow, runs_of_tags: list[Path], theme: Theme, until: Until
) -> None:
    found: dict[str, None] = {}
    try:
        for colors, is_large in ((DARK, False), (LIGHT, True)):
            theme.set(colors, is_large=is_large)
            window.resize(1280, 720)
            look(window, runs_of_tags[0], until)
            found |= trouble_on_every_tab(window, window.shown.preview.tabs)
            select_both(window, runs_of_tags, until)
            found |= trouble_on_every_tab(window, window.shown.comparison.tabs)
    finally:
        theme.set(DARK, is_large=False)
    assert list(found) == []


@pytest.mark.slow
def test_the_tab_key_comes_to_every_input(window: RunsWindow) -> None:
    wanted = {w for w in inputs(window) if w.isEnabled() and w.focusPolicy().value & 1}
    reached = set()
    window.activateWindow()
    for _ in range(4 * len(wanted)):
        window.focusNextChild()
        reached.add(QApplication.focusWidget())
    assert [w.accessibleName() or str(w) for w in wanted - reached] == []
