"""What a test of the window may leave behind: no thread, no running timer, no window."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import dataclass
from typing import Final, Self

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMenu, QWidget

__all__ = ["Surroundings", "delete_what_waits"]

_THREADS_END_WITHIN_S: Final = 3.0


def delete_what_waits() -> None:
    """Let Qt delete now what it was told to delete later."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Threads and windows at one moment, from which on new timers are noticed."""

    threads: frozenset[threading.Thread]
    windows: frozenset[QWidget]

    @classmethod
    def now(cls) -> Self:
        """Return what there is; Python's older objects count as old until `left_since`."""
        # What is frozen is not gone through at the end, which would take a quarter of a second.
        gc.freeze()
        return cls(frozenset(threading.enumerate()), frozenset(_windows()))

    def left_since(self, within_s: float = _THREADS_END_WITHIN_S) -> list[str]:
        """Return a sentence for everything that came since and is there after `within_s`."""
        delete_what_waits()
        deadline = time.monotonic() + within_s
        for thread in set(threading.enumerate()) - self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        timers = _running_timers()
        gc.unfreeze()
        windows = [w for w in set(_windows()) - self.windows if not _is_menu_of_a_plot(w)]
        return [
            *(f"thread {t.name!r} runs" for t in set(threading.enumerate()) - self.threads),
            *(f"timer of {_owner(timer)} runs" for timer in timers),
            *(f"window {_name(window)} is there" for window in windows),
        ]


def _running_timers() -> list[QTimer]:
    # Qt lists no timers that have no parent; Python knows every object it made.
    return [
        found
        for found in gc.get_objects()
        if type(found) is QTimer and shiboken6.isValid(found) and found.isActive()
    ]


def _windows() -> list[QWidget]:
    return [w for w in QApplication.topLevelWidgets() if shiboken6.isValid(w)]


def _is_menu_of_a_plot(window: QWidget) -> bool:
    # pyqtgraph gives them no owner: they go with the plot, when Python forgets it.
    return isinstance(window, QMenu) and not window.isVisible()


def _owner(timer: QTimer) -> str:
    parent = timer.parent()
    return _name(parent) if parent is not None else f"nobody, every {timer.interval()} ms"


def _name(found: QObject) -> str:
    return f"{type(found).__name__} {found.objectName()!r}"
