"""Who holds what on this machine: open laboratories and locked instruments.

Each claim is a pair of files in the user's runtime folder: a lock that the system releases
when its owner dies, however it dies, and a note that says who the owner is. A claim whose
lock is free is a corpse and is cleared away by whoever finds it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import platformdirs
from filelock import FileLock, Timeout

from labctl.errors import LinkError

__all__ = [
    "Claim",
    "Owner",
    "claim_address",
    "claim_lab",
    "claim_service",
    "open_labs",
    "runtime_folder",
]


def runtime_folder() -> Path:
    """Return this host's folder of claims; only the user can look into it."""
    # The state folder, not the system's runtime folder: that one is missing in containers
    # and in sessions without a login.
    folder = platformdirs.user_state_path("labctl") / "open" / (platform.node() or "localhost")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class Owner:
    """The process behind a claim."""

    pid: int
    host: str
    since_utc: float
    command: str

    @classmethod
    def this_process(cls) -> Self:
        """Return this process as an owner."""
        return cls(os.getpid(), platform.node(), time.time(), " ".join(sys.argv))

    @classmethod
    def from_note(cls, note: Mapping[str, Any]) -> Self:
        """Return the owner that a note names; KeyError or TypeError where it names none."""
        return cls(note["pid"], note["host"], float(note["since_utc"]), note["command"])

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command or 'python'})"


class Claim:
    """A lock and the note beside it; held until `release` or the end of the process."""

    def __init__(self, path: Path, note: Mapping[str, Any]) -> None:
        self._note = path.with_suffix(".json")
        # Any thread may release what the opening thread took.
        self._lock = FileLock(path.with_suffix(".lock"), mode=0o600, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise LinkError(f"already in use by {_owner_of(self._note)}") from None
        self.write(note)

    def write(self, note: Mapping[str, Any]) -> None:
        """Put `note` in the place of the present one, in one step."""
        temporary = self._note.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(note, file)
        temporary.replace(self._note)

    def release(self) -> None:
        """Give the claim up; releasing twice is allowed."""
        if self._lock.is_locked:
            self._note.unlink(missing_ok=True)
            self._lock.release()


def claim_address(canonical: str) -> Claim:
    """Claim a real instrument for this process.

    Raises:
        LinkError: another process holds it; says which.
    """
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    note = {"address": canonical, "owner": asdict(Owner.this_process())}
    try:
        return Claim(runtime_folder() / f"address-{digest}", note)
    except LinkError as error:
        raise LinkError(
            f"the instrument is {error.message}",
            address=canonical,
            hint="Stop that process, or use `labctl status` and `labctl safe` to reach it.",
        ) from error


def claim_service(key: str, config: Path) -> Claim:
    """Claim the service of a configuration for this process.

    Raises:
        LinkError: another service has it; says which.
    """
    note = {"config": str(config), "owner": asdict(Owner.this_process())}
    try:
        return Claim(runtime_folder() / f"service-{key}", note)
    except LinkError as error:
        raise LinkError(
            f"the service of {config} is {error.message}",
            hint="Commands find it by themselves (`labctl status`); `labctl stop` ends it.",
        ) from error


def claim_lab(name: str, note: dict[str, Any]) -> Claim:
    """Announce an open laboratory; `note` says how to reach it."""
    return Claim(runtime_folder() / f"lab-{os.getpid()}-{name}", note)


def open_labs() -> list[dict[str, Any]]:
    """Return the notes of all laboratories that are open now, oldest first."""
    notes = [note for path in runtime_folder().glob("lab-*.json") for note in _live_note(path)]
    return sorted(notes, key=lambda note: float(note["owner"]["since_utc"]))


def _live_note(path: Path) -> Iterator[dict[str, Any]]:
    lock = FileLock(path.with_suffix(".lock"), mode=0o600)
    try:
        with lock.acquire(blocking=False):
            # Nobody holds the lock: the owner is dead. Clear its corpse away.
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
    except Timeout:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(path.read_text())
            Owner.from_note(note["owner"])
            yield note


def _owner_of(note: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(Owner.from_note(json.loads(note.read_text())["owner"]))
    return "another process"
