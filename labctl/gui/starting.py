"""A service that the window starts because none was running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import platformdirs

from labctl.errors import LinkError

__all__ = ["StartedService"]

_LAST_LINES: Final = 12


class StartedService:
    """A service in a process of its own; it outlives the window unless the window stops it.

    Raises:
        LinkError: the process could not be started.
    """

    def __init__(self, config: Path, *, simulated: bool, speed: float = 1.0) -> None:
        command = [sys.executable, "-m", "labctl.cli.main", "serve", "--config", str(config)]
        command += ["--speed", f"{speed:g}"]
        if simulated:
            command.append("--simulated")
        folder = platformdirs.user_log_path("labctl")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.log = folder / "service.log"
            with self.log.open("w", encoding="utf-8") as out:
                # A session of its own: Ctrl-C in the window's terminal must not reach it.
                self._process = subprocess.Popen(  # noqa: S603  our own command
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise LinkError(f"the service could not be started: {error}") from error

    @property
    def pid(self) -> int:
        """Number of its process."""
        return self._process.pid

    def failure(self) -> str:
        """Return why it has ended, in its own words; empty while it runs."""
        if self._process.poll() is None:
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = " ".join(lines[-_LAST_LINES:]) or "it said nothing"
        return f"The service has ended with code {self._process.returncode}: {said}"

    def end(self) -> None:
        """Ask it to end as at a shutdown: it makes everything safe before."""
        self._process.terminate()

    def has_ended_within(self, timeout_s: float) -> bool:
        """Wait for its end; return whether it came in time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True
