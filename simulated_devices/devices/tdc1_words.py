"""The 32-bit words of an S-Fifteen TDC1: what each step's clicks and each rollover look like.

Bits 31-5 are the time in steps of 2 ns, modulo 2^27; bits 3-0 say which inputs clicked in that
step; bit 4 marks a word without clicks, sent when the counter rolls over (pyS15,
usb_counter_fpga.py, commit ba5faee, read_timestamps_bin).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COUNTER_STEPS",
    "RESOLUTION_PS",
    "Words",
    "patterns",
    "swapped",
    "words",
]

RESOLUTION_PS = 2000
COUNTER_STEPS = 1 << 27
_MARKER = np.uint32(0x10)

Words = NDArray[np.uint32]


def patterns(
    times_ps: NDArray[np.int64], channels: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return each step with a click once, and the inputs that clicked in it as bits."""
    if not times_ps.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32)
    steps = times_ps // RESOLUTION_PS
    is_first = np.concatenate(([True], steps[1:] != steps[:-1]))
    bits = np.left_shift(1, channels.astype(np.int64) - 1)
    found = np.bitwise_or.reduceat(bits, np.flatnonzero(is_first))
    return steps[is_first], found.astype(np.uint32)


def words(
    times_ps: NDArray[np.int64], channels: NDArray[np.uint8], span_ps: tuple[int, int]
) -> Words:
    """Return the words of an interval: clicks, and a marker at each rollover of the counter."""
    steps, found = patterns(times_ps, channels)
    first, stop = (-(-end_ps // RESOLUTION_PS) for end_ps in span_ps)
    rollovers = np.arange(
        -(-first // COUNTER_STEPS) * COUNTER_STEPS, stop, COUNTER_STEPS, dtype=np.int64
    )
    counters = (steps % COUNTER_STEPS).astype(np.uint32)
    clicks = (counters << np.uint32(5)) | found
    places = np.searchsorted(steps, rollovers)
    return np.insert(clicks, places, np.full(rollovers.size, _MARKER)).astype("<u4")


def swapped(sent: Words, count: int, disorder_steps: int) -> Words:
    """Return the words with the two halves of a block of clicks in the wrong order.

    The block has up to `count` words, begins at the first click, holds no marker and spans
    less than `disorder_steps`. Unchanged where fewer than two words are such a block.
    """
    is_click = (sent & _MARKER) == 0
    clicks = np.flatnonzero(is_click)
    if not clicks.size:
        return sent
    first = int(clicks[0])
    markers = np.flatnonzero(~is_click[first:])
    stop = min(first + count, first + int(markers[0]) if markers.size else sent.size)
    counters = (sent[first:stop] >> np.uint32(5)).astype(np.int64)
    stop = first + int(np.searchsorted(counters, counters[0] + disorder_steps))
    middle = (first + stop) // 2
    return np.concatenate((sent[:first], sent[middle:stop], sent[first:middle], sent[stop:]))
