"""A run that goes on in the service, seen from a client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl.runs.status import RunOutcome, RunState, RunStatus

__all__ = ["RemoteResult", "RemoteRun", "status_from_dict"]

_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class RemoteResult:
    """What a plan returned, as the run file keeps it."""

    values: Mapping[str, Any]
    table: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it."""
        return dict(self.values)

    def rows(self) -> list[dict[str, Any]]:
        """Return the result as rows of a table."""
        return [dict(row) for row in self.table]


class RemoteRun:
    """A run that this client started; it goes on when the client is gone."""

    def __init__(self, ask: Callable[..., dict[str, Any]], number: int) -> None:
        self._ask = ask
        self.number = number

    @property
    def status(self) -> RunStatus:
        """A snapshot of where the run is."""
        return status_from_dict(self._ask("outcome", number=self.number)["run"])

    def abort(self, reason: str = "") -> None:
        """Ask the run to end now; it leaves everything safe."""
        self._ask("abort", reason=reason)

    def pause(self) -> None:
        """Hold the plan before its next step."""
        self._ask("pause")

    def resume(self, *, arm: bool = False) -> None:
        """Let a paused plan go on; `arm` lets it switch its light on again."""
        self._ask("resume", arm=arm)

    def wait(self, timeout_s: float | None = None) -> RunOutcome | None:
        """Return how the run ended, or None when it has not within `timeout_s`.

        Raises:
            RunError: the plan failed.
            LinkError: the service is gone; its run file says how far the run came.
        """
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (found := self._ask("outcome", number=self.number)["outcome"]) is None:
            left_s = _POLL_S if end_s is None else end_s - time.monotonic()
            if left_s <= 0:
                return None
            time.sleep(min(_POLL_S, left_s))
        return _outcome_from_dict(found)


def status_from_dict(values: Mapping[str, Any]) -> RunStatus:
    """Return the status that `RunStatus.to_dict` told."""
    path = values.get("path")
    known = {key: values[key] for key in RunStatus.__slots__ if key in values}
    known |= {"state": RunState(values["state"]), "path": None if path is None else Path(path)}
    return RunStatus(**known)


def _outcome_from_dict(values: Mapping[str, Any]) -> RunOutcome:
    result = values["result"]
    return RunOutcome(
        values["status"],
        values["reason"],
        None if result is None else RemoteResult(result, tuple(values["table"])),
        None if values["path"] is None else Path(values["path"]),
        values["uid"],
        tuple(values["points"]),
        tuple(values["warnings"]),
    )
