"""Detector patterns of four bits; meaning in `labctl.tags.formats.patterns`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_BATCH = 64
#: Two entries are written for each pattern, also for the last one.
SPARE = 2
_CLICKS = np.array([pattern.bit_count() for pattern in range(16)], np.uint8)
#: Number of the lowest set bit, counting from 1.
_LOWEST = np.array([0, *((pattern & -pattern).bit_length() for pattern in range(1, 16))], np.uint8)


@njit(cache=True, nogil=True)
def count_clicks(patterns: Bytes) -> tuple[int, int]:
    """Return the number of clicks, and of patterns that do not hold exactly one."""
    n_clicks = 0
    n_others = 0
    for i in range(patterns.size):
        pattern = patterns[i]
        clicks = (
            (pattern & np.uint8(1))
            + ((pattern >> np.uint8(1)) & np.uint8(1))
            + ((pattern >> np.uint8(2)) & np.uint8(1))
            + (pattern >> np.uint8(3))
        )
        n_clicks += clicks
        n_others += clicks != 1
    return n_clicks, n_others


@njit(cache=True, nogil=True)
def name_singles(patterns: Bytes, channels: Bytes) -> None:
    """Write the channels of patterns with one click: 1, 2, 4, 8 become 1, 2, 3, 4."""
    for i in range(patterns.size):
        pattern = patterns[i]
        channels[i] = pattern - (pattern >> np.uint8(2)) - (pattern >> np.uint8(3)) * np.uint8(2)


@njit(cache=True, nogil=True)
def _place_clicks(times_ps: Ints, patterns: Bytes, out_ps: Ints, channels: Bytes) -> None:
    """Write the clicks of each pattern; what is not needed is overwritten by the next one."""
    k = np.uint64(0)
    one = np.uint64(1)
    for i in range(patterns.size):
        pattern = patterns[i]
        rest = pattern & (pattern - np.uint8(1))
        time_ps = times_ps[i]
        out_ps[k] = time_ps
        out_ps[k + one] = time_ps
        channels[k] = _LOWEST[pattern]
        channels[k + one] = _LOWEST[rest]
        clicks = np.uint64(_CLICKS[pattern])
        if clicks > np.uint64(2):
            for place in range(k + np.uint64(2), k + clicks):
                rest &= rest - np.uint8(1)
                out_ps[place] = time_ps
                channels[place] = _LOWEST[rest]
        k += clicks


@njit(cache=True, nogil=True)
def expand(times_ps: Ints, patterns: Bytes, out_ps: Ints, channels: Bytes) -> None:
    """Write one tag per click; the outputs are longer by `SPARE` than `count_clicks` says."""
    k = 0
    for first in range(0, patterns.size, _BATCH):
        batch_ps = times_ps[first : first + _BATCH]
        batch = patterns[first : first + _BATCH]
        n_clicks, n_others = count_clicks(batch)
        if n_others == 0:
            out_ps[k : k + n_clicks] = batch_ps
            name_singles(batch, channels[k : k + n_clicks])
        else:
            _place_clicks(batch_ps, batch, out_ps[k:], channels[k:])
        k += n_clicks
