"""Makes the README's pictures of the window, from the simulated bench.

Run it with `python -m tests.screenshots [FOLDER]`; the folder is .github by default. What they
show is what is there: a service in a process of its own, a run of the CHSH experiment, and the
windows as users open them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PIL import Image
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QWidget

from labctl.gui.link import ServiceLink
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.gui.window import MainWindow
from labctl.service import connect
from labctl.testing.service_process import ServiceProcess, home_variables

SIZE_PX: Final = (1440, 860)
#: Of the window that shows all views at once.
LARGE_PX: Final = (1920, 1080)
#: The pictures belong to a repository: none is larger.
MAX_BYTES: Final = 200_000
_WITHIN_S: Final = 120.0
#: So long a piece of the rates is shown before the picture is taken.
_RATES_S: Final = 20.0


def until(condition: Callable[[], bool], what: str, within_s: float = _WITHIN_S) -> None:
    """Let the window live until the condition is true."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {within_s:g} s")
        QApplication.processEvents()
        time.sleep(0.005)


def lasts(duration_s: float) -> Callable[[], bool]:
    """Return a condition that is true after `duration_s`."""
    end_s = time.monotonic() + duration_s
    return lambda: time.monotonic() >= end_s


def save(widget: QWidget, path: Path) -> None:
    """Save the picture of a window.

    Raises:
        ValueError: it is larger than a repository should hold.
    """
    widget.grab().save(str(path))
    # The 256 colors that are nearest to what there is: nobody sees a difference, but the size.
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"{path} has {size} bytes, more than {MAX_BYTES}")
    sys.stdout.write(f"{path}: {size / 1e3:.0f} kB\n")


def take_pictures(folder: Path, service: ServiceProcess) -> None:
    """Open the window on the service, run CHSH, and save what is seen."""
    theme = Theme(DARK)
    theme.apply()
    link = ServiceLink(service.config, simulated=True, name="screenshots")
    settings = QSettings(str(service.home / "window.ini"), QSettings.Format.IniFormat)
    window = MainWindow(link, theme, settings)
    window.resize(*SIZE_PX)
    link.start()
    window.show()
    try:
        until(lambda: "histogram" in link.latest, "the first histogram")
        with connect(service.config, simulated=True, name="anna") as script:
            script.set("pump.emission", value=True, arm=True)
            script.start("chsh", {"dwell_s": 3.0}, arm=True)
            window.resize(*LARGE_PX)
            window.commands.do("tile")
            until(lasts(_RATES_S), "time")
            save(window, folder / "window.png")
            window.commands.do("tile")
            window.resize(*SIZE_PX)
            until(lambda: script.run_status.state.value == "finished", "the end of CHSH")
            for theme_colors, tab, name in (
                (LIGHT, window.result, "window-light.png"),
                (DARK, window.histogram, "window-histogram.png"),
            ):
                theme.set(theme_colors, is_large=False)
                window.tabs.setCurrentWidget(tab)
                until(lasts(2.0), "time")
                save(window, folder / name)
            script.run("counting", dwell_s=0.5, points=8)
            script.run("visibility", dwell_s=0.2, arm=True)
            theme.set(LIGHT, is_large=False)
            window.commands.do("runs")
            until(lambda: bool(window.runs.model.rows), "the list of runs")
            window.runs.resize(*SIZE_PX)
            until(lasts(2.0), "time")
            save(window.runs, folder / "window-runs.png")
            script.make_safe()
    finally:
        window.close()
        link.close()


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".github")
    application = QApplication(["labctl"])
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(home_variables(Path(home)) | {"HOME": home})
        with ServiceProcess.start(Path(home)) as service:
            take_pictures(folder, service)
    application.quit()


if __name__ == "__main__":
    main()
