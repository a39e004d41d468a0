"""Log, alarms, interlocks and notes: what is shown, filtered, copied, acknowledged and written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from labctl.gui.alarm_list import rows_of
from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.log_lines import MAX_LINES, LogFilter, LogLines, line_text
from labctl.gui.log_panel import LogPanel
from labctl.gui.theme import Theme
from labctl.service import LabClient

WAIT_MS = 15_000


@pytest.fixture
def panel(link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot) -> LogPanel:
    made = LogPanel(link, theme, commands)
    qtbot.addWidget(made)
    made.resize(460, 220)
    made.show()
    return made


def _line(number: int, level: str = "info", source: str = "test") -> dict[str, Any]:
    return {"level": level, "source": source, "text": f"line {number}", "utc_ns": 10**18 + number}


def test_lines_come_as_they_are_told_and_those_before_the_window_are_there(
    client: LabClient, panel: LogPanel, link: ServiceLink, theme: Theme, qtbot: QtBot
) -> None:
    client.note("seen by both windows")
    qtbot.waitUntil(lambda: "seen by both" in panel.view.toPlainText(), timeout=WAIT_MS)
    assert "· INFO  script: seen by both windows" in panel.view.toPlainText()
    link.latest["snapshot"] = client.snapshot()
    late = LogPanel(link, theme, Commands(panel))
    qtbot.addWidget(late)
    assert "seen by both" in late.view.toPlainText()


def test_a_hidden_log_shows_what_came_meanwhile(
    client: LabClient, panel: LogPanel, qtbot: QtBot
) -> None:
    panel.hide()
    client.note("while hidden")
    qtbot.waitUntil(lambda: bool(panel._fresh), timeout=WAIT_MS)
    assert "while hidden" not in panel.view.toPlainText()
    panel.show()
    assert "while hidden" in panel.view.toPlainText()


def test_the_log_is_filtered_by_level_and_by_text_and_copied(panel: LogPanel) -> None:
    panel._lines = LogLines()
    for number, level in enumerate(("info", "warning", "alarm", "info")):
        panel._take("log", _line(number, level))
    panel.level.setCurrentIndex(panel.level.findData("warning"))
    shown = panel.view.toPlainText()
    assert ("▲ WARNING  test: line 1" in shown, "line 2" in shown) == (True, True)
    assert "line 0" not in shown
    panel.search.setText("LINE 2")
    panel.copy_button.click()
    assert QApplication.clipboard().text().endswith("■ ALARM  test: line 2")
    panel.search.clear()
    panel.level.setCurrentIndex(0)
    assert len(panel.view.toPlainText().splitlines()) == 4


def test_the_log_is_bounded_and_older_lines_come_when_scrolled_to(panel: LogPanel) -> None:
    panel._lines = LogLines()
    for number in range(MAX_LINES + 10):
        panel._take("log", _line(number))
    panel._draw_fresh()
    assert len(panel._lines) == MAX_LINES
    assert panel.view.toPlainText().endswith(f"line {MAX_LINES + 9}")
    n_before = panel.view.blockCount()
    bar = panel.view.verticalScrollBar()
    bar.setValue(0)
    assert panel.view.blockCount() == 2 * n_before
    # What was in sight stays in sight.
    assert panel.view.firstVisibleBlock().blockNumber() == n_before
    panel.copy_button.click()
    copied = QApplication.clipboard().text().splitlines()
    assert len(copied) == MAX_LINES
    assert copied[0].endswith("line 10")


def test_a_line_told_twice_is_kept_once() -> None:
    lines = LogLines()
    assert lines.add(_line(1))
    assert not lines.add(_line(1))
    assert lines.add(_line(1, source="other"))
    assert len(lines) == 2


def test_a_text_of_several_lines_stays_one_line_and_names_its_source_once() -> None:
    line = {"level": "alarm", "source": "pump", "text": "pump: a\nb", "utc_ns": 0}
    assert line_text(line).endswith("■ ALARM  pump: a ⏎ b")


def test_an_unknown_level_is_shown_as_it_is() -> None:
    assert LogFilter().shows(_line(1, "odd"))
    assert not LogFilter("alarm").shows(_line(1, "odd"))


def test_f2_writes_a_note_into_the_log_and_the_run(
    client: LabClient, panel: LogPanel, commands: Commands, link: ServiceLink, qtbot: QtBot
) -> None:
    client.start("counting", {"points": 500, "dwell_s": 0.2})
    qtbot.waitUntil(lambda: _is_running(link), timeout=WAIT_MS)
    commands.do("run.note")
    assert panel.note.isVisible()
    assert f"run {link.latest['run']['uid']}" in panel.note.line.placeholderText()
    _write(panel.note.line, "mirror touched")
    qtbot.waitUntil(lambda: not panel.note.isVisible(), timeout=WAIT_MS)
    told = client.snapshot()["log"]
    assert ("test window", "mirror touched") in {(line["source"], line["text"]) for line in told}
    qtbot.waitUntil(lambda: "mirror touched" in panel.view.toPlainText(), timeout=WAIT_MS)
    client.abort()
    qtbot.waitUntil(lambda: not _is_running(link), timeout=WAIT_MS)


def _is_running(link: ServiceLink) -> bool:
    run = link.latest.get("run") or {}
    return run.get("state") == "running" and bool(run.get("uid"))


def _write(line: QLineEdit, text: str) -> None:
    line.setText(text)
    QTest.keyClick(line, Qt.Key.Key_Return)


def test_escape_leaves_the_note_and_keeps_what_was_written(
    panel: LogPanel, commands: Commands
) -> None:
    commands.do("run.note")
    panel.note.line.setText("half a thou")
    QTest.keyClick(panel.note.line, Qt.Key.Key_Escape)
    assert not panel.note.isVisible()
    commands.do("run.note")
    assert panel.note.line.text() == "half a thou"


@pytest.fixture
def unplugged(client: LabClient) -> Iterator[LabClient]:
    """A client of a service one of whose mounts has been unplugged."""
    client.fault("alice_hwp", "unplug")
    yield client
    client.fault("alice_hwp", "plug")
    client.reconnect_instrument("alice_hwp")


def test_an_alarm_stands_on_top_and_is_acknowledged_with_a(
    unplugged: LabClient, panel: LogPanel, link: ServiceLink, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: panel.alarms.count() > 0, timeout=2 * WAIT_MS)
    text = panel.alarms.item(0).text()
    assert text.startswith("■ ALARM · active · new · since ")
    assert "alice_hwp" in text
    assert panel.summary.text().startswith("✖ 1 active alarm · 1 new")
    panel.activateWindow()
    panel.alarms.setFocus()
    qtbot.waitUntil(panel.alarms.hasFocus, timeout=WAIT_MS)
    QTest.keyClick(panel.alarms, Qt.Key.Key_A)
    qtbot.waitUntil(
        lambda: all(a["is_acknowledged"] for a in unplugged.snapshot()["alarms"]), timeout=WAIT_MS
    )
    qtbot.waitUntil(lambda: "acknowledged" in panel.alarms.item(0).text(), timeout=WAIT_MS)
    assert not panel.acknowledge_button.isEnabled()
    assert "there is no new alarm" in panel.acknowledge_button.toolTip()
    assert link.state == "connected"


def _alarm(number: int, **changes: Any) -> dict[str, Any]:
    alarm = {
        "id": number,
        "severity": "alarm",
        "source": "pump",
        "text": f"trouble {number}",
        "since_utc": float(number),
        "is_active": True,
        "is_acknowledged": False,
        "count": 1,
    }
    return alarm | changes


def _rule(name: str, state: str, **changes: Any) -> dict[str, Any]:
    rule = {
        "name": name,
        "when": "snspd.temperature_k > 3.5",
        "then": ["pump off", "pause run"],
        "state": state,
        "reason": "snspd.temperature_k = 4 K",
        "fired": 0,
        "unconfirmed": [],
    }
    return rule | changes


def test_what_matters_most_comes_first() -> None:
    alarms = [
        _alarm(1, is_acknowledged=True),
        _alarm(2, is_active=False),
        _alarm(3, severity="warning"),
        _alarm(4, count=3),
    ]
    rules = [_rule("quiet", "quiet"), _rule("cold", "violated", unconfirmed=["pump off"])]
    rows = rows_of(alarms, rules)
    assert [row.id for row in rows] == [4, 3, 2, 1, None, None]
    assert [row.tone for row in rows] == ["alarm", "warning", "plain", "plain", "alarm", "plain"]
    assert "3 times" in rows[0].text
    assert rows[2].text.startswith("■ ALARM · over · new · began ")
    assert rows[4].text == (
        "▮ VIOLATED · interlock cold: when snspd.temperature_k > 3.5, then pump off, pause run"
        " · snspd.temperature_k = 4 K · NOT CONFIRMED: pump off"
    )
    assert rows[5].text == (
        "✔ quiet · interlock quiet: when snspd.temperature_k > 3.5, then pump off, pause run"
    )


def test_quiet_interlocks_are_shown_when_asked_for(panel: LogPanel, link: ServiceLink) -> None:
    link.latest["alarms"] = {"alarms": [], "rules": [_rule("cold", "quiet")]}
    panel.draw()
    assert panel.summary.text() == "no active alarm · 1 interlock quiet"
    assert not panel.alarms.isVisible()
    panel.rules_button.setChecked(True)
    assert panel.alarms.item(0).text().startswith("✔ quiet · interlock cold")
