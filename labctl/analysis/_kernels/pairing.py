"""Loops that use each tag at most once: pairs with their indices, and n-fold coincidences.

A tag farther than the window from both of its neighbors in the stream takes part in nothing
and is passed over early; pairs of channels with different delays cannot be told so.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis._kernels.lanes import ALL, LANES, ONE, equal, first_bad, lowest, near, ones

Ints = NDArray[np.int64]
Labels = NDArray[Any]

NONE = np.uint64(0)
#: From so many chosen tags of 64 on, it is faster to go through all of them.
DENSE = 20


@njit(cache=True, nogil=True)
def queue_pair(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    start: int,
    stop: int,
    delays_ps: Ints,
    a: int,
    b: int,
    half_ps: int,
    offset: int,
    a_queue: Ints,
    a_filled: int,
    b_queue: Ints,
    b_filled: int,
) -> tuple[int, int, int]:
    """Append the tags start … stop - 1 of channels a and b to their queues (2, size).

    A queue holds times, the delays subtracted, and indices offset + place. A tag that pairs
    with none is left out where that shows in passing: with equal delays, if both of its
    neighbors in the stream lie out of reach. For a = b all go to the queue of a.

    Returns:
        (end of a's queue, end of b's queue, index of the bad tag or -1).
    """
    is_common = delays_ps[a] == delays_ps[b]
    labels = 1 << 8 * channels.itemsize
    a_delay_ps, b_delay_ps = delays_ps[a], delays_ps[b]
    p, q, one = np.uint64(a_filled), np.uint64(b_filled), np.uint64(a != b)
    bad = first_bad(times_ps, channels, start, stop, delays_ps.size)
    i = start
    while i < stop and bad < 0:
        end = min(i + LANES, stop)
        bits = ALL >> np.uint64(LANES - (end - i))
        if end - i == LANES:
            of_a = equal(channels, i, a) if a < labels else NONE
            of_b = equal(channels, i, b) if b < labels else NONE
            bits = of_a | of_b
            if is_common and i > 0 and end < times_ps.size:
                bits &= near(times_ps, i, 1, half_ps) | near(times_ps, i + 1, 1, half_ps)
        is_dense = ones(bits) > DENSE
        k = i + lowest(bits) if bits else end
        while k < end:
            here = channels[k]
            # Written over unless it counts: no branch on the channel, which is unpredictable.
            a_queue[0, p] = times_ps[k] - a_delay_ps
            b_queue[0, q] = times_ps[k] - b_delay_ps
            a_queue[1, p] = b_queue[1, q] = offset + k
            p += np.uint64(here == a)
            q += np.uint64(here == b) & one
            if is_dense:
                k += 1
            else:
                bits &= bits - ONE
                k = i + lowest(bits) if bits else end
        i = end
    return int(p), int(q), bad


@njit(cache=True, nogil=True)
def pair_fronts(
    a_queue: Ints, a_filled: int, b_queue: Ints, b_filled: int, half_ps: int, found: Ints
) -> tuple[int, int, int]:
    """Pair the oldest tags of both queues, write their indices to `found` (2, size).

    If the fronts are within the window they are what the walk in time order pairs next, else
    the older one can find no partner. Both steps are taken by arithmetic, without a branch.

    Returns:
        (pairs, used of a, used of b).
    """
    i, j, pairs = np.uint64(0), np.uint64(0), np.uint64(0)
    a_stop, b_stop = np.uint64(a_filled), np.uint64(b_filled)
    while i < a_stop and j < b_stop:
        for _ in range(min(a_stop - i, b_stop - j)):
            a_ps = a_queue[0, i]
            b_ps = b_queue[0, j]
            found[0, pairs] = a_queue[1, i]
            found[1, pairs] = b_queue[1, j]
            a_goes = np.uint64(a_ps <= b_ps + half_ps)
            b_goes = np.uint64(b_ps <= a_ps + half_ps)
            i += a_goes
            j += b_goes
            pairs += a_goes & b_goes
    return int(pairs), int(i), int(j)


@njit(cache=True, nogil=True)
def pair_within(queue: Ints, filled: int, half_ps: int, found: Ints) -> tuple[int, int]:
    """Pair the tags of one queue, each with the next one, write their indices to `found`.

    Returns:
        (pairs, used).
    """
    pairs = 0
    i = 0
    while i + 1 < filled:
        found[0, pairs] = queue[1, i]
        found[1, pairs] = queue[1, i + 1]
        is_pair = int(queue[0, i] >= queue[0, i + 1] - half_ps)
        pairs += is_pair
        i += 1 + is_pair
    return pairs, i


@njit(cache=True, nogil=True)
def complete_folds(  # noqa: C901, PLR0913, PLR0917 - one loop, its arrays one by one
    times_ps: Ints,
    channels: Labels,
    start: int,
    members: Ints,
    slots: Ints,
    span_ps: int,
    queues_ps: Ints,
    heads: Ints,
    sizes: Ints,
    found: int,
    out_ps: Ints,
) -> tuple[int, int]:
    """Write to `out_ps` the time of each tag that completes a coincidence of all members.

    slots (channels,) is a channel's place in `members` or -1; queues_ps (members, a power of
    two) are rings of unused tags. The completing tag and the oldest of each other are used up.

    Returns:
        (tags handled, fewer than all if the next one needs larger rings; coincidences).
    """
    n = times_ps.size
    mask = queues_ps.shape[1] - 1
    i = start
    while i < n:
        end = min(i + LANES, n)
        bits = ALL >> np.uint64(LANES - (end - i))
        if i > 0 and i + LANES < n:
            bits = NONE
            for member in members:
                bits |= equal(channels, i, member)
            bits &= near(times_ps, i, 1, span_ps) | near(times_ps, i + 1, 1, span_ps)
        while bits:
            k = i + lowest(bits)
            bits &= bits - ONE
            slot = slots[channels[k]]
            if slot < 0:
                continue
            now = times_ps[k]
            is_complete = True
            for m in range(members.size):
                while sizes[m] > 0 and queues_ps[m, heads[m]] < now - span_ps:
                    heads[m] = (heads[m] + 1) & mask
                    sizes[m] -= 1
                if m != slot and sizes[m] == 0:
                    is_complete = False
            if is_complete:
                for m in range(members.size):
                    if m != slot:
                        heads[m] = (heads[m] + 1) & mask
                        sizes[m] -= 1
                out_ps[found] = now
                found += 1
                continue
            if sizes[slot] > mask:
                return k, found
            queues_ps[slot, (heads[slot] + sizes[slot]) & mask] = now
            sizes[slot] += 1
        i = end
    return n, found
