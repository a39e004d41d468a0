"""One run that waits its turn, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

__all__ = ["EntryState", "QueueEntry"]


class EntryState(Enum):
    """Where an entry of the queue is; how it ended in the words of runs."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A run in the queue.

    Attributes:
        arm: whether it may switch light on; None as `LabSession.start` takes it.
        points: how many points it will have.
        duration_s: about how long it takes by the wall's clock; None where nobody can know.
        reason: why it ended so.
        uid, path: of its run, once there is one.
    """

    id: str
    experiment: str
    parameters: Mapping[str, Any] = field(repr=False)
    label: str
    arm: bool | None
    folder: Path | None
    points: int
    duration_s: float | None
    state: EntryState = EntryState.WAITING
    reason: str = ""
    uid: str = ""
    path: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON carries it."""
        return {
            "id": self.id,
            "label": self.label,
            "experiment": self.experiment,
            "parameters": dict(self.parameters),
            "arm": self.arm,
            "folder": str(self.folder) if self.folder else None,
            "points": self.points,
            "duration_s": self.duration_s,
            "state": self.state.value,
            "reason": self.reason,
            "uid": self.uid,
            "path": str(self.path) if self.path else None,
        }
