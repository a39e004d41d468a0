"""Loops over one merged stream in which a tag meets one partner: its stop, or its sync.

Which channel comes next cannot be predicted, so the first loop of each kind has no branch that
depends on it: the newest partner is carried along, the intervals are written one after another
and those of other channels are overwritten. Sorting them into bins is a loop of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Labels = NDArray[Any]


@njit(cache=True, nogil=True)
def first_bad_tag(times_ps: Ints, channels: Labels, n_channels: int) -> int:
    """Return the index of the first tag out of order or of an unknown channel, or -1."""
    is_bad = False
    for i in range(1, times_ps.size):
        is_bad |= times_ps[i] < times_ps[i - 1]
    for i in range(times_ps.size):
        is_bad |= channels[i] >= n_channels
    if is_bad:
        for i in range(times_ps.size):
            if channels[i] >= n_channels or (i > 0 and times_ps[i] < times_ps[i - 1]):
                return i
    return -1


@njit(cache=True, nogil=True)
def start_stop_intervals(
    times_ps: Ints, channels: Labels, start: int, stop: int, intervals_ps: Ints
) -> tuple[int, int, int]:
    """Write the time from each start to the first stop at or after it, another channel.

    The walk is backward, so that the first stop after a start is the newest one seen. Starts
    after the last stop are passed over. An interval that does not fit int64 comes out negative.

    Returns:
        (number of intervals, index of the last stop or -1, time of the first stop).
    """
    last = times_ps.size - 1
    while last >= 0 and channels[last] != stop:
        last -= 1
    if last < 0:
        return 0, -1, 0
    next_stop = times_ps[last]
    i = last
    while i + 1 < times_ps.size and times_ps[i + 1] == next_stop:
        i += 1
    filled = 0
    seen = next_stop
    while i >= 0:
        now = times_ps[i]
        here = channels[i]
        if now != seen and i > 0 and times_ps[i - 1] == now:
            next_stop = now if _ties_with(times_ps, channels, i, -1, stop) else next_stop
        seen = now
        next_stop = now if here == stop else next_stop
        intervals_ps[filled] = next_stop - now
        filled += here == start
        i -= 1
    return filled, last, next_stop


@njit(cache=True, nogil=True)
def sync_intervals(
    times_ps: Ints, channels: Labels, sync: int, channel: int, newest_ps: int, intervals_ps: Ints
) -> tuple[int, int, int]:
    """Write the time of each tag of `channel` since the sync at or before it, another channel.

    `newest_ps` is the newest sync before. An interval that does not fit int64 comes out negative.

    Returns:
        (number of intervals, number of syncs, newest sync).
    """
    filled = 0
    syncs = 0
    newest_sync = newest_ps
    seen = newest_ps
    for i in range(times_ps.size):
        now = times_ps[i]
        here = channels[i]
        if now != seen and i + 1 < times_ps.size and times_ps[i + 1] == now:
            newest_sync = now if _ties_with(times_ps, channels, i, 1, sync) else newest_sync
        seen = now
        newest_sync = now if here == sync else newest_sync
        intervals_ps[filled] = now - newest_sync
        filled += here == channel
        syncs += here == sync
    return filled, syncs, newest_sync


@njit(cache=True, nogil=True)
def _ties_with(times_ps: Ints, channels: Labels, i: int, step: int, channel: int) -> bool:
    """Return whether tag i shares its time with a tag of the channel, in the given direction."""
    j = i + step
    while 0 <= j < times_ps.size and times_ps[j] == times_ps[i]:
        if channels[j] == channel:
            return True
        j += step
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def bin_intervals(
    intervals_ps: Ints, reach_ps: int, period_ps: int, bin_ps: int, counts: Ints
) -> int:
    """Add the intervals up to reach_ps, modulo period_ps, to `counts`; return how many exceed it.

    Bins are centred on multiples of bin_ps; a negative interval is one that does not fit int64.
    """
    overflow = 0
    half = bin_ps // 2
    for interval in intervals_ps:
        if 0 <= interval <= reach_ps:
            phase = interval + half
            if phase >= period_ps:
                phase %= period_ps
            counts[phase // bin_ps] += 1
        else:
            overflow += 1
    return overflow
