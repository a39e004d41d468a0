"""Who writes a run file: an operating-system lock on `<file>.lock`, freed by death as by close.

HDF5's own lock does not serve: it is given up when SWMR begins, and it is the one that
HDF5_USE_FILE_LOCKING can switch off. The lock file stays empty; pid and host of the writer are
in the run file's header.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from labctl.errors import RunFileError

__all__ = ["WriterLock", "has_live_writer", "lock_path"]


def lock_path(path: Path) -> Path:
    """Return the path of the lock file beside a run file."""
    return path.with_name(path.name + ".lock")


class WriterLock:
    """The right to write one run file, held from construction to `release`.

    Raises:
        RunFileError: another writer holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = lock_path(path)
        self._lock = FileLock(self._path, thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunFileError(
                f"{path} is being written by another recorder; each run needs a file of its own"
            ) from error
        except OSError as error:
            raise RunFileError(f"{path.parent} does not accept a run file: {error}") from error

    def release(self) -> None:
        """Free the lock and remove its file."""
        # Removed while still held: nobody waits for it, because a run file has one writer ever.
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
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
