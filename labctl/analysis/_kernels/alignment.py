"""Loops that shift channels by their delays and put the merged stream back in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Labels = NDArray[Any]


@njit(cache=True, nogil=True)
def insert_shifted(
    times_ps: Ints,
    channels: Labels,
    advances_ps: Ints,
    labels: Ints,
    out_times_ps: Ints,
    out_channels: Labels,
    filled: int,
    budget: int,
) -> tuple[int, int, bool]:
    """Insert shifted tags into the sorted `out_*[:filled]`, ordered by (time, label).

    A tag of channel c gets time + advances_ps[c] and labels[c]; a negative label drops it.
    Nearly sorted input costs one comparison per tag. After `budget` moves the loop gives up,
    because the cost of insertion grows with the spread of the delays.

    Returns:
        (filled, index of the first tag not yet inserted, whether that tag is bad).
    """
    n = times_ps.size
    previous = times_ps[0] if n else 0
    moves = 0
    for i in range(n):
        now = times_ps[i]
        here = channels[i]
        if here >= labels.size or now < previous:
            return filled, i, True
        previous = now
        label = labels[here]
        if label < 0:
            continue
        shifted = now + advances_ps[here]
        k = filled
        while k > 0 and (
            out_times_ps[k - 1] > shifted
            or (out_times_ps[k - 1] == shifted and out_channels[k - 1] > label)
        ):
            out_times_ps[k] = out_times_ps[k - 1]
            out_channels[k] = out_channels[k - 1]
            k -= 1
        out_times_ps[k] = shifted
        out_channels[k] = label
        moves += filled - k
        filled += 1
        if moves > budget:
            return filled, i + 1, False
    return filled, n, False


@njit(cache=True, nogil=True)
def place_shifted(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    advances_ps: Ints,
    labels: Ints,
    base_ps: int,
    bits: int,
    keys: Ints,
    held: int,
    shift: int,
    cells: Ints,
    placed: Ints,
) -> tuple[int, int]:
    """Put keys (shifted time - base_ps) << bits | label roughly in order, by counting.

    `keys[:held]` are there already; keys with equal key >> shift share one of `cells` and stay
    in the order of arrival.

    Returns:
        (number of keys in `placed`, index of the bad tag or -1).
    """
    cells[:] = 0
    for k in range(held):
        cells[keys[k] >> shift] += 1
    filled = held
    previous = times_ps[0] if times_ps.size else 0
    for i in range(times_ps.size):
        now = times_ps[i]
        here = channels[i]
        if here >= labels.size or now < previous:
            return filled, i
        previous = now
        label = labels[here]
        if label >= 0:
            key = ((now + advances_ps[here] - base_ps) << bits) | label
            place = key >> shift
            if not 0 <= place < cells.size:
                continue  # the cells reach to the last tag: an unsorted one follows
            keys[filled] = key
            cells[place] += 1
            filled += 1
    total = 0
    for place in range(cells.size):
        count = cells[place]
        cells[place] = total
        total += count
    for k in range(filled):
        place = keys[k] >> shift
        placed[cells[place]] = keys[k]
        cells[place] += 1
    return filled, -1


@njit(cache=True, nogil=True)
def settle(keys: Ints, budget: int) -> bool:
    """Finish the order of roughly ordered keys; return False after `budget` moves."""
    moves = 0
    for i in range(1, keys.size):
        key = keys[i]
        k = i
        while k > 0 and keys[k - 1] > key:
            keys[k] = keys[k - 1]
            k -= 1
        keys[k] = key
        moves += i - k
        if moves > budget:
            return False
    return True


@njit(cache=True, nogil=True)
def unpack(keys: Ints, base_ps: int, bits: int, out_times_ps: Ints, out_channels: Labels) -> None:
    """Write the times and labels of packed keys to `out_*`."""
    mask = (np.int64(1) << bits) - 1
    for i in range(keys.size):
        out_times_ps[i] = (keys[i] >> bits) + base_ps
        out_channels[i] = keys[i] & mask


@njit(cache=True, nogil=True)
def place_by_channel(times_ps: Ints, channels: Labels, ends: Ints, out_ps: Ints) -> None:
    """Split a stream by channel: `ends` (channels,) starts as each channel's first place."""
    for i in range(times_ps.size):
        here = channels[i]
        out_ps[ends[here]] = times_ps[i]
        ends[here] += 1
