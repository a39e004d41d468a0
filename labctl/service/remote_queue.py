"""The service's queue of runs, seen from a client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["RemoteQueue"]


class RemoteQueue:
    """Runs that wait in the service; they are started there when this client is gone, too."""

    def __init__(self, ask: Callable[..., dict[str, Any]]) -> None:
        self._ask = ask

    def add(
        self,
        experiment: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        arm: bool | None = None,
        folder: Path | str | None = None,
        label: str = "",
        scan: Sequence[str] = (),
        snake: bool = True,
    ) -> str:
        """Append a run and return its id; with `scan` axes, such as `pump.power_mw 0.5:5:10`.

        Raises:
            ConfigError: unknown experiment or parameters.
        """
        reply = self._ask(
            "queue_add",
            experiment=experiment,
            parameters=dict(parameters or {}),
            arm=arm,
            folder=None if folder is None else str(Path(folder).resolve()),
            label=label,
            scan=list(scan),
            snake=snake,
        )
        return str(reply["id"])

    def move(self, entry_id: str, to: int) -> None:
        """Move an entry to the place `to`, counted from 0."""
        self._ask("queue_move", id=entry_id, to=to)

    def remove(self, entry_id: str) -> None:
        """Take an entry out of the queue."""
        self._ask("queue_remove", id=entry_id)

    def hold(self) -> None:
        """Start no more runs; the one under way goes on."""
        self._ask("queue_hold")

    def go(self) -> None:
        """Start what waits."""
        self._ask("queue_go")

    def policy(self, on_failure: str) -> None:
        """Choose what happens after a run that failed: stop or continue."""
        self._ask("queue_policy", on_failure=on_failure)

    def list(self) -> dict[str, Any]:
        """Return the whole queue."""
        return dict(self._ask("queue")["queue"])
