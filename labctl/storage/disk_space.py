"""Whether the disk has room for a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from labctl.errors import RunFileError

__all__ = ["free_space_fault"]

_MB = 1_000_000


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
