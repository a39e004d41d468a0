"""Times from the steps between them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["add_up"]


@njit(cache=True, nogil=True)
def add_up(delta: NDArray[np.uint32], t0: np.uint64, times: NDArray[np.uint64]) -> None:
    """Write `t0` plus the sum of all steps until then, modulo 2^64, into `times`.

    One pass through memory, where NumPy takes three: widening, summing and adding.
    """
    now = t0
    for i in range(delta.size):
        now += np.uint64(delta[i])
        times[i] = now
