"""What others order of a run: to pause, to go on, to end."""

from __future__ import annotations

import threading
from collections.abc import Callable

from labctl.errors import InterlockError

__all__ = ["AbortedError", "Orders"]

#: How often a paused run looks whether it may go on, in wall-clock time.
_PAUSE_POLL_S = 0.1


class AbortedError(Exception):
    """Ends the run thread's work; never leaves the engine."""


class Orders:
    """Given by any thread, obeyed by the run thread; an abort is final.

    Attributes:
        why: why the run holds by itself; empty where somebody paused it.
    """

    def __init__(self) -> None:
        self.why = ""
        self._lock = threading.RLock()
        self._may_run = threading.Event()
        self._may_run.set()
        self._abort_reason: str | None = None
        self._dark: tuple[str, ...] = ()

    @property
    def abort_reason(self) -> str:
        """Why the run was aborted; empty while it was not."""
        return self._abort_reason or ""

    @property
    def is_holding(self) -> bool:
        """True between an order to pause and the one to go on."""
        return not self._may_run.is_set()

    def abort(self, reason: str) -> None:
        """End the run; the first reason counts."""
        with self._lock:
            if self._abort_reason is None:
                self._abort_reason = reason
            self._may_run.set()

    def pause(self) -> bool:
        """Hold the run, and return whether that is news."""
        with self._lock:
            if self._abort_reason is not None or self.is_holding:
                return False
            self._may_run.clear()
            return True

    def hold(self, why: str, dark: tuple[str, ...] = ()) -> None:
        """Hold the run from within, also where somebody has just paused it.

        What is `dark` needs `resume(arm=True)`.
        """
        with self._lock:
            if self._abort_reason is None:
                self.why, self._dark = why, dark
                self._may_run.clear()

    def resume(self, *, arm: bool) -> None:
        """Let the run go on; without a pause nothing changes.

        Raises:
            InterlockError: light went out and must be armed; the run stays paused.
        """
        with self._lock:
            if self._dark and self.is_holding and not arm:
                names = ", ".join(self._dark)
                raise InterlockError(
                    f"{names} went dark while the run was interrupted, and the run needs it",
                    hint="Resume with arm (in Python: resume(arm=True)) once the beam path is "
                    "safe, or abort the run.",
                )
            self.why, self._dark = "", ()
            self._may_run.set()

    def unless_aborted(self, action: Callable[[], object]) -> bool:
        """Do `action` in one step with the question whether the run was aborted."""
        with self._lock:
            if self._abort_reason is not None:
                return False
            action()
        return True

    def wait(self) -> None:
        """Wait until the run may go on.

        Raises:
            AbortedError: it may not.
        """
        while not self._may_run.wait(_PAUSE_POLL_S):
            pass
        if self._abort_reason is not None:
            raise AbortedError
