"""The open laboratory of a test: it remembers what it has to be checked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labctl.runs import LabSession, Run
from labctl.runs.environment import (
    config_from_environment,
    seed_from_environment,
    speed_from_environment,
)
from labctl.testing import leaks
from labctl.testing.leaks import Leak

__all__ = ["WatchedSession"]


class WatchedSession(LabSession):
    """The simulated laboratory that the environment describes.

    It knows its runs and which lasers emitted when it was opened.
    """

    def __init__(self) -> None:
        self._runs: list[Run] = []
        super().__init__(
            config_from_environment(),
            simulated=True,
            seed=seed_from_environment(),
            speed=speed_from_environment(),
        )
        self._emitted_at_first: Mapping[str, bool] = self.emitting()

    def start(self, *args: Any, **options: Any) -> Run:
        """Start a run and remember it."""
        run = super().start(*args, **options)
        self._runs.append(run)
        return run

    def leaks(self, temporary: Path) -> list[Leak]:
        """Return what was left behind, while it is still open; files belong in `temporary`."""
        paths = [run.status.path for run in self._runs]
        return [
            *leaks.streams_left_running(self),
            *leaks.errors_left_unread(self),
            # Before anything is asked: the answer would be the reply that was left.
            *leaks.replies_left_unread(self),
            *leaks.emission_left_on(self, self._emitted_at_first),
            *leaks.files_left_outside([path for path in paths if path], temporary),
        ]
