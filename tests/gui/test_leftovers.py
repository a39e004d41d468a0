"""The tests of the window notice what another test leaves behind."""

from __future__ import annotations

import threading

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.gui.leftovers import Surroundings, delete_what_waits


def test_a_running_thread_timer_or_window_is_told_by_name(qtbot: QtBot) -> None:
    del qtbot
    before = Surroundings.now()
    go_on = threading.Event()
    thread = threading.Thread(target=lambda: go_on.wait(20), name="forgotten")
    thread.start()
    window = QWidget()
    window.setObjectName("lost window")
    timer = QTimer(window)
    timer.start(1000)
    left = before.left_since(0.05)
    go_on.set()
    thread.join()
    timer.stop()
    window.deleteLater()
    delete_what_waits()
    assert left == [
        "thread 'forgotten' runs",
        "timer of QWidget 'lost window' runs",
        "window QWidget 'lost window' is there",
    ]
    assert before.left_since() == []
