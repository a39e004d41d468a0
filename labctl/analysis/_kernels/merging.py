"""Loops that put tags in order: merging of sorted streams, re-sorting of nearly sorted ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Labels = NDArray[Any]

#: Stands for a lateness beyond the range of the type.
FURTHEST_PS = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def merge_two(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    a_ps: Ints,
    a_channels: Labels,
    i: int,
    i_stop: int,
    b_ps: Ints,
    b_channels: Labels,
    j: int,
    j_stop: int,
    out_ps: Ints,
    out_channels: Labels,
    k: int,
) -> None:
    """Merge a[i:i_stop] and b[j:j_stop] to `out_*` from k on; at equal times a comes first.

    Which tag is next cannot be predicted: it is chosen by arithmetic instead of a branch.
    Unsigned places spare the loads the test for places counted from the end.
    """
    p, p_stop, q, q_stop = np.uint64(i), np.uint64(i_stop), np.uint64(j), np.uint64(j_stop)
    place, one = np.uint64(k), np.uint64(1)
    while p < p_stop and q < q_stop:
        for _ in range(min(p_stop - p, q_stop - q)):
            a, b = a_ps[p], b_ps[q]
            a_here, b_here = a_channels[p], b_channels[q]
            takes_b = np.uint64(b < a)
            chosen = -np.int64(takes_b)  # all bits or none
            out_ps[place] = a ^ ((a ^ b) & chosen)
            out_channels[place] = a_here ^ ((a_here ^ b_here) & chosen)
            q += takes_b
            p += one - takes_b
            place += one
    for m in range(p, p_stop):
        out_ps[place] = a_ps[m]
        out_channels[place] = a_channels[m]
        place += one
    for m in range(q, q_stop):
        out_ps[place] = b_ps[m]
        out_channels[place] = b_channels[m]
        place += one


@njit(cache=True, nogil=True)
def _merge_level(
    source_ps: Ints,
    source_channels: Labels,
    firsts: Ints,
    stops: Ints,
    runs: int,
    out_ps: Ints,
    out_channels: Labels,
    k: int,
) -> int:
    """Merge neighboring runs of a source two by two to `out_*` from k on; return their number.

    `firsts` and `stops` are overwritten with the limits of the merged runs.
    """
    merged = 0
    for run in range(0, runs, 2):
        i, i_stop = firsts[run], stops[run]
        j, j_stop = (firsts[run + 1], stops[run + 1]) if run + 1 < runs else (i_stop, i_stop)
        merge_two(
            source_ps,
            source_channels,
            i,
            i_stop,
            source_ps,
            source_channels,
            j,
            j_stop,
            out_ps,
            out_channels,
            k,
        )
        firsts[merged] = k
        k += (i_stop - i) + (j_stop - j)
        stops[merged] = k
        merged += 1
    return merged


@njit(cache=True, nogil=True)
def _take_runs(
    times_ps: Ints, starts: Ints, cursors: Ints, ends: Ints, batch: int, firsts: Ints, stops: Ints
) -> tuple[int, int]:
    """Move the cursors past about `batch` tags, up to one time; note the limits of each part.

    Returns:
        (number of parts, index of a tag before its predecessor or -1).
    """
    active = 0
    for r in range(cursors.size):
        active += cursors[r] < ends[r]
    share = max(batch // active, 16)
    limit_ps = np.iinfo(np.int64).max
    for r in range(cursors.size):
        if cursors[r] + share < ends[r]:
            limit_ps = min(limit_ps, times_ps[cursors[r] + share])
    parts = 0
    for r in range(cursors.size):
        i = cursors[r]
        while i < ends[r]:
            if i > starts[r] and times_ps[i] < times_ps[i - 1]:
                return parts, i
            if times_ps[i] > limit_ps:
                break
            i += 1
        if i > cursors[r]:
            firsts[parts] = cursors[r]
            stops[parts] = i
            parts += 1
            cursors[r] = i
    return parts, -1


@njit(cache=True, nogil=True)
def merge_runs(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    starts: Ints,
    ends: Ints,
    batch: int,
    spare_ps: Ints,
    spare_channels: Labels,
    out_ps: Ints,
    out_channels: Labels,
) -> int:
    """Merge the sorted runs starts[r] … ends[r] - 1 to `out_*`, at equal times in their order.

    Parts of all runs, about `batch` tags up to a common time, are merged two by two in a
    cache-sized part of spare (2, n), until one is left.

    Returns:
        index of the first tag that is before its predecessor in its run, or -1.
    """
    cursors = starts.copy()
    firsts = np.empty(starts.size, np.int64)
    stops = np.empty(starts.size, np.int64)
    written = 0
    while written < out_ps.size:
        parts, bad = _take_runs(times_ps, starts, cursors, ends, batch, firsts, stops)
        if bad >= 0:
            return bad
        here_ps, here_channels, side = times_ps, channels, 0
        is_last = False
        while not is_last:
            is_last = parts <= 2  # noqa: PLR2004 - the last two go to the output
            there_ps = out_ps if is_last else spare_ps[side]
            there_channels = out_channels if is_last else spare_channels[side]
            first = written if is_last else 0
            parts = _merge_level(
                here_ps, here_channels, firsts, stops, parts, there_ps, there_channels, first
            )
            here_ps, here_channels, side = there_ps, there_channels, 1 - side
        written = stops[0]
    return -1


@njit(cache=True, nogil=True)
def part_late(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    bound_ps: int,
    newest_ps: int,
    last_ps: int,
    largest_time_ps: int,
    out_ps: Ints,
    out_channels: Labels,
    filled: int,
    late: Ints,
) -> tuple[int, int, int, int, int, int]:
    """Append the tags at most bound_ps before the newest to `out_*`, in the order they came.

    The places of the others are written to `late`. newest_ps and last_ps are the latest time
    and the time of the last tag so far.

    Returns:
        (end of `out_*`, number of late tags, newest time, steps backward, largest lateness,
        index of a tag outside ±largest_time_ps or -1).
    """
    n_late = 0
    steps = 0
    largest_ps = 0
    for i in range(times_ps.size):
        now = times_ps[i]
        if not -largest_time_ps <= now <= largest_time_ps:
            return filled, n_late, newest_ps, steps, largest_ps, i
        steps += now < last_ps
        last_ps = now
        out_ps[filled] = now
        out_channels[filled] = channels[i]
        if now >= newest_ps:
            newest_ps = now
        else:
            lateness_ps = newest_ps - now
            largest_ps = max(largest_ps, lateness_ps if lateness_ps > 0 else FURTHEST_PS)
            if now < newest_ps - bound_ps:
                late[n_late] = i
                n_late += 1
                continue
        filled += 1
    return filled, n_late, newest_ps, steps, largest_ps, -1


@njit(cache=True, nogil=True)
def settle_tags(times_ps: Ints, channels: Labels, first: int, stop: int, budget: int) -> bool:
    """Insert tags first … stop - 1 into those before; return False after `budget` moves.

    Tags of one time stay in their order, also when the loop gives up.
    """
    moves = 0
    for i in range(max(first, 1), stop):
        now = times_ps[i]
        if now >= times_ps[i - 1]:
            continue
        here = channels[i]
        k = i
        while k > 0 and times_ps[k - 1] > now:
            times_ps[k] = times_ps[k - 1]
            channels[k] = channels[k - 1]
            k -= 1
        times_ps[k] = now
        channels[k] = here
        moves += i - k
        if moves > budget:
            return False
    return True
