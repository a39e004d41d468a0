"""Tells everybody where a run is, often enough and never too often."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from labctl.bus import Bus
from labctl.runs.status import RunStatus

__all__ = ["StatusTeller"]

#: Shortest time between two published snapshots of a run that goes on as before.
_INTERVAL_S = 0.05


class StatusTeller:
    """Keeps the status of one run and publishes it; owned by the run thread.

    Only `safe_until_ps` is written by another thread, the recorder's; it is told with the
    next snapshot.
    """

    def __init__(self, bus: Bus, first: RunStatus) -> None:
        self.status = first
        self.safe_until_ps: Mapping[str, int] = {}
        self._bus = bus
        self._pending: dict[str, Any] = {}
        self._next_s = 0.0
        self._started_s = time.monotonic()

    def note(self, **fields: Any) -> None:
        """Note progress; it is told at most 20 times a second, however fast points come."""
        if "fraction" in fields:
            # A wait inside a plan does not know how far the plan is.
            fields["fraction"] = max(fields["fraction"], self._pending.get("fraction", 0.0))
        self._pending.update(fields)
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _INTERVAL_S
            self.tell()

    def tell(self, **fields: Any) -> None:
        """Publish the status with everything noted so far, now."""
        pending, self._pending = self._pending | fields, {}
        if "fraction" in pending:
            pending["fraction"] = max(pending["fraction"], self.status.fraction)
            pending["eta_s"] = self._eta_s(pending["fraction"])
        self.status = replace(self.status, safe_until_ps=self.safe_until_ps, **pending)
        self._bus.publish(self.status)

    def _eta_s(self, fraction: float) -> float | None:
        if fraction <= 0:
            return None
        return (time.monotonic() - self._started_s) * (1 - fraction) / fraction
