"""Whether the disk has room for a run, and for how long."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from labctl.errors import RunFileError

__all__ = ["DiskWatch", "free_space_fault", "probe_space"]

_MB: Final = 1_000_000
#: More than an empty run file takes, its configuration aside.
_PROBE_BYTES: Final = 256 * 1024
#: The rate is the mean over at least this time, so that bursts of a scan even out.
_RATE_SPAN_S: Final = 10.0
#: A warning ends when the space lasts twice as long, so that it does not come and go.
_RELIEF: Final = 2.0


class DiskWatch:
    """Compares the free space with what a run writes. Owned by one thread at a time.

    Args:
        path: the run's file; its disk is watched.
        min_free_bytes: with less, `fault` is set.
        warn_before_s: `warning` is set when the disk is full that soon at the present rate.

    Attributes:
        fault: the disk takes no more tags; None while it does.
        warning: in how many minutes that will be so; None while it is far.
    """

    def __init__(self, path: Path, min_free_bytes: int, warn_before_s: float) -> None:
        self.fault: RunFileError | None = None
        self.warning: str | None = None
        self._path = path
        self._min_free_bytes = min_free_bytes
        self._warn_before_s = warn_before_s
        self._since_s: float | None = None
        self._since_bytes = 0
        self._rate_bytes_per_s = 0.0

    def look(self, now_s: float, n_bytes: int) -> str | None:
        """Compare when `n_bytes` are written at `now_s` (any origin); return a new warning."""
        self.fault = free_space_fault(self._path, self._min_free_bytes)
        self._measure_rate(now_s, n_bytes)
        if self._rate_bytes_per_s <= 0:
            return None
        left_bytes = max(0, _free_bytes(self._path) - self._min_free_bytes)
        left_s = left_bytes / self._rate_bytes_per_s
        if left_s > _RELIEF * self._warn_before_s:
            self.warning = None
        if self.warning is not None or left_s >= self._warn_before_s:
            return None
        self.warning = (
            f"the disk of {self._path} will be full in about {left_s / 60:.0f} min at the present "
            f"{self._rate_bytes_per_s / _MB:.3g} MB/s ({left_bytes / _MB:.0f} MB left); "
            "free some space, or the run will take no more tags"
        )
        return self.warning

    def _measure_rate(self, now_s: float, n_bytes: int) -> None:
        if self._since_s is None:
            self._since_s, self._since_bytes = now_s, n_bytes
        elif now_s - self._since_s >= _RATE_SPAN_S:
            self._rate_bytes_per_s = (n_bytes - self._since_bytes) / (now_s - self._since_s)
            self._since_s, self._since_bytes = now_s, n_bytes


def free_space_fault(path: Path, min_free_bytes: int) -> RunFileError | None:
    """Return the error to raise if the disk of `path` has less than `min_free_bytes` left."""
    free_bytes = _free_bytes(path)
    if free_bytes >= min_free_bytes:
        return None
    return RunFileError(
        f"the disk of {path} is nearly full: {free_bytes / _MB:.0f} MB free, "
        f"{min_free_bytes / _MB:.0f} MB needed to record tags",
        hint="Free some space, or give [data] folder another disk.",
    )


def _free_bytes(path: Path) -> int:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    return shutil.disk_usage(folder).free


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
