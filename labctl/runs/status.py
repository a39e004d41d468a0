"""The state of a run, in the same words in file, command line and window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import LabError, RunError

if TYPE_CHECKING:
    from labctl.storage import EndStatus

__all__ = ["RunOutcome", "RunState", "RunStatus", "failed_run", "reason_of"]


class RunState(Enum):
    """Where a run is."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A snapshot of a run, published whenever something changed.

    Attributes:
        fraction: of the whole run, 0 to 1.
        eta_s: estimated seconds of wall-clock time to the end, None while unknown.
        live: what the plan shows now, such as count rates.
        safe_until_ps: tags up to this tag time are safe on the disk, by tagger.
    """

    state: RunState
    experiment: str = ""
    uid: str = ""
    path: Path | None = None
    points_done: int = 0
    points_total: int = 0
    repeated: int = 0
    fraction: float = 0.0
    eta_s: float | None = None
    text: str = ""
    live: Mapping[str, Any] = field(default_factory=dict)
    safe_until_ps: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the snapshot as JSON carries it."""
        return {
            "state": self.state.value,
            "experiment": self.experiment,
            "uid": self.uid,
            "path": str(self.path) if self.path else None,
            "points_done": self.points_done,
            "points_total": self.points_total,
            "repeated": self.repeated,
            "fraction": round(self.fraction, 4),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            "text": self.text,
            "live": dict(self.live),
            "safe_until_ps": dict(self.safe_until_ps),
        }


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        status: finished, aborted or failed.
        reason: why it ended so.
        result: what the plan returned; None unless finished.
        path: the run file.
        points: the values of every point, in order.
        warnings: what the operator should know before trusting the result.
    """

    status: EndStatus
    reason: str
    result: Any
    path: Path | None
    uid: str
    points: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    def to_pandas(self) -> Any:
        """Return the result's rows as a pandas DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        import pandas as pd  # noqa: PLC0415  optional

        return pd.DataFrame(self.result.rows() if self.result is not None else [])


def reason_of(error: BaseException) -> str:
    """Return why a run failed, as its file says it."""
    return str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"


def failed_run(cause: BaseException, uid: str) -> RunError:
    """Return the error that the caller of a failed run sees."""
    hint = getattr(cause, "hint", None)
    message = cause.message if isinstance(cause, LabError) else reason_of(cause)
    return RunError(
        f"run {uid} failed: {message}",
        device=getattr(cause, "device", None),
        address=getattr(cause, "address", None),
        hint=hint,
    )
