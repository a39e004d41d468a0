"""The counting kernels, compiled or loaded before the first tags come."""

from __future__ import annotations

import numpy as np

from labctl.analysis import LiveBundle, find_peak, fit_peak
from labctl.tags import TagBlock

__all__ = ["warm_kernels"]


def warm_kernels() -> None:
    """Count a few tags and fit a peak as the live display does, so that its kernels are in memory.

    Delays shorter and longer than a block take different ways through the aligner.
    """
    for delay_ps in (0, 10_000_000):
        bundle = LiveBundle(3, 1000, [(1, 2)], 10_000, 100, [0, 0, delay_ps], 1)
        times_ps = np.arange(0, 64_000_000, 1000, dtype=np.int64)
        channels = (times_ps // 1000 % 2 + 1).astype(np.uint8)
        bundle.update(TagBlock(times_ps, channels, 0, 64_000_000))
        lags = bundle.result().correlation
        counts = np.full(lags.lags_ps.size, 3)
        counts[lags.lags_ps.size // 2] = 300
        fit_peak(counts, lags.lags_ps, lags.bin_ps, find_peak(counts, lags.lags_ps, lags.bin_ps))
