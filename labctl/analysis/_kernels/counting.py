"""Counting loops over one merged stream in time order.

Each tag looks back at the tags before it until they lie too far in the past: one pass serves
all channel pairs. Tags before index `first` were counted before: they are only looked back at,
so any split of a stream counts every pair once. 64 tags at a time are checked for order and
channel numbers and compared with their predecessor; only those within reach of it look back
tag by tag. The last 64 tags overlap those done before, whose bits are cleared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis._kernels.lanes import (
    LANES,
    ONE,
    above,
    equal,
    first_bad,
    highest_label,
    lowest,
    near,
    ones,
    since,
)

Ints = NDArray[np.int64]
Labels = NDArray[Any]


@njit(cache=True, nogil=True)
def count_singles(times_ps: Ints, channels: Labels, n_channels: int, counts: Ints) -> int:
    """Add the tags of each channel to `counts` (n_channels,)."""
    n = times_ps.size
    bad = first_bad(times_ps, channels, 0, n, n_channels)
    if bad >= 0:
        return bad
    i = 0
    if n_channels <= LANES // 2:  # one comparison per channel serves 64 tags
        while i + LANES <= n:
            for channel in range(n_channels):
                counts[channel] += ones(equal(channels, i, channel))
            i += LANES
    while i < n:
        counts[channels[i]] += 1
        i += 1
    return -1


@njit(cache=True, nogil=True)
def count_matrix(
    times_ps: Ints, channels: Labels, first: int, n_channels: int, half_ps: int, counts: Ints
) -> int:
    """Add every pair with separation <= half_ps to `counts` (n_channels²,), [later, earlier]."""
    n = times_ps.size
    highest = highest_label(channels.itemsize, n_channels)
    if first == 0 and n and channels[0] >= n_channels:
        return 0
    i = max(first, 1)
    while i < n:
        end = min(i + LANES, n)
        start = max(end - LANES, 0)
        bits = since(i, start, end)
        if start:
            bad = near(times_ps, start, 1, -1) | above(channels, start, highest)
            if bad:
                return start + lowest(bad)
            bits &= near(times_ps, start, 1, half_ps)
        else:
            k = first_bad(times_ps, channels, i, end, n_channels)
            if k >= 0:
                return k
        while bits:
            k = start + lowest(bits)
            bits &= bits - ONE
            row = np.int64(channels[k]) * n_channels
            earliest = times_ps[k] - half_ps
            j = k - 1
            while j >= 0 and times_ps[j] >= earliest:
                counts[row + channels[j]] += 1
                j -= 1
        i = end
    return -1


@njit(cache=True, nogil=True)
def count_partners(
    times_ps: Ints,
    channels: Labels,
    half_ps: int,
    first_partner: Ints,
    partners: Ints,
    slots: Ints,
    latest_ps: Ints,
    counts: Ints,
) -> int:
    """Add to counts[slot] each tag with an earlier partner tag at most half_ps before it.

    The partners of channel c are partners[first_partner[c]:first_partner[c + 1]];
    latest_ps (channels,) is the newest time of each channel and carries over.
    """
    n = times_ps.size
    previous = times_ps[0] if n else 0
    for i in range(n):
        now = times_ps[i]
        here = channels[i]
        if here >= latest_ps.size or now < previous:
            return i
        previous = now
        for k in range(first_partner[here], first_partner[here + 1]):
            if latest_ps[partners[k]] >= now - half_ps:
                counts[slots[k]] += 1
        latest_ps[here] = now
    return -1


@njit(cache=True, nogil=True)
def pair_one_to_one(a_ps: Ints, b_ps: Ints, half_ps: int) -> tuple[int, int, int]:
    """Pair each tag at most once, the oldest first; return (pairs, used of a, used of b).

    The fronts of both streams are the oldest unpaired tags. If they are within the window
    they are what the walk in time order pairs next, else the older one can find no partner.
    """
    pairs = 0
    i = 0
    j = 0
    while i < a_ps.size and j < b_ps.size:
        a = a_ps[i]
        b = b_ps[j]
        if a < b - half_ps:
            i += 1
        elif b < a - half_ps:
            j += 1
        else:
            pairs += 1
            i += 1
            j += 1
    return pairs, i, j


@njit(cache=True, nogil=True)
def pair_neighbors(times_ps: Ints, half_ps: int) -> tuple[int, int]:
    """Pair the tags of one channel with each other, each at most once; return (pairs, used)."""
    pairs = 0
    i = 0
    while i + 1 < times_ps.size:
        if times_ps[i] >= times_ps[i + 1] - half_ps:
            pairs += 1
            i += 2
        else:
            i += 1
    return pairs, i
