"""The queue panel: what it shows of the service's queue, and what its buttons and keys change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.queue_model import QueueModel, entry_parameters, entry_title
from labctl.gui.queue_panel import QueuePanel
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 15_000


@pytest.fixture
def held(client: LabClient) -> Iterator[LabClient]:
    """A client whose service holds a queue of three runs."""
    client.queue.hold()
    for label in ("first", "second", "third"):
        client.queue.add("counting", {"dwell_s": 0.1}, label=label)
    yield client
    client.queue.hold()
    for entry in client.queue.list()["entries"]:
        client.queue.remove(entry["id"])
    client.queue.policy("stop")
    client.queue.go()


@pytest.fixture
def panel(
    held: LabClient, link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot
) -> QueuePanel:
    made = QueuePanel(link, theme, commands)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: _shown(made) == ["first", "second", "third"], timeout=WAIT_MS)
    assert held.queue.list()["is_held"]
    return made


def _shown(panel: QueuePanel) -> list[str]:
    return [entry["label"] for entry in panel.model.entries if entry["state"] == "waiting"]


def _waiting(client: LabClient) -> list[str]:
    return [entry["label"] for entry in client.queue.list()["entries"]]


def _select(panel: QueuePanel, label: str) -> None:
    panel.table.selectRow(_shown(panel).index(label))


def _click(panel: QueuePanel, button: QAbstractButton, qtbot: QtBot) -> None:
    qtbot.waitUntil(button.isEnabled, timeout=WAIT_MS)
    assert panel.isVisible()
    button.click()


def test_runs_are_moved_and_removed_with_buttons(
    panel: QueuePanel, held: LabClient, qtbot: QtBot
) -> None:
    _select(panel, "third")
    assert not panel.down_button.isEnabled()
    assert "it is the last" in panel.down_button.toolTip()
    _click(panel, panel.up_button, qtbot)
    qtbot.waitUntil(lambda: _shown(panel) == ["first", "third", "second"], timeout=WAIT_MS)
    # The selection goes with the run, not with the row.
    _click(panel, panel.up_button, qtbot)
    qtbot.waitUntil(lambda: _shown(panel) == ["third", "first", "second"], timeout=WAIT_MS)
    assert _waiting(held) == ["third", "first", "second"]
    _click(panel, panel.remove_button, qtbot)
    qtbot.waitUntil(lambda: _shown(panel) == ["first", "second"], timeout=WAIT_MS)
    assert _waiting(held) == ["first", "second"]


def test_runs_are_moved_and_removed_with_keys(
    panel: QueuePanel, held: LabClient, qtbot: QtBot
) -> None:
    panel.activateWindow()
    panel.table.setFocus()
    qtbot.waitUntil(panel.table.hasFocus, timeout=WAIT_MS)
    _select(panel, "first")
    QTest.keyClick(panel.table, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: _shown(panel) == ["second", "first", "third"], timeout=WAIT_MS)
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: _shown(panel) == ["second", "third"], timeout=WAIT_MS)
    assert _waiting(held) == ["second", "third"]


def test_a_held_queue_says_so_and_goes_on_when_told(
    panel: QueuePanel, held: LabClient, qtbot: QtBot
) -> None:
    assert "HELD: held by script · 3 runs waiting" in panel.summary.text()
    _click(panel, panel.hold_button, qtbot)
    qtbot.waitUntil(lambda: not held.queue.list()["is_held"], timeout=WAIT_MS)
    qtbot.waitUntil(lambda: bool(_ended(panel)), timeout=WAIT_MS)
    _click(panel, panel.hold_button, qtbot)
    qtbot.waitUntil(lambda: held.queue.list()["is_held"], timeout=WAIT_MS)
    assert _ended(panel)[-1]["label"] == "first"
    qtbot.waitUntil(
        lambda: held.run_status.state.value not in {"running", "paused"}, timeout=WAIT_MS
    )


def _ended(panel: QueuePanel) -> list[Any]:
    return [entry for entry in panel.model.entries if entry["state"] == "finished"]


def test_what_follows_a_failure_is_chosen(panel: QueuePanel, held: LabClient, qtbot: QtBot) -> None:
    panel.policy.setCurrentIndex(panel.policy.findData("continue"))
    panel.policy.activated.emit(panel.policy.currentIndex())
    qtbot.waitUntil(lambda: held.queue.list()["on_failure"] == "continue", timeout=WAIT_MS)


def test_nothing_can_be_changed_while_another_holds_control(
    panel: QueuePanel, held: LabClient, qtbot: QtBot
) -> None:
    held.take_control()
    qtbot.waitUntil(lambda: not panel.hold_button.isEnabled(), timeout=WAIT_MS)
    _select(panel, "second")
    assert "script holds control" in panel.remove_button.toolTip()
    assert "script holds control" in panel.details.text()
    held.release_control()
    qtbot.waitUntil(panel.remove_button.isEnabled, timeout=WAIT_MS)


def _entry(number: int, **changes: Any) -> dict[str, Any]:
    entry = {
        "id": str(number),
        "label": "",
        "experiment": "counting",
        "parameters": {"dwell_s": 2.0},
        "arm": None,
        "points": 1,
        "state": "waiting",
        "reason": "",
        "start_utc": None,
        "end_utc": None,
    }
    return entry | changes


def test_an_entry_is_told_in_one_line() -> None:
    assert entry_title(_entry(3)) == "3 counting"
    assert entry_parameters(_entry(3, arm=True)) == (
        "dwell 2.0 s · 1 point · ARMED: lasers may be switched on"
    )
    scan = {"axes": ["pump.power_mw 1:2:2"], "each": "chsh", "parameters": {}}
    entry = _entry(4, experiment="scan", parameters=scan, points=8)
    assert entry_title(entry) == "4 scan of chsh"
    assert entry_parameters(entry) == "pump.power_mw 1:2:2 · defaults · 8 points"
    failed = _entry(5, state="failed", reason="the tagger is gone")
    assert entry_parameters(failed).startswith("the tagger is gone · ")


def test_a_queue_that_only_ages_keeps_its_rows() -> None:
    model = QueueModel()
    resets: list[None] = []
    model.modelReset.connect(lambda: resets.append(None))
    entries = [_entry(number) for number in range(1000)]
    model.show_queue({"entries": entries, "ended": [], "is_held": False})
    model.show_queue({"entries": [e | {"end_utc": 1.0} for e in entries], "ended": []})
    assert len(resets) == 1
    assert model.waiting_place("999") == 999
    assert model.index(0, 2).data() == "not known"
