"""The run bar: what it starts, what it refuses with which words, and what it shows of the run."""

from __future__ import annotations

import time
from typing import Any

import pytest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from labctl.errors import InterlockError
from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.run_bar import RunBar
from labctl.gui.run_progress import clock_text, duration_text, progress_text
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 15_000


@pytest.fixture
def bar(link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot) -> RunBar:
    made = RunBar(link, theme, commands)
    qtbot.addWidget(made)
    made.resize(600, 220)
    made.show()
    qtbot.waitUntil(lambda: made.setup.experiment is not None, timeout=WAIT_MS)
    made.setup.chooser.setCurrentText("counting")
    return made


def _type(bar: RunBar, name: str, text: str) -> None:
    editor = bar.setup.form.rows[name].editor
    assert isinstance(editor, QLineEdit)
    editor.setText(text)


def _state(link: ServiceLink) -> str:
    return str((link.latest.get("run") or {}).get("state"))


def test_the_experiments_of_the_service_can_be_chosen(bar: RunBar, client: LabClient) -> None:
    offered = {bar.setup.chooser.itemText(i) for i in range(bar.setup.chooser.count())}
    # A scan has lines of its own, beside every other experiment.
    assert offered == {e["name"] for e in client.experiments()} - {"scan"}


def test_start_pause_resume_and_abort_are_what_the_service_does(
    bar: RunBar, link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    _type(bar, "dwell_s", "0.2")
    _type(bar, "points", "200")
    bar.start_button.click()
    qtbot.waitUntil(lambda: bool(link.latest["run"].get("points_done")), timeout=WAIT_MS)
    assert client.run_status.points_total == 200
    assert "/200 · " in bar.progress.bar.text()
    assert "running" in bar.progress.state.text()
    assert not bar.start_button.isEnabled()
    assert "under way" in bar.start_button.toolTip()
    assert "under way" in bar.notice.text()

    bar.pause_button.click()
    qtbot.waitUntil(lambda: _state(link) == "paused", timeout=WAIT_MS)
    assert "Resume" in bar.pause_button.text()
    assert "PAUSED" in bar.progress.state.text()
    bar.pause_button.click()
    qtbot.waitUntil(lambda: _state(link) == "running", timeout=WAIT_MS)

    bar.abort_button.click()
    qtbot.waitUntil(lambda: _state(link) == "aborted", timeout=WAIT_MS)
    assert "aborted in the window" in bar.progress.details.text()
    assert not bar.abort_button.isEnabled()


def test_a_wrong_value_cannot_be_started_and_the_notice_says_why(
    bar: RunBar, commands: Commands, client: LabClient, qtbot: QtBot
) -> None:
    before = client.run_status.uid
    _type(bar, "dwell_s", "-1")
    assert not bar.start_button.isEnabled()
    assert "dwell: -1 s is not > 0" in bar.notice.text()
    with qtbot.waitSignal(commands.refused, timeout=WAIT_MS) as refused:
        commands.do("run.start")
    assert "dwell" in refused.args[0]
    assert client.run_status.uid == before


def test_what_the_service_objects_to_is_shown_and_lost_is_nothing(
    bar: RunBar, qtbot: QtBot
) -> None:
    _type(bar, "pairs", "alice_h-nobody")
    bar.start_button.click()
    qtbot.waitUntil(lambda: "nobody" in bar.notice.text(), timeout=WAIT_MS)
    assert bar.notice.text().startswith("✖")
    assert bar.setup.form.values()["pairs"] == ["alice_h-nobody"]
    _type(bar, "pairs", "")
    assert "nobody" not in bar.notice.text()


def test_a_run_with_axes_is_a_scan(bar: RunBar, client: LabClient, qtbot: QtBot) -> None:
    client.queue.hold()
    bar.setup.axes.axes[0].setText("pump.power_mw 1:3:5")
    _type(bar, "dwell_s", "0.5")
    bar.queue_button.click()
    qtbot.waitUntil(lambda: bool(client.queue.list()["entries"]), timeout=WAIT_MS)
    (entry,) = client.queue.list()["entries"]
    assert (entry["experiment"], entry["points"]) == ("scan", 5)
    assert entry["parameters"]["each"] == "counting"
    assert entry["parameters"]["parameters"] == {"dwell_s": 0.5}
    client.queue.remove(entry["id"])
    client.queue.go()


def test_an_axis_that_is_none_is_refused_before_anything_is_sent(bar: RunBar) -> None:
    bar.setup.axes.axes[0].setText("pump.power_mw 1:3")
    assert "START:STOP:NUMBER" in bar.notice.text()
    assert not bar.start_button.isEnabled()
    bar.setup.axes.axes[0].setText("")
    assert bar.start_button.isEnabled()


def test_values_are_kept_per_experiment_and_until_the_next_start(
    bar: RunBar, link: ServiceLink, theme: Theme, qtbot: QtBot
) -> None:
    _type(bar, "points", "17")
    bar.setup.chooser.setCurrentText("delays")
    _type(bar, "range_ps", "5000")
    bar.setup.chooser.setCurrentText("counting")
    assert bar.setup.form.values()["points"] == 17
    kept = bar.setup.remembered()
    other = RunBar(link, theme, Commands(bar))
    qtbot.addWidget(other)
    other.setup.recall(kept)
    qtbot.waitUntil(lambda: other.setup.experiment is not None, timeout=WAIT_MS)
    assert other.setup.chooser.currentText() == "counting"
    assert other.setup.form.values()["points"] == 17
    other.setup.chooser.setCurrentText("delays")
    assert other.setup.form.values()["range_ps"] == 5000
    other.setup.recall("nonsense")


def test_a_recorded_run_fills_the_bar(bar: RunBar) -> None:
    bar.fill(
        "scan",
        {
            "axes": [{"setting": "pump.power_mw", "values": [1.0, 2.0]}],
            "each": "chsh",
            "parameters": {"dwell_s": 3.0},
            "snake": False,
            "settle_s": 0.5,
        },
    )
    assert bar.setup.chosen() == (
        "scan",
        {
            "axes": ["pump.power_mw 1.0,2.0"],
            "each": "chsh",
            "parameters": {"dwell_s": 3.0},
            "snake": False,
            "settle_s": 0.5,
        },
    )
    bar.fill("counting", {"points": 3})
    assert bar.setup.chosen() == ("counting", {"points": 3})


def test_nothing_starts_while_another_holds_control_but_everyone_may_abort(
    bar: RunBar, link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    client.take_control()
    client.start("counting", {"points": 500, "dwell_s": 0.2})
    qtbot.waitUntil(lambda: _state(link) == "running", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: "script holds control" in bar.notice.text(), timeout=WAIT_MS)
    assert not bar.pause_button.isEnabled()
    assert "script holds control" in bar.queue_button.toolTip()
    bar.abort_button.click()
    qtbot.waitUntil(lambda: client.run_status.state.value == "aborted", timeout=WAIT_MS)
    client.release_control()


def _not_armed_by_itself(link: ServiceLink) -> None:
    link.latest["service"] = {**link.latest["service"], "arms_by_itself": False}


def test_light_needs_a_word_for_each_run_on_a_bench_that_does_not_arm_itself(
    bar: RunBar, link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    assert not bar.arm.isVisible()
    _not_armed_by_itself(link)
    bar.draw()
    assert bar.arm.isVisible()
    client.queue.hold()
    bar.queue_button.click()
    qtbot.waitUntil(lambda: len(client.queue.list()["entries"]) == 1, timeout=WAIT_MS)
    bar.arm.setChecked(True)
    assert "LASERS ON" in bar.start_button.text()
    bar.queue_button.click()
    qtbot.waitUntil(lambda: len(client.queue.list()["entries"]) == 2, timeout=WAIT_MS)
    assert [entry["arm"] for entry in client.queue.list()["entries"]] == [False, True]
    # A word for one run is not one for the next.
    qtbot.waitUntil(lambda: not bar.arm.isChecked(), timeout=WAIT_MS)
    for entry in client.queue.list()["entries"]:
        client.queue.remove(entry["id"])
    client.queue.go()


def test_a_laser_that_went_dark_is_lit_again_only_after_a_question(
    bar: RunBar, link: ServiceLink, client: LabClient, qtbot: QtBot
) -> None:
    done: list[Any] = []
    link.ask("take control", lambda c: c.take_control(), done.append)
    qtbot.waitUntil(lambda: bool(done), timeout=WAIT_MS)
    _type(bar, "dwell_s", "0.2")
    _type(bar, "points", "500")
    bar.start_button.click()
    qtbot.waitUntil(lambda: bool(link.latest["run"].get("points_done")), timeout=WAIT_MS)
    link.ask("switch off", lambda c: c.set("pump.emission", False))
    link.ask("lose the tagger", lambda c: c.fault("tagger", "hang_up"))
    qtbot.waitUntil(lambda: _state(link) == "paused", timeout=2 * WAIT_MS)
    bar.pause_button.click()
    qtbot.waitUntil(bar.confirm.isVisible, timeout=WAIT_MS)
    assert "pump" in bar.confirm.text.text()
    assert client.get("pump.emission") is False
    bar.confirm.yes_button.click()
    qtbot.waitUntil(lambda: _state(link) == "running", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: client.get("pump.emission") is True, timeout=WAIT_MS)
    client.abort()
    qtbot.waitUntil(lambda: _state(link) == "aborted", timeout=WAIT_MS)


def test_another_refusal_to_resume_is_no_question(bar: RunBar, link: ServiceLink) -> None:
    link.latest["control"] = {"operator": "x", "clients": [{"id": "x", "name": "Bob"}]}
    bar._not_resumed(InterlockError("Bob holds control"))
    assert not bar.confirm.isVisible()
    assert "Bob holds control" in bar.notice.text()


@pytest.mark.parametrize(
    ("duration_s", "text"), [(0, "00:00"), (92.4, "01:32"), (3692, "1:01:32"), (-3, "00:00")]
)
def test_durations_read_as_clocks_do(duration_s: float, text: str) -> None:
    assert duration_text(duration_s) == text


@pytest.fixture
def noon_utc_s() -> float:
    return time.mktime((2026, 11, 23, 12, 0, 0, 0, 0, 0))


def test_progress_says_point_part_time_left_and_end(noon_utc_s: float) -> None:
    run = {
        "state": "running",
        "points_done": 6,
        "points_total": 16,
        "fraction": 0.44,
        "eta_s": 92.0,
    }
    assert progress_text(run, noon_utc_s) == "point 7/16 · 44 % · 01:32 left · ends 12:01"
    assert progress_text({"state": "idle"}, noon_utc_s) == ""
    assert progress_text({**run, "state": "failed"}, noon_utc_s) == "point 6/16 · 44 %"
    assert "not known yet" in progress_text({**run, "eta_s": None}, noon_utc_s)


def test_an_end_on_another_day_has_its_date(noon_utc_s: float) -> None:
    assert "24" in clock_text(noon_utc_s + 86_400, noon_utc_s)
    assert clock_text(noon_utc_s + 60, noon_utc_s) == "12:01"
