"""The truth list: every tag that a simulated tagger sends, written before the wire.

With it, *sent = recorded + flagged lost* can be checked everywhere, also after the process
that ran both the laboratory and the recorder was killed. What a device loses itself, before
its cable, is counted apart: *detected = sent + lost by the device*.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRUTH_RECORD", "TruthLog", "read_truth"]

#: One tag as the file holds it: time by the tagger's own clock, and channel.
TRUTH_RECORD = np.dtype([("time_ps", "<i8"), ("channel", "u1")])


class TruthLog:
    """Counts the tags of each channel and, where a file is given, lists those sent.

    Attributes:
        counts: tags sent, by channel.
        lost: tags that the device saw and dropped, by channel; they are not in the list.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.counts = np.zeros(256, dtype=np.int64)
        self.lost = np.zeros(256, dtype=np.int64)
        self._file: BinaryIO | None = path.open("wb", buffering=0) if path else None

    def write(self, times_ps: NDArray[np.int64], channels: NDArray[np.uint8]) -> None:
        """Note tags that are about to be sent."""
        self.counts += np.bincount(channels, minlength=256)
        if self._file is not None and times_ps.size:
            records = np.empty(times_ps.size, dtype=TRUTH_RECORD)
            records["time_ps"] = times_ps
            records["channel"] = channels
            self._file.write(records.tobytes())

    def lose(self, channels: NDArray[np.uint8]) -> None:
        """Note tags that the device drops."""
        self.lost += np.bincount(channels, minlength=256)

    @property
    def detected(self) -> NDArray[np.int64]:
        """Tags that the device saw, by channel: sent and lost."""
        return self.counts + self.lost

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
