"""Windows and panels on a real service of the simulated default bench, without a screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme
from labctl.service import LabClient, connect
from labctl.testing.service_process import ServiceProcess, home_variables
from tests.gui.leftovers import Surroundings

if TYPE_CHECKING:
    from labctl.gui.window import MainWindow

WAIT_MS = 10_000


@pytest.fixture(autouse=True)
def _nothing_is_left(qapp: QApplication) -> Iterator[None]:
    """Fails a test that leaves a thread, a running timer or a window behind."""
    del qapp
    before = Surroundings.now()
    yield
    left = before.left_since()
    assert not left, f"the test left behind: {'; '.join(left)}"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that the tests of a module share; each leaves it idle, dark and uncontrolled."""
    with ServiceProcess.start(tmp_path_factory.mktemp("service")) as started:
        yield started


@pytest.fixture
def at_home(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> ServiceProcess:
    """The service, with this process in its home, so that clients find it."""
    for name, value in home_variables(service.home).items():
        monkeypatch.setenv(name, value)
    return service


@pytest.fixture
def client(at_home: ServiceProcess) -> Iterator[LabClient]:
    """A script beside the window; leaves the service as it was started."""
    found = connect(at_home.config, simulated=True, name="script")
    yield found
    found.make_safe()
    found.close()


@pytest.fixture
def lit(client: LabClient) -> LabClient:
    """The script, with pump and detectors on: what was made safe before is brought up again."""
    # All safe takes the bias to zero and leaves the detectors enabled.
    client.set("snspd.bias_ua", [10.0] * 4)
    client.set("pump.emission", True, arm=True)
    return client


@pytest.fixture
def link(at_home: ServiceProcess, qtbot: QtBot) -> Iterator[ServiceLink]:
    """A window's link that is connected and has its snapshot."""
    made = ServiceLink(at_home.config, simulated=True, name="test window")
    made.start()
    qtbot.waitUntil(lambda: "snapshot" in made.latest, timeout=WAIT_MS)
    yield made
    made.make_safe()
    made.close()


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    """A theme that is applied."""
    del qapp
    made = Theme()
    made.apply()
    return made


@pytest.fixture
def commands(qtbot: QtBot) -> Commands:
    """The commands of an empty window."""
    window = QWidget()
    qtbot.addWidget(window)
    return Commands(window)


@pytest.fixture
def open_window(
    link: ServiceLink, theme: Theme, qtbot: QtBot, tmp_path: Path
) -> Iterator[Callable[[], MainWindow]]:
    """Opens main windows on the link, with layouts of their own."""
    opened: list[MainWindow] = []

    def open_() -> MainWindow:
        from labctl.gui.window import MainWindow  # noqa: PLC0415  imports every panel

        settings = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        window = MainWindow(link, theme, settings)
        qtbot.addWidget(window)
        window.resize(1280, 720)
        window.show()
        opened.append(window)
        return window

    yield open_
    for window in opened:
        window.close()
