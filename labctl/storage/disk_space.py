"""Whether the disk has room for a run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from labctl.errors import RunFileError

__all__ = ["free_space_fault", "probe_space"]

_MB = 1_000_000
#: More than an empty run file takes, its configuration aside.
_PROBE_BYTES = 256 * 1024


def free_space_fault(path: Path, min_free_bytes: int) -> RunFileError | None:
    """Return the error to raise if the disk of `path` has less than `min_free_bytes` left."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes >= min_free_bytes:
        return None
    return RunFileError(
        f"the disk of {path} is nearly full: {free_bytes / _MB:.0f} MB free, "
        f"{min_free_bytes / _MB:.0f} MB needed to record tags",
        hint="Free some space, or give [data] folder another disk.",
    )


def probe_space(folder: Path) -> None:
    """Write a small temporary file to the disk.

    A process in which HDF5 could not write the beginning of a file may crash when it exits, so
    a full disk, a quota or a missing permission has to show before HDF5 begins.

    Raises:
        OSError: the disk did not take it.
    """
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(bytes(_PROBE_BYTES))
        probe.flush()
        os.fsync(probe.fileno())
