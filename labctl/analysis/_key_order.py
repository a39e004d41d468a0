"""Order of packed (time, channel) keys, at a cost that does not depend on the delays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _kernels
from labctl.tags.block import Channels, Times

#: Beyond this many moves per tag a library sort is faster than finishing the order by insertion.
MOVES_PER_TAG = 8
#: Keys per cell, and cells per chain of waiting keys, as the kernels have them.
ROOM = 4
CELLS_PER_CHAIN = 64
#: One key in this many may find its cell full before the tags count as crowded.
WAITING_FRACTION = 8


class Unsorted(NamedTuple):
    """Tags to be shifted: channel c gets time + advances_ps[c] and labels[c], if not negative."""

    times_ps: Times
    channels: Channels
    advances_ps: Times
    labels: NDArray[np.int64]

    def packed(
        self, base_ps: int, bits: int
    ) -> tuple[Times, Channels, NDArray[np.int64], NDArray[np.int64]]:
        """Return times, channels, labels and what to add to time << bits for a channel's key.

        Sums wrap around at 64 bits on the way to a key, which fits.
        """
        offsets = ((self.advances_ps - base_ps) << bits) | self.labels
        return self.times_ps, self.channels, self.labels, offsets


class BadTagError(Exception):
    """A kernel stopped at the tag with this index in its part."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class KeySorter:
    """Buffers that sort one batch of keys after another; owned by one aligner."""

    def __init__(self) -> None:
        self._keys: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._waiting: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._links: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._fill: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
        self._cells: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def ordered(
        self, held: Unsorted, tags: Unsorted, base_ps: int, bits: int, largest: int
    ) -> NDArray[np.int64]:
        """Return the keys of held and new tags in order, valid until the next call.

        A key is (shifted time - base_ps) << bits | label and at most `largest`.

        Raises:
            BadTagError: a new tag is out of order, or its channel does not exist.
        """
        size = held.times_ps.size + tags.times_ps.size
        shift = max(0, (3 * largest // (2 * size)).bit_length() - 1)  # about a tag per cell
        n_cells = (largest >> shift) + 1
        self._make_room(size, n_cells)
        filled = self._from_cells((held, tags), base_ps, bits, shift, n_cells)
        if filled is not None and _kernels.settle(self._keys[:filled], MOVES_PER_TAG * filled):
            return self._keys[:filled]
        # Tags in bursts, many to a cell.
        filled = 0
        for part in (held, tags):
            times_ps, channels, labels, offsets = part.packed(base_ps, bits)
            filled = _kernels.pack_keys(
                times_ps, channels, labels, offsets, bits, self._keys, filled
            )
        self._keys[:filled].sort()
        return self._keys[:filled]

    def __getstate__(self) -> dict[str, Any]:
        return {}  # the buffers hold nothing between calls

    def __setstate__(self, state: dict[str, Any]) -> None:
        KeySorter.__init__(self)

    def _make_room(self, size: int, n_cells: int) -> None:
        if self._keys.size < size + ROOM:
            self._keys = np.empty(size + size // 4 + ROOM, dtype=np.int64)
            self._waiting = np.empty(self._keys.size // WAITING_FRACTION, dtype=np.int64)
            self._links = np.empty(self._waiting.size, dtype=np.int32)
        if self._fill.size < n_cells:
            self._fill = np.empty(n_cells + n_cells // 4, dtype=np.uint8)
            self._cells = np.empty(self._fill.size * ROOM, dtype=np.int64)

    def _from_cells(
        self, parts: Iterable[Unsorted], base_ps: int, bits: int, shift: int, n_cells: int
    ) -> int | None:
        """Put the keys in order but for those of one cell; None if the cells are crowded."""
        fill = self._fill[:n_cells]
        fill.fill(0)
        chains = np.zeros(n_cells // CELLS_PER_CHAIN + 1, dtype=np.int32)
        waiting, links = self._waiting, self._links
        count = 0
        for part in parts:
            times_ps, channels, labels, offsets = part.packed(base_ps, bits)
            count, bad = _kernels.fill_cells(
                times_ps,
                channels,
                labels,
                offsets,
                bits,
                shift,
                fill,
                self._cells,
                chains,
                waiting,
                links,
                count,
            )
            if bad >= 0:
                raise BadTagError(bad)
        if count == waiting.size:
            return None
        return int(
            _kernels.empty_cells(shift, fill, self._cells, chains, waiting, links, self._keys)
        )
