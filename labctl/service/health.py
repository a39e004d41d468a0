"""How the service itself fares: disk, file, streams, time."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from labctl.lab import Bench
from labctl.runs import RunStatus

__all__ = ["HealthWatch"]

_EVERY_S: Final = 1.0


class HealthWatch:
    """Publishes `health` once a second.

    Args:
        bench: the bench, of an open laboratory.
        folder: where run files go.
        publish: takes (topic, data) and never waits.
        run_status: where the present or last run is.
    """

    def __init__(
        self,
        bench: Bench,
        folder: Path,
        publish: Callable[[str, Mapping[str, Any]], object],
        run_status: Callable[[], RunStatus],
    ) -> None:
        self._bench = bench
        self._folder = folder
        self._publish = publish
        self._run_status = run_status
        self._started_s = time.monotonic()
        self._late_s = 0.0
        self._latest: dict[str, Any] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._latest = self._look()
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def latest(self) -> dict[str, Any]:
        """Return the newest look."""
        return self._latest

    def _run(self) -> None:
        next_s = time.monotonic() + _EVERY_S
        while not self._stopping.wait(max(0.0, next_s - time.monotonic())):
            # A thread that is woken late shows that something holds the interpreter.
            self._late_s = time.monotonic() - next_s
            next_s = max(next_s, time.monotonic()) + _EVERY_S
            self._latest = self._look()
            self._publish("health", self._latest)

    def _look(self) -> dict[str, Any]:
        status = self._run_status()
        return {
            "utc_ns": time.time_ns(),
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "pid": os.getpid(),
            "late_ms": round(1e3 * self._late_s, 1),
            "folder": str(self._folder),
            "disk_free_bytes": _free_bytes(self._folder),
            "file": str(status.path) if status.path else "",
            "file_bytes": _size_bytes(status.path),
            "safe_until_ps": dict(status.safe_until_ps),
            "taggers": {
                name: {
                    "tags": pump.tags,
                    "lost": pump.lost,
                    "is_running": pump.is_running,
                    "stop_ps": pump.stop_ps,
                }
                for name, pump in self._bench.pumps.items()
            },
        }


def _free_bytes(folder: Path) -> int | None:
    existing = next((f for f in (folder, *folder.parents) if f.exists()), None)
    try:
        return shutil.disk_usage(existing).free if existing is not None else None
    except OSError:
        return None


def _size_bytes(path: Path | None) -> int | None:
    try:
        return path.stat().st_size if path is not None else None
    except OSError:
        return None
