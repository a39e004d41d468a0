"""Singles: tags per channel and live time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks, _kernels
from labctl.analysis._stream import LiveTime
from labctl.analysis.results import Rates
from labctl.tags.block import TagBlock

__all__ = ["RateAnalyzer", "count_rates"]


def count_rates(times_ps: ArrayLike, channels: ArrayLike, n_channels: int) -> Rates:
    """Count the tags of each channel.

    The live time is the span from the first tag to the last: where the observed interval is
    known, use `RateAnalyzer` on blocks.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.

    Raises:
        ValueError: unsorted times, a channel outside the range, or lengths that differ.
    """
    analyzer = RateAnalyzer(n_channels)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class RateAnalyzer:
    """`count_rates` for a stream of blocks; owned by the thread that calls `update`."""

    def __init__(self, n_channels: int) -> None:
        self._n_channels = _checks.channel_count(n_channels)
        self._counts = np.zeros(self._n_channels, dtype=np.int64)
        self._time = LiveTime()

    def update(self, block: TagBlock) -> None:
        """Add a block; of one that is not lossless only flags and loss are noted.

        Raises:
            ValueError: a tag is out of order, outside its block's interval, or its channel is
                n_channels or more; the analyzer then accepts nothing more.
        """
        self._time.enter(block)
        if block.is_lossless:
            times_ps, channels = _checks.times(block.times_ps), _checks.channels(block.channels)
            bad = _kernels.count_singles(times_ps, channels, self._n_channels, self._counts)
            if bad >= 0:
                raise _checks.bad_tag(times_ps, channels, bad, self._n_channels)
        self._time.accept()

    def result(self) -> Rates:
        """Return the counts so far."""
        self._time.refuse_if_broken()
        return Rates(
            counts=self._counts.copy(),
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
        )
