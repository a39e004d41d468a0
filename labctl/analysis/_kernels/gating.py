"""Loops that choose tags of one stream: those inside gates, and those of one channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis._kernels.lanes import LANES, ONE, equal, first_bad, lowest

Ints = NDArray[np.int64]
Labels = NDArray[Any]

#: Tags are checked and then used while they are in the cache.
PART = 4096


@njit(cache=True, nogil=True)
def gate_mask(  # noqa: C901, PLR0912 - one loop; calls that pass arrays would cost tags
    times_ps: Ints,
    channels: Labels,
    n_channels: int,
    open_channel: int,
    close_channel: int,
    open_since_ps: int,
    is_open: bool,  # noqa: FBT001 - the state that carries over, not a switch
    kept: NDArray[np.bool_],
) -> tuple[int, int, bool, int]:
    """Write to `kept` which tags lie inside gates; the gate was open since `open_since_ps`.

    Returns:
        (open time of the gates that closed, when the open gate opened, whether one is open,
        index of the bad tag or -1).
    """
    open_ps = 0
    since_ps = open_since_ps
    labels = 1 << 8 * channels.itemsize
    i = 0
    while i < times_ps.size:
        if i % PART == 0:
            part_stop = min(i + PART, times_ps.size)
            bad = first_bad(times_ps, channels, i, part_stop, n_channels)
            if bad >= 0:
                return open_ps, since_ps, is_open, bad
        stop = min(i + LANES, times_ps.size)
        marked = np.uint64(0)
        if stop - i == LANES:
            if open_channel < labels:
                marked |= equal(channels, i, open_channel)
            if close_channel < labels:
                marked |= equal(channels, i, close_channel)
        else:
            for k in range(i, stop):
                if channels[k] == open_channel or channels[k] == close_channel:
                    marked |= ONE << np.uint64(k - i)
        filled = i
        while marked:
            place = i + lowest(marked)
            marked &= marked - ONE
            for k in range(filled, place):
                kept[k] = is_open
            filled = place
            opens = channels[place] == open_channel
            if opens and not is_open:
                since_ps = times_ps[place]
            elif is_open and not opens:
                open_ps += times_ps[place] - since_ps
            is_open = opens
        for k in range(filled, stop):
            kept[k] = is_open
        i = stop
    return open_ps, since_ps, is_open, -1


@njit(cache=True, nogil=True)
def pick_channel(times_ps: Ints, channels: Labels, channel: int, out_ps: Ints) -> int:
    """Write the times of a channel, which fits their type, to `out_ps`; return their number."""
    count = 0
    i = 0
    while i + LANES <= times_ps.size:
        bits = equal(channels, i, channel)
        while bits:
            out_ps[count] = times_ps[i + lowest(bits)]
            bits &= bits - ONE
            count += 1
        i += LANES
    while i < times_ps.size:
        if channels[i] == channel:
            out_ps[count] = times_ps[i]
            count += 1
        i += 1
    return count
