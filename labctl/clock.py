"""Bench time: what every wait and every time stamp of a run refers to.

On a real bench it is the computer's monotonic clock. On a simulated bench it is the
simulated laboratory's clock, which may run faster than the wall, or stand still until the
run thread waits (a stepped clock: a dwell of one second then costs no second).
"""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "WallClock"]


class Clock(Protocol):
    """Tells bench time and lets it pass."""

    @property
    def is_stepped(self) -> bool:
        """True when time passes only inside `wait`."""
        ...

    def now_s(self) -> float:
        """Return seconds of bench time since an arbitrary origin; never steps backward."""
        ...

    def wait(self, duration_s: float) -> None:
        """Let `duration_s` of bench time pass.

        On a stepped clock only the run thread may call this.
        """
        ...


class WallClock:
    """The computer's monotonic clock; a host clock that is set does not move it."""

    is_stepped = False

    def now_s(self) -> float:
        """Return seconds since an arbitrary origin."""
        return time.monotonic()

    def wait(self, duration_s: float) -> None:
        """Sleep for `duration_s`."""
        if duration_s > 0:
            time.sleep(duration_s)
