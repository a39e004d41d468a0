"""Loops that count n-fold coincidences of one merged stream.

A tag can only be the last of an n-fold if the tag n - 1 places before it lies within the window.
Almost none does, so a chunk of tags is first asked as a whole, in a loop without branches that
the compiler turns into vector instructions; only a chunk that holds a candidate, or a bad tag,
is walked one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Labels = NDArray[Any]

#: Long enough to fill the vector units, short enough that few chunks hold a candidate.
CHUNK = 512


@njit(cache=True, nogil=True)
def count_folds(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    first: int,
    window_ps: int,
    rows: Ints,
    binomials: Ints,
    ranks: Ints,
    scratch: Ints,
    counts: Ints,
) -> int:
    """Add every n-fold whose last tag has an index of at least `first` to `counts` (patterns,).

    All combinations of tags of n different channels count that lie within window_ps.
    Channel c is in row rows[c], or in none if that is negative. `binomials` (rows, n + 1) holds
    the binomial coefficients; the pattern of rows r0 < r1 < … has the rank sum of
    binomials[ri, i + 1]. `ranks` are the sorted ranks of the wanted patterns; if it is empty, all
    are wanted and the rank is the place in `counts`. `scratch` (3, rows) is zero before and after.

    Returns:
        the index of the first bad tag, or -1.
    """
    n = times_ps.size
    back = binomials.shape[1] - 2
    for start in range(first, n, CHUNK):
        stop = min(start + CHUNK, n)
        if start >= back and not _holds_candidate(
            times_ps[start:stop],
            times_ps[start - 1 : stop - 1],
            times_ps[start - back : stop - back],
            channels[start:stop],
            rows.size,
            window_ps,
        ):
            continue
        for i in range(start, stop):
            now = times_ps[i]
            if channels[i] >= rows.size or (i > 0 and now < times_ps[i - 1]):
                return i
            if i >= back and times_ps[i - back] >= now - window_ps:
                _add_folds(
                    times_ps[: i + 1], channels, window_ps, rows, binomials, ranks, scratch, counts
                )
    return -1


@njit(cache=True, nogil=True)
def _holds_candidate(
    times_ps: Ints,
    one_before_ps: Ints,
    some_before_ps: Ints,
    channels: Labels,
    n_channels: int,
    window_ps: int,
) -> bool:
    """Return whether any tag is bad, or has enough tags before it within the window."""
    found = False
    for i in range(times_ps.size):
        now = times_ps[i]
        found |= (some_before_ps[i] >= now - window_ps) | (now < one_before_ps[i])
    for i in range(channels.size):
        found |= channels[i] >= n_channels
    return found


@njit(cache=True, nogil=True)
def _add_folds(
    times_ps: Ints,
    channels: Labels,
    window_ps: int,
    rows: Ints,
    binomials: Ints,
    ranks: Ints,
    scratch: Ints,
    counts: Ints,
) -> None:
    """Add the n-folds whose last tag is the last of `times_ps`."""
    near = scratch[0]
    active = scratch[1]
    i = times_ps.size - 1
    here = rows[channels[i]]
    if here < 0:
        return
    earliest = times_ps[i] - window_ps
    n_active = 0
    j = i - 1
    while j >= 0 and times_ps[j] >= earliest:
        other = rows[channels[j]]
        if other >= 0 and other != here:
            if near[other] == 0:  # keep the active rows in ascending order
                k = n_active
                while k > 0 and active[k - 1] > other:
                    active[k] = active[k - 1]
                    k -= 1
                active[k] = other
                n_active += 1
            near[other] += 1
        j -= 1
    if n_active >= binomials.shape[1] - 2:
        _add_patterns(here, near, active[:n_active], scratch[2], binomials, ranks, counts)
    for k in range(n_active):
        near[active[k]] = 0
        active[k] = 0


@njit(cache=True, nogil=True)
def _add_patterns(
    here: np.int64,
    near: Ints,
    active: Ints,
    picked: Ints,
    binomials: Ints,
    ranks: Ints,
    counts: Ints,
) -> None:
    """Add the patterns of `here` with each n - 1 of the active rows, near[r] tags each."""
    picks = binomials.shape[1] - 2
    for p in range(picks):
        picked[p] = p
    while True:
        product = 1
        rank = 0
        below = 0
        for p in range(picks):
            other = active[picked[p]]
            product *= near[other]
            if other < here:
                rank += binomials[other, p + 1]
                below += 1
            else:
                rank += binomials[other, p + 2]
        rank += binomials[here, below + 1]
        if ranks.size == 0:
            counts[rank] += product
        else:
            place = _count_up_to(ranks, rank) - 1
            if place >= 0 and ranks[place] == rank:
                counts[place] += product
        p = picks - 1
        while p >= 0 and picked[p] == active.size - picks + p:
            p -= 1
        if p < 0:
            picked[:picks] = 0
            return
        picked[p] += 1
        for q in range(p + 1, picks):
            picked[q] = picked[q - 1] + 1


@njit(cache=True, nogil=True)
def _count_up_to(ranks: Ints, rank: int) -> int:
    """Return how many of the sorted ranks are at most `rank` (np.searchsorted compiles slowly)."""
    low = 0
    high = ranks.size
    while low < high:
        middle = (low + high) // 2
        if ranks[middle] <= rank:
            low = middle + 1
        else:
            high = middle
    return low
