"""Loops that put packed keys of shifted tags in order by way of cells of about one tag each.

Every cell has room for a few keys, so a key finds its place in one pass without counting the
cells first; the rare keys beyond that wait in chains. Each channel goes through the cells in
order, so few lines of memory are in use at a time, however long the delays.
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
    copy_four,
    first_bad,
    highest_label,
    lowest,
    near,
    since,
)

Ints = NDArray[np.int64]
Labels = NDArray[Any]
Counts = NDArray[np.uint8]
Links = NDArray[np.int32]

#: Keys that a cell holds; of cells with one tag on average 0.4 % need more.
ROOM = 4
#: log2 of the number of cells that share a chain of waiting keys.
CHAIN_SHIFT = 6


@njit(cache=True, nogil=True)
def pack_keys(
    times_ps: Ints,
    channels: Labels,
    labels: Ints,
    offsets: Ints,
    bits: int,
    keys: Ints,
    filled: int,
) -> int:
    """Append the keys (time << bits) + offsets[channel] of tags to keys[:filled].

    A channel with a negative label is dropped. The tags were checked. Returns the number of keys.
    """
    for i in range(times_ps.size):
        here = channels[i]
        if labels[here] >= 0:
            keys[filled] = (times_ps[i] << bits) + offsets[here]
            filled += 1
    return filled


@njit(cache=True, nogil=True)
def fill_cells(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    labels: Ints,
    offsets: Ints,
    bits: int,
    shift: int,
    fill: Counts,
    cells: Ints,
    chains: Links,
    waiting: Ints,
    links: Links,
    count: int,
) -> tuple[int, int]:
    """Put the keys of tags, as `pack_keys` makes them, into the cells key >> shift.

    A key whose cell is full waits: those of a chain begin at waiting[chains[chain]], where
    waiting[k] is followed by waiting[links[k]], and index 0 ends a chain. `count` wait already.

    Returns:
        (number of waiting keys, or that of the places if there are too few; index of the bad
        tag or -1).
    """
    keeps_all = labels.min() >= 0
    n = times_ps.size
    highest = highest_label(channels.itemsize, labels.size)
    first = 0
    while first < n:
        stop = min(first + LANES, n)
        if first and stop - first == LANES:
            wrong = near(times_ps, first, 1, -1) | above(channels, first, highest)
            if wrong:
                return count, first + lowest(wrong)
        else:
            bad = first_bad(times_ps, channels, first, stop, labels.size)
            if bad >= 0:
                return count, bad
        for i in range(np.uint64(first), np.uint64(stop)):
            here = channels[i]
            if not keeps_all and labels[here] < 0:
                continue
            key = (times_ps[i] << bits) + offsets[here]
            cell = np.uint64(key >> shift)
            held = fill[cell]
            if held < ROOM:
                cells[cell * np.uint64(ROOM) + np.uint64(held)] = key
                fill[cell] = held + np.uint8(1)
                continue
            fill[cell] = ROOM + 1
            if count + 1 >= waiting.size:
                count = waiting.size
                continue  # the other tags are still checked
            count += 1
            waiting[count] = key
            chain = cell >> np.uint64(CHAIN_SHIFT)
            links[count] = chains[chain]
            chains[chain] = count
        first = stop
    return count, -1


@njit(cache=True, nogil=True)
def empty_cells(
    shift: int, fill: Counts, cells: Ints, chains: Links, waiting: Ints, links: Links, keys: Ints
) -> int:
    """Write the keys of all cells to `keys`, in order but for those of one cell.

    `keys` has room for ROOM more than there are.
    """
    filled: Any = np.uint64(0)
    for cell in range(fill.size):
        # All places are copied, also empty ones: that is faster than asking which are full.
        copy_four(cells, np.uint64(cell) * np.uint64(ROOM), keys, filled)
        if fill[cell] <= ROOM:
            filled += np.uint64(fill[cell])
            continue
        filled += np.uint64(ROOM)
        k = chains[cell >> CHAIN_SHIFT]
        while k > 0:
            if waiting[k] >> shift == cell:
                keys[filled] = waiting[k]
                filled += ONE
            k = links[k]
    return np.int64(filled)  # type: ignore[return-value]


@njit(cache=True, nogil=True)
def settle(keys: Ints, budget: int) -> bool:
    """Finish the order of roughly ordered keys; return False after `budget` moves."""
    moves = 0
    i = 1
    while i < keys.size and moves <= budget:
        end = min(i + LANES, keys.size)
        start = max(end - LANES, 0)
        window = since(i, start, end)
        bits = window
        if start:
            bits &= near(keys, start, 1, -1)
        while bits:
            k = start + lowest(bits)
            bits &= bits - ONE
            key = keys[k]
            j = k
            while j > 0 and keys[j - 1] > key:
                keys[j] = keys[j - 1]
                j -= 1
            if j < k:
                keys[j] = key
                moves += k - j
                bits |= ONE << np.uint64(k - start) << ONE & window  # a new predecessor
        i = end
    return moves <= budget


@njit(cache=True, nogil=True)
def unpack(keys: Ints, base_ps: int, bits: int, out_times_ps: Ints, out_channels: Labels) -> None:
    """Write the times and labels of packed keys to `out_*`."""
    mask = (np.int64(1) << bits) - 1
    for i in range(keys.size):
        out_times_ps[i] = (keys[i] >> bits) + base_ps
        out_channels[i] = keys[i] & mask
