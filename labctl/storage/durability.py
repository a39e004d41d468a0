"""Push what a file holds through to the disk: the one place with POSIX calls in storage.

On Windows a folder cannot be synchronized and `os.fsync` (FlushFileBuffers) takes the part of
fdatasync. The Windows side was written from the documentation and has not been run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["sync_data", "sync_folder"]

if sys.platform == "win32":

    def sync_data(descriptor: int) -> None:
        """Wait until the file's bytes and its length are on the disk."""
        os.fsync(descriptor)

    def sync_folder(folder: Path) -> None:
        """Do nothing: NTFS logs changes of names itself."""

elif sys.platform == "darwin":
    import fcntl

    def sync_data(descriptor: int) -> None:
        """Wait until the file's bytes and its length are on the disk."""
        # fsync(2) of macOS stops at the drive's cache; the manual names F_FULLFSYNC for the rest.
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)

    def sync_folder(folder: Path) -> None:
        """Wait until the names in the folder are on the disk."""
        _sync_folder(folder)

else:

    def sync_data(descriptor: int) -> None:
        """Wait until the file's bytes and its length are on the disk."""
        os.fdatasync(descriptor)

    def sync_folder(folder: Path) -> None:
        """Wait until the names in the folder are on the disk."""
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
