"""An operator's session: start-up, light, alignment, CHSH, dark again, finding the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from labctl.gui.align_numbers import COINCIDENCES, AlignNumber
from labctl.gui.align_window import AlignWindow
from labctl.gui.app import WindowProgram
from labctl.gui.window import MainWindow
from labctl.lab import bench_path
from labctl.service import connect
from labctl.storage import open_run
from labctl.testing.service_process import home_variables
from labctl.units import format_uncertain

#: Services of its own, started and stopped: minutes, not seconds.
pytestmark = pytest.mark.slow

START_MS = 60_000
RUN_MS = 60_000
#: Rotators turn, and seconds pass, so much faster.
SPEED = 4.0

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> Iterator[WindowProgram]:
    """The program as `labctl gui --simulated --speed 4` opens it, with a service of its own."""
    for name, value in home_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    made = WindowProgram(bench_path("default"), simulated=True, speed=SPEED, settings=settings)
    qtbot.addWidget(made.window)
    made.open()
    yield made
    made.window.close()
    with connect(bench_path("default"), simulated=True) as script:
        script.make_safe()
        script.abort("the test ended")
    assert made.close() == ""


@pytest.fixture
def until(qtbot: QtBot) -> Until:
    def wait(condition: Callable[[], object]) -> None:
        qtbot.waitUntil(lambda: bool(condition()), timeout=RUN_MS)

    return wait


def lamps(window: MainWindow) -> str:
    return " ".join(lamp.text() for lamp in window.strip._lamps.values())


def switch_light_on(window: MainWindow, until: Until) -> None:
    """Arm and confirm at the setting, as a person does."""
    emission = window.instruments.row("pump.emission").editor
    until(emission.arm_button.isEnabled)
    emission.arm_button.click()
    until(emission.on_button.isEnabled)
    emission.on_button.click()
    until(lambda: "▲ EMITTING  pump" in lamps(window))


def align(window: MainWindow, until: Until) -> None:
    """Turn Alice's wave plate away with the arrow keys and find the best place again."""
    window.commands.do("align")
    desk = next(w for w in window.findChildren(AlignWindow) if w.isVisible())
    desk.number.choose(AlignNumber(COINCIDENCES, "alice_h", "bob_h"))
    until(lambda: desk.actuator.chooser.count() > 0)
    desk.actuator.select("alice_hwp.angle_deg")
    until(lambda: not desk.actuator.moves.why_not())
    desk.actuator.moves.step = 22.5
    angle = window.link.latest["instruments"]["alice_hwp"]["angle_deg"]

    def angle_deg() -> float:
        value: float = window.link.latest["instruments"]["alice_hwp"]["angle_deg"]["value"]
        return value

    assert angle["value"] == pytest.approx(0.0, abs=0.01)
    QTest.keyClick(desk.number, Qt.Key.Key_Right)
    until(lambda: angle_deg() == pytest.approx(22.5, abs=0.01))
    QTest.keyClick(desk.number, Qt.Key.Key_Left)
    until(lambda: angle_deg() == pytest.approx(0.0, abs=0.01))
    desk.close()


def fill_and_start_chsh(window: MainWindow, until: Until) -> None:
    chooser: QComboBox = window.run_bar.setup.chooser
    until(lambda: chooser.findText("chsh") >= 0)
    chooser.setCurrentText("chsh")
    dwell = window.run_bar.setup.form.rows["dwell_s"].editor
    assert isinstance(dwell, QLineEdit)
    dwell.setFocus()
    dwell.selectAll()
    QTest.keyClicks(dwell, "2")
    QTest.keyClick(dwell, Qt.Key.Key_Return)
    until(window.run_bar.start_button.isEnabled)
    window.commands.action("run.start").trigger()


@pytest.mark.timeout(300)
def test_from_start_up_to_a_violated_bell_inequality_and_its_file(
    program: WindowProgram, until: Until, qtbot: QtBot
) -> None:
    window, latest = program.window, program.link.latest
    qtbot.waitUntil(lambda: program.link.state == "connected", timeout=START_MS)
    until(lambda: len(window.instruments.groups) == 6)
    assert "SIMULATED" in window.windowTitle()
    window.commands.do("control.take")
    until(lambda: window.status._labels["control"].text() == "you hold control")
    switch_light_on(window, until)
    align(window, until)
    fill_and_start_chsh(window, until)
    until(lambda: latest["run"]["state"] == "running")
    window.tabs.setCurrentWidget(window.result)
    until(lambda: latest["run"]["state"] == "finished")
    page = window.result.page
    assert page is not None
    until(lambda: page.result is not None)
    # 2 sqrt 2 times the bench's visibility of 0.95; accidentals lower it by half a percent at most.
    best = 2 * math.sqrt(2) * 0.95
    path = Path(latest["run"]["path"])
    with open_run(path) as run:
        found = run.result["s"]
        assert 0.995 * best - 5 * found["sigma"] < found["value"] < best + 5 * found["sigma"]
    window.all_off()
    until(lambda: "○ off  pump" in lamps(window))
    window.commands.do("runs")
    window.runs.search.setText("chsh finished dwell_s=2")
    until(lambda: [row.path for row in window.runs.model.rows] == [path])
    until(lambda: "✔ finished · SIMULATED" in window.runs.shown.preview.title.text())
    name, value = (window.runs.shown.preview.results.cells.index(0, c).data() for c in (0, 1))
    assert (name, value) == ("S  raw", format_uncertain(found["value"], found["sigma"]))
    window.runs.close()
    window.commands.do("control.release")
    until(lambda: window.status._labels["control"].text() == "control: free")
