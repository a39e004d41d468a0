"""Histograms of lags over one merged stream in time order, in the way of `counting`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from labctl.analysis._kernels.lanes import (
    LANES,
    ONE,
    above,
    first_bad,
    highest_label,
    lowest,
    near,
    since,
)

Ints = NDArray[np.int64]
Labels = NDArray[Any]


@njit(cache=True, nogil=True, error_model="numpy")
def quotient(value: int, divisor: int, reciprocal: float) -> Any:
    """Return value // divisor for value >= 0; `reciprocal` is 1 / divisor.

    The product is off by at most one, as long as the quotient is below 2**51; the rest tells.
    """
    place = np.int64(value * reciprocal)
    rest = value - place * divisor
    return place + np.int64(rest >= divisor) - np.int64(rest < 0)


@njit(cache=True, nogil=True, error_model="numpy")
def count_lags(  # noqa: PLR0913, PLR0917 - a kernel takes its arrays one by one
    times_ps: Ints,
    channels: Labels,
    first: int,
    n_channels: int,
    rules: Ints,
    least: int,
    reach_ps: int,
    bin_ps: int,
    counts: Ints,
) -> int:
    """Add all lags within reach_ps to the histograms in the flat `counts`.

    `rules` (channels² , 4), [earlier, later]: number of histograms that want the pair, sign of
    the lag and place of the first one in `counts`, and place of the second one, which takes the
    other sign. A pair that none wants has sign 0 and the place of a row that nobody reads.

    Pairs with fewer than `least` histograms are skipped: 1 where most have none. Where about
    half of them have one, adding the others to the unread row (`least` = 0) is faster than a
    branch that guesses wrong.
    """
    n = times_ps.size
    highest = highest_label(channels.itemsize, n_channels)
    reciprocal = 1.0 / bin_ps
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
            bits &= near(times_ps, start, 1, reach_ps)
        else:
            k = first_bad(times_ps, channels, i, end, n_channels)
            if k >= 0:
                return k
        while bits:
            k = start + lowest(bits)
            bits &= bits - ONE
            now = times_ps[k]
            j = k - 1
            while j >= 0 and times_ps[j] >= now - reach_ps:
                rule = np.int64(channels[j]) * n_channels + channels[k]
                if rules[rule, 0] >= least:
                    lag = rules[rule, 1] * (now - times_ps[j])
                    counts[rules[rule, 2] + quotient(reach_ps + lag, bin_ps, reciprocal)] += 1
                    if rules[rule, 0] > 1:
                        counts[rules[rule, 3] + (reach_ps - lag) // bin_ps] += 1
                j -= 1
        i = end
    return -1
