"""quTAG records; layout in `labctl.tags.formats.qutag`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Records = NDArray[Any]

_BATCH = 64
_N_CHANNELS = np.uint16(21)


@njit(cache=True, nogil=True)
def _copy(records: Records, out_ps: Ints, channels: Bytes) -> tuple[int, int, bool]:
    """Copy every record; return the numbers of tags and markers, and whether all times fit."""
    n_tags = 0
    n_markers = 0
    bits = np.int64(0)
    for i in range(records.size):
        time_ps = records[i].time_ps
        number = np.uint16(records[i].channel)
        # Negative where the time is, or where the time is 2**63 - 1.
        bits |= time_ps | (time_ps + 1)
        out_ps[i] = time_ps
        channels[i] = np.uint8(number)
        n_tags += int(number < _N_CHANNELS)
        n_markers += int(np.uint16(number - np.uint16(100)) < np.uint16(5))
        n_markers += int(np.uint16(number - np.uint16(200)) < np.uint16(4))
    return n_tags, n_markers, bool(bits >= 0)


@njit(cache=True, nogil=True)
def decode_qutag(records: Records, out_ps: Ints, channels: Bytes) -> tuple[int, int, bool]:
    """Write time and channel of every tag; the outputs are as long as the records.

    Returns the numbers of tags and of markers, and whether every time is within 0 and
    2**63 - 2. Records that are neither tag nor marker are left out.
    """
    k = 0
    n_markers = 0
    all_fit = True
    for first in range(0, records.size, _BATCH):
        batch = records[first : first + _BATCH]
        n = batch.size
        here_ps, here = out_ps[k : k + n], channels[k : k + n]
        tags, markers, fit = _copy(batch, here_ps, here)
        if tags != n:
            place = np.uint64(0)
            for i in range(n):
                # What is no tag is overwritten by the next one.
                here_ps[place] = batch[i].time_ps
                here[place] = np.uint8(batch[i].channel)
                place += np.uint64(np.uint16(batch[i].channel) < _N_CHANNELS)
        k += tags
        n_markers += markers
        all_fit &= fit
    return k, n_markers, all_fit
