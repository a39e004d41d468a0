"""When the runs of a queue begin and end, as estimated now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from labctl.runs import RunState, RunStatus
from labctl.service.queue_entry import QueueEntry

__all__ = ["end_of_run_utc", "estimated"]


def end_of_run_utc(status: RunStatus) -> float | None:
    """Return when the run under way will end: now, where none is; None where nobody can know."""
    if status.state is RunState.PAUSED:
        return None
    if status.state is not RunState.RUNNING:
        return time.time()
    return None if status.eta_s is None else time.time() + status.eta_s


def estimated(
    running: QueueEntry | None,
    waiting: Sequence[QueueEntry],
    free_utc: float | None,
    *,
    is_held: bool,
) -> tuple[list[dict[str, Any]], float | None]:
    """Return the entries with `start_utc` and `end_utc`, and the end of them all.

    `free_utc` is when the run under way will have ended. What nobody can know is None.
    """
    entries: list[dict[str, Any]] = []
    end_utc = free_utc
    if running is not None:
        entries.append({**running.to_dict(), "start_utc": None, "end_utc": end_utc})
    if is_held and waiting:
        end_utc = None
    for entry in waiting:
        start_utc = end_utc
        if start_utc is None or entry.duration_s is None:
            end_utc = None
        else:
            end_utc = start_utc + entry.duration_s
        entries.append({**entry.to_dict(), "start_utc": start_utc, "end_utc": end_utc})
    return entries, end_utc if entries else None
