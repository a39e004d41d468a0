"""An hour of updates at the speed at which the window can take them: its memory stays flat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from labctl.gui.window import MainWindow
from labctl.service import LabClient
from tests.gui.conftest import WAIT_MS

#: What the service sends in an hour: rates and matrix ten times a second, and so on.
HOUR_S = 3600
TOPICS = ("rates", "matrix", "histogram", "health", "instruments")
#: Rings of traces fill up, and caches of fonts and glyphs, in the first part of it.
WARM_UP = 0.3
PAGE_BYTES = 4096
MAX_GROWTH_BYTES = 15_000_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_memory_stays_flat_over_an_hour_of_updates(
    open_window: Callable[[], MainWindow], client: LabClient, qtbot: QtBot
) -> None:
    window = open_window()
    link = window.link
    client.set("pump.emission", value=True, arm=True)
    kept: dict[str, deque[Any]] = {topic: deque(maxlen=20) for topic in TOPICS}

    def keep(topic: str, data: object) -> None:
        if topic in kept:
            kept[topic].append(data)

    link.updated.connect(keep)
    qtbot.waitUntil(lambda: all(len(k) >= 3 for k in kept.values()), timeout=3 * WAIT_MS)
    qtbot.waitUntil(lambda: len(kept["rates"]) == 20, timeout=WAIT_MS)
    link.updated.disconnect(keep)
    link._timer.stop()
    used: list[int] = []
    for second in range(HOUR_S):
        window.tabs.setCurrentIndex(second // 60 % window.tabs.count())
        for tenth in range(10):
            for topic in ("rates", "matrix"):
                link._hand_on(topic, kept[topic][tenth])
            if tenth in {0, 5}:
                link._hand_on("histogram", kept["histogram"][tenth % len(kept["histogram"])])
            QApplication.processEvents()
        for topic in ("health", "instruments"):
            link._hand_on(topic, kept[topic][second % len(kept[topic])])
        link._hand_on(
            "log", {"level": "info", "source": "bench", "text": f"second {second}", "utc_ns": 0}
        )
        # What the service really sends meanwhile is taken and dropped, or it would pile up.
        while link._subscription is not None and link._subscription.get(0) is not None:
            pass
        used.append(resident_bytes())
    link._timer.start(33)
    begin, end = used[int(WARM_UP * HOUR_S)], used[-1]
    assert end - begin < MAX_GROWTH_BYTES, f"{begin / 1e6:.0f} MB became {end / 1e6:.0f} MB"
