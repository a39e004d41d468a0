"""Detector patterns: one record that names every input that clicked in its step of time.

S-Fifteen's counters, and the readers of their files, number the inputs from 1, lowest bit
first (pyS15 usb_counter_fpga.py; qcrypto getrate2.c).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labctl.tags.block import Times
from labctl.tags.formats import _kernels

__all__ = ["N_CHANNELS", "tags_of_patterns"]

#: The highest channel number plus one.
N_CHANNELS = 5


def tags_of_patterns(
    times_ps: Times, patterns: NDArray[np.uint8]
) -> tuple[Times, NDArray[np.uint8]]:
    """Return times and channels of the clicks, one tag per bit, in the order of the patterns.

    Clicks of one pattern are in the order of their channels. The times returned may be the
    array that was given, or a new one.

    Args:
        times_ps: int64 (n,), contiguous.
        patterns: uint8 (n,), contiguous, at most 15; bit k is a click of channel k + 1.
    """
    n_clicks, n_others = _kernels.count_clicks(patterns)
    if n_others == 0:
        channels = np.empty(n_clicks, np.uint8)
        _kernels.name_singles(patterns, channels)
        return times_ps, channels
    clicks_ps = np.empty(n_clicks + _kernels.SPARE, np.int64)
    channels = np.empty(clicks_ps.size, np.uint8)
    _kernels.expand(times_ps, patterns, clicks_ps, channels)
    return clicks_ps[:n_clicks], channels[:n_clicks]
