"""Who writes a run file: an operating-system lock on `<file>.lock`, freed by death as by close.

HDF5's own lock does not serve: it is given up when SWMR begins, and it is the one that
HDF5_USE_FILE_LOCKING can switch off. A note beside it, `<file>.lock.json`, names the writer to
those who are refused. It means nothing unless the lock is held: the process that it names may be
dead, and its number in use again.
"""

from __future__ import annotations

import json
import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from labctl.errors import RunFileError

__all__ = ["WriterLock", "has_live_writer", "lock_path", "note_path"]


def lock_path(path: Path) -> Path:
    """Return the path of the lock file beside a run file."""
    return path.with_name(path.name + ".lock")


def note_path(path: Path) -> Path:
    """Return the path of the note that names the writer of a run file."""
    return path.with_name(path.name + ".lock.json")


class WriterLock:
    """The right to write one run file, held from construction to `release`.

    Raises:
        RunFileError: another writer holds it; says which process on which host.
    """

    def __init__(self, path: Path) -> None:
        self._path = lock_path(path)
        self._note = note_path(path)
        self._lock = FileLock(self._path, thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunFileError(
                f"{path} is being written by {_writer_named_in(self._note)}",
                hint="Each run needs a file of its own.",
            ) from error
        except OSError as error:
            raise RunFileError(f"{path.parent} does not accept a run file: {error}") from error
        # A courtesy: a disk too full for it will refuse the run in words of its own.
        with suppress(OSError):
            self._note.write_text(_note_of_this_process(), "utf-8")

    def release(self) -> None:
        """Free the lock and remove its files."""
        # Removed while still held: nobody waits for it, because a run file has one writer ever.
        for file in (self._note, self._path):
            with suppress(OSError):
                file.unlink(missing_ok=True)
        self._lock.release()


def has_live_writer(path: Path) -> bool:
    """Return whether some process on this machine holds the lock of the run file."""
    lock_file = lock_path(path)
    if not lock_file.exists():
        return False
    probe = FileLock(lock_file, thread_local=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        # A folder that we may not write cannot tell; the file then counts as interrupted.
        return False
    probe.release()
    return False


def _note_of_this_process() -> str:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"pid": os.getpid(), "host": platform.node(), "since_utc": since})


def _writer_named_in(note: Path) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError):
        facts = json.loads(note.read_text("utf-8"))
        return f"process {facts['pid']} on {facts['host']} since {facts['since_utc']}"
    return "another recorder"
