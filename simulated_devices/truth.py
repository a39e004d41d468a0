"""The truth list: every tag that a simulated tagger sends, written before the wire.

With it, *sent = recorded + flagged lost* can be checked everywhere, also after the process
that ran both the laboratory and the recorder was killed.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRUTH_RECORD", "TruthLog", "read_truth"]

#: One tag as the file holds it: world time and channel.
TRUTH_RECORD = np.dtype([("time_ps", "<i8"), ("channel", "u1")])


class TruthLog:
    """Counts the tags sent on each channel and, where a file is given, lists them all."""

    def __init__(self, path: Path | None = None) -> None:
        self.counts = np.zeros(256, dtype=np.int64)
        self._file: BinaryIO | None = path.open("wb", buffering=0) if path else None

    def write(self, times_ps: NDArray[np.int64], channels: NDArray[np.uint8]) -> None:
        """Note tags that are about to be sent."""
        self.counts += np.bincount(channels, minlength=256)
        if self._file is not None and times_ps.size:
            records = np.empty(times_ps.size, dtype=TRUTH_RECORD)
            records["time_ps"] = times_ps
            records["channel"] = channels
            self._file.write(records.tobytes())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_truth(path: Path) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return times and channels of a truth list; an incomplete last record is left out."""
    data = path.read_bytes()
    whole = len(data) - len(data) % TRUTH_RECORD.itemsize
    records = np.frombuffer(data[:whole], dtype=TRUTH_RECORD)
    return records["time_ps"].copy(), records["channel"].copy()
