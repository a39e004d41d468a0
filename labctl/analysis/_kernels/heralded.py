"""Loops that count triples around heralds.

First the tags of the three roles are picked out without a branch, because which channel comes
next cannot be predicted; then each herald looks both ways, mostly to find nobody.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Labels = NDArray[Any]

HERALD, A, B = range(3)


@njit(cache=True, nogil=True)
def pick_roles(
    times_ps: Ints,
    channels: Labels,
    roles: Labels,
    out_times_ps: Ints,
    out_roles: Labels,
    heralds: Ints,
    filled: Ints,
) -> None:
    """Append the tags with a role to `out_*`, and where the heralds are to `heralds`.

    roles[c] is 0, 1 or 2 for herald, a and b, and larger for all other channels. `filled` (2,)
    says how far `out_*` and `heralds` are filled; both need room for all tags.
    """
    kept = filled[0]
    n_heralds = filled[1]
    for i in range(times_ps.size):
        role = roles[channels[i]]
        out_times_ps[kept] = times_ps[i]
        out_roles[kept] = role
        heralds[n_heralds] = kept
        kept += role <= B
        n_heralds += role == HERALD
    filled[0] = kept
    filled[1] = n_heralds


@njit(cache=True, nogil=True)
def count_heralded(
    times_ps: Ints, roles: Labels, heralds: Ints, lags_ps: Ints, half_ps: int, steps: Ints
) -> int:
    """Count a and b around each herald; return the pairs of herald and a.

    A tag of b serves a run of the sorted `lags_ps`; `steps` (2, lags + 1) holds where the counts
    rise and fall, row 0 for triples and row 1 for pairs of herald and b.
    """
    pairs = 0
    for i in heralds:
        herald = times_ps[i]
        near = 0
        j = i - 1
        while j >= 0 and times_ps[j] >= herald - half_ps:
            near += roles[j] == A
            j -= 1
        j = i + 1
        while j < times_ps.size and times_ps[j] <= herald + half_ps:
            near += roles[j] == A
            j += 1
        pairs += near
        earliest = herald + lags_ps[0] - half_ps
        j = i - 1
        while j >= 0 and times_ps[j] >= earliest:
            if roles[j] == B:
                _add_lag(times_ps[j] - herald, near, lags_ps, half_ps, steps)
            j -= 1
        latest = herald + lags_ps[-1] + half_ps
        j = i + 1
        while j < times_ps.size and times_ps[j] <= latest:
            if roles[j] == B:
                _add_lag(times_ps[j] - herald, near, lags_ps, half_ps, steps)
            j += 1
    return pairs


@njit(cache=True, nogil=True)
def _add_lag(lag_ps: int, near: int, lags_ps: Ints, half_ps: int, steps: Ints) -> None:
    """Add a pair of herald and b to the lags whose window holds it."""
    rise = _count_below(lags_ps, lag_ps - half_ps)
    if rise < lags_ps.size and lags_ps[rise] <= lag_ps + half_ps:
        fall = _count_below(lags_ps, lag_ps + half_ps + 1)
        steps[0, rise] += near
        steps[0, fall] -= near
        steps[1, rise] += 1
        steps[1, fall] -= 1


@njit(cache=True, nogil=True)
def _count_below(lags_ps: Ints, bound_ps: int) -> int:
    """Return how many of the sorted lags are below the bound."""
    low = 0
    size = lags_ps.size
    while size > 1:
        half = size // 2
        low += half if lags_ps[low + half - 1] < bound_ps else 0
        size -= half
    return low + (1 if lags_ps[low] < bound_ps else 0)
