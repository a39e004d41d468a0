"""Counting loops over one merged stream in time order.

Each tag looks back at the tags before it until they lie too far in the past: one pass serves
all channel pairs. `tail_*` are the last tags of the batches before, so any split into batches
counts every pair once. A batch begins with the tags within reach of its first one: they also
meet each other and the tail; from then on the look-back ends inside the batch, unchecked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Labels = NDArray[Any]


@njit(cache=True, nogil=True)
def count_singles(times_ps: Ints, channels: Labels, n_channels: int, counts: Ints) -> int:
    """Add the tags of each channel to `counts` (n_channels,)."""
    n = times_ps.size
    previous = times_ps[0] if n else 0
    for i in range(n):
        here = channels[i]
        now = times_ps[i]
        if here >= n_channels or now < previous:
            return i
        previous = now
        counts[here] += 1
    return -1


@njit(cache=True, nogil=True)
def count_matrix(
    times_ps: Ints,
    channels: Labels,
    n_channels: int,
    half_ps: int,
    tail_times_ps: Ints,
    tail_channels: Labels,
    counts: Ints,
) -> int:
    """Add every pair with separation <= half_ps to `counts` (n_channels²,), [later, earlier]."""
    n = times_ps.size
    if n == 0:
        return -1
    first = times_ps[0]
    previous = first
    i = 0
    while i < n and times_ps[i] - half_ps <= first:
        now = times_ps[i]
        here = channels[i]
        if here >= n_channels or now < previous:
            return i
        previous = now
        row = np.int64(here) * n_channels
        earliest = now - half_ps
        for j in range(i):
            counts[row + channels[j]] += 1
        j = tail_times_ps.size - 1
        while j >= 0 and tail_times_ps[j] >= earliest:
            counts[row + tail_channels[j]] += 1
            j -= 1
        i += 1
    for k in range(i, n):
        now = times_ps[k]
        here = channels[k]
        if here >= n_channels or now < previous:
            return k
        previous = now
        earliest = now - half_ps
        j = k - 1
        if times_ps[j] >= earliest:
            row = np.int64(here) * n_channels
            while times_ps[j] >= earliest:
                counts[row + channels[j]] += 1
                j -= 1
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _add_lag(
    lag_ps: int, later: int, earlier: int, slots: Labels, reach_ps: int, bin_ps: int, counts: Ints
) -> None:
    """Add one pair of tags to the histograms of (earlier, later) and of (later, earlier)."""
    forward = slots[earlier, later]
    if forward >= 0:
        place = (reach_ps + lag_ps) // bin_ps
        # The last bin is open above: with an even bin a lag of reach_ps lies outside.
        if place < counts.shape[1]:
            counts[forward, place] += 1
    backward = slots[later, earlier]
    if backward >= 0:
        counts[backward, (reach_ps - lag_ps) // bin_ps] += 1


@njit(cache=True, nogil=True)
def count_lags(
    times_ps: Ints,
    channels: Labels,
    slots: Labels,
    reach_ps: int,
    bin_ps: int,
    tail_times_ps: Ints,
    tail_channels: Labels,
    counts: Ints,
) -> int:
    """Add all lags within reach_ps to `counts` (pairs, bins); slots[a, b] is the row or -1."""
    n = times_ps.size
    if n == 0:
        return -1
    first = times_ps[0]
    previous = first
    i = 0
    while i < n and times_ps[i] - reach_ps <= first:
        now = times_ps[i]
        here = channels[i]
        if here >= slots.shape[0] or now < previous:
            return i
        previous = now
        earliest = now - reach_ps
        for j in range(i):
            _add_lag(now - times_ps[j], here, channels[j], slots, reach_ps, bin_ps, counts)
        j = tail_times_ps.size - 1
        while j >= 0 and tail_times_ps[j] >= earliest:
            lag = now - tail_times_ps[j]
            _add_lag(lag, here, tail_channels[j], slots, reach_ps, bin_ps, counts)
            j -= 1
        i += 1
    for k in range(i, n):
        now = times_ps[k]
        here = channels[k]
        if here >= slots.shape[0] or now < previous:
            return k
        previous = now
        earliest = now - reach_ps
        j = k - 1
        while times_ps[j] >= earliest:
            _add_lag(now - times_ps[j], here, channels[j], slots, reach_ps, bin_ps, counts)
            j -= 1
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
