"""The intervals of a stream that a table of tags does not show: covered, lossy and flagged ones."""

from __future__ import annotations

from typing import Any, Final

import h5py
import numpy as np

from labctl.storage.export.photon_fields import add_group, describe
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["IntervalLog"]

#: Rows in memory; chunks of the datasets.
_ROWS: Final = 512

_TITLES: Final = {
    "start_ps": "Beginning of each interval, in ps.",
    "stop_ps": "End of each interval, exclusive, in ps.",
    "lost": "Tags known to be lost inside each interval.",
    "flags": "Bits: 1 overflow, 2 tags missed, 4 gap before the interval, 8 unsorted.",
}


class IntervalLog:
    """Writes the groups `covered` and `losses` below a group while a stream passes.

    `covered` has the intervals in which everything detected is there or known to be lost, those
    that adjoin joined; `losses` those of them with losses or flags, as they were recorded.
    """

    def __init__(self, parent: h5py.Group) -> None:
        covered = add_group(parent, "covered", "Intervals in which the tagger was recorded.")
        losses = add_group(parent, "losses", "Intervals with lost tags or flags.")
        self._covered = _Table(covered, ("start_ps", "stop_ps"))
        self._losses = _Table(losses, ("start_ps", "stop_ps", "lost", "flags"))
        self._start_ps: int | None = None
        self._stop_ps = 0

    def add(self, block: TagBlock) -> None:
        """Take the next interval."""
        if self._start_ps is None:
            self._start_ps = block.start_ps
        elif block.start_ps != self._stop_ps:
            self._covered.add((self._start_ps, self._stop_ps))
            self._start_ps = block.start_ps
        self._stop_ps = block.stop_ps
        if block.lost or block.flags != TagFlags.NONE:
            self._losses.add((block.start_ps, block.stop_ps, block.lost, int(block.flags)))

    def close(self) -> None:
        """Write what is not written yet."""
        if self._start_ps is not None:
            self._covered.add((self._start_ps, self._stop_ps))
        self._covered.write()
        self._losses.write()


class _Table:
    """Columns of int64 that grow together."""

    def __init__(self, group: h5py.Group, names: tuple[str, ...]) -> None:
        self._columns = [
            group.create_dataset(name, (0,), "<i8", maxshape=(None,), chunks=(_ROWS,))
            for name in names
        ]
        for column, name in zip(self._columns, names, strict=True):
            describe(column, _TITLES[name])
        self._waiting: list[tuple[int, ...]] = []

    def add(self, row: tuple[int, ...]) -> None:
        self._waiting.append(row)
        if len(self._waiting) == _ROWS:
            self.write()

    def write(self) -> None:
        rows: Any = np.array(self._waiting, np.int64).reshape(-1, len(self._columns))
        for values, column in zip(rows.T, self._columns, strict=True):
            first = column.shape[0]
            column.resize((first + len(rows),))
            column[first:] = values
        self._waiting = []
