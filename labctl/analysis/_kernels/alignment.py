"""Loops that shift channels by their delays and put the merged stream back in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis._kernels.lanes import (
    LANES,
    ONE,
    above,
    first_bad,
    highest_label,
    lowest,
    near,
    since,
)

Ints = NDArray[np.int64]
Labels = NDArray[Any]

#: Tags shifted before any is moved: a vector cannot be loaded at once from places just written.
CHUNK = 512


@njit(cache=True, nogil=True)
def _order(times_ps: Ints, channels: Labels, first: int, stop: int) -> int:
    """Insert the tags [first, stop) into the sorted ones before them; return the moves.

    64 tags at a time are compared with their predecessors; only those in the wrong place, or
    at the same time, are looked at one by one.
    """
    moves = 0
    i = max(first, 1)
    while i < stop:
        end = min(i + LANES, stop)
        start = max(end - LANES, 0)
        window = since(i, start, end)
        bits = window
        if start:
            bits &= near(times_ps, start, 1, 0)
        while bits:
            k = start + lowest(bits)
            bits &= bits - ONE
            now = times_ps[k]
            here = channels[k]
            j = k
            while j > 0 and (
                times_ps[j - 1] > now or (times_ps[j - 1] == now and channels[j - 1] > here)
            ):
                times_ps[j] = times_ps[j - 1]
                channels[j] = channels[j - 1]
                j -= 1
            if j < k:
                times_ps[j] = now
                channels[j] = here
                moves += k - j
                bits |= ONE << np.uint64(k - start) << ONE & window  # a new predecessor
        i = end
    return moves


@njit(cache=True, nogil=True)
def insert_shifted(
    times_ps: Ints,
    channels: Labels,
    advances_ps: Ints,
    labels: Ints,
    out_times_ps: Ints,
    out_channels: Labels,
    filled: Any,
    budget: int,
) -> tuple[int, int, bool]:
    """Insert shifted tags into the sorted `out_*[:filled]`, ordered by (time, label).

    A tag of channel c gets time + advances_ps[c] and labels[c]; a negative label drops it, and
    without one labels are channel numbers. Nearly sorted input costs about one comparison per
    tag. After `budget` moves the loop gives up, because the cost of insertion grows with the
    spread of the delays.

    Returns:
        (filled, index of the first tag not yet inserted, whether that tag is bad).
    """
    n = times_ps.size
    highest = highest_label(channels.itemsize, labels.size)
    keeps_all = labels.min() >= 0
    fresh = filled
    moves = 0
    i = 0
    while i < n and moves <= budget:
        end = min(i + LANES, n)
        if i and end - i == LANES:
            wrong = near(times_ps, i, 1, -1) | above(channels, i, highest)
            if wrong:
                return filled, i + lowest(wrong), True
        else:
            bad = first_bad(times_ps, channels, i, end, labels.size)
            if bad >= 0:
                return filled, bad, True
        place = np.uint64(filled)  # numba tests whether a signed index counts from the end
        if keeps_all:
            for k in range(np.uint64(i), np.uint64(end)):
                here = channels[k]
                out_times_ps[place] = times_ps[k] + advances_ps[here]
                out_channels[place] = here
                place += ONE
        else:
            for k in range(np.uint64(i), np.uint64(end)):
                here = channels[k]
                out_times_ps[place] = times_ps[k] + advances_ps[here]
                out_channels[place] = labels[here]
                place += np.uint64(labels[here] >= 0)
        filled = np.int64(place)
        i = end
        if i == n or filled - fresh >= CHUNK:
            moves += _order(out_times_ps, out_channels, fresh, filled)
            fresh = filled
    return filled, i, False


@njit(cache=True, nogil=True)
def place_by_channel(times_ps: Ints, channels: Labels, ends: Ints, out_ps: Ints) -> None:
    """Split a stream by channel: `ends` (channels,) starts as each channel's first place."""
    for i in range(times_ps.size):
        here = channels[i]
        out_ps[ends[here]] = times_ps[i]
        ends[here] += 1
