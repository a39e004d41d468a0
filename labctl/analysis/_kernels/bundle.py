"""Singles, coincidences and lags counted in one pass, in the way of `counting`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis._kernels.lags import quotient
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
def _add_singles(channels: Labels, start: int, n_channels: int, window: Any, singles: Ints) -> None:
    """Add those of 64 tags whose bit is set in `window`."""
    if n_channels <= LANES // 2:  # one comparison per channel serves 64 tags
        for channel in range(n_channels):
            singles[channel] += ones(equal(channels, start, channel) & window)
    else:
        while window:
            singles[channels[start + lowest(window)]] += 1
            window &= window - ONE


@njit(cache=True, nogil=True, error_model="numpy")
def count_bundle(  # noqa: C901, PLR0912, PLR0913, PLR0917 - arrays one by one, and no calls
    times_ps: Ints,
    channels: Labels,
    first: int,
    n_channels: int,
    half_ps: int,
    rules: Ints,
    reach_ps: int,
    bin_ps: int,
    singles: Ints,
    matrix: Ints,
    lags: Ints,
) -> int:
    """Count singles (n_channels,), pairs as `count_matrix` and lags as `count_lags`."""
    n = times_ps.size
    highest = highest_label(channels.itemsize, n_channels)
    reciprocal = 1.0 / bin_ps
    farthest_ps = max(half_ps, reach_ps)
    i = first
    if first == 0 and n:
        if channels[0] >= n_channels:
            return 0
        singles[channels[0]] += 1
        i = 1
    while i < n:
        end = min(i + LANES, n)
        start = max(end - LANES, 0)
        bits = since(i, start, end)
        if start:
            bad = near(times_ps, start, 1, -1) | above(channels, start, highest)
            if bad:
                return start + lowest(bad)
            _add_singles(channels, start, n_channels, bits, singles)
            bits &= near(times_ps, start, 1, farthest_ps)
        else:
            k = first_bad(times_ps, channels, i, end, n_channels)
            if k >= 0:
                return k
            for k in range(i, end):
                singles[channels[k]] += 1
        while bits:
            k = start + lowest(bits)
            bits &= bits - ONE
            now = times_ps[k]
            here = np.int64(channels[k])
            j = k - 1
            while j >= 0 and times_ps[j] >= now - farthest_ps:
                there = np.int64(channels[j])
                lag_ps = now - times_ps[j]
                if lag_ps <= half_ps:
                    matrix[here * n_channels + there] += 1
                rule = there * n_channels + here
                if rules[rule, 0] and lag_ps <= reach_ps:
                    lag_ps *= rules[rule, 1]
                    lags[rules[rule, 2] + quotient(reach_ps + lag_ps, bin_ps, reciprocal)] += 1
                    if rules[rule, 0] > 1:
                        lags[rules[rule, 3] + (reach_ps - lag_ps) // bin_ps] += 1
                j -= 1
        i = end
    return -1
