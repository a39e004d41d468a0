"""How many rows of an index are committed: all but the zeros that a dying writer left."""

from __future__ import annotations

from typing import Final

import h5py
import numpy as np

__all__ = ["committed_rows"]

_SLAB_ROWS: Final = 4096


def committed_rows(index: h5py.Dataset) -> int:
    """Return the number of rows up to the last one that is not all zero."""
    stop = int(index.shape[0])
    while stop:
        first = max(0, stop - _SLAB_ROWS)
        raw = index[first:stop].view(np.uint8).reshape(stop - first, index.dtype.itemsize)
        written = np.flatnonzero(raw.any(axis=1))
        if written.size:
            return first + int(written[-1]) + 1
        stop = first
    return 0
