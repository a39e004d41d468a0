"""Histograms of the lag between two channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks
from labctl.analysis._align import Aligner
from labctl.analysis._checks import Pairs
from labctl.analysis._counters import LagCounter, lag_centers_ps
from labctl.analysis._stream import StreamAnalyzer, used_channels
from labctl.analysis.results import Correlation

__all__ = ["CorrelationAnalyzer", "cross_correlation"]


def cross_correlation(
    times_ps: ArrayLike,
    channels: ArrayLike,
    n_channels: int,
    pairs: Pairs,
    range_ps: int,
    bin_ps: int,
    delays_ps: ArrayLike | None = None,
) -> Correlation:
    """Histogram the lags t_b - t_a of all tags of each pair (a, b), all pairs in one pass.

    Convention `all_pairs`. There are 2n + 1 bins, n = floor(range_ps / bin_ps), centred on
    k·bin_ps for k = -n … n; a bin covers [centre - bin_ps/2, centre + bin_ps/2). A pair (a, a)
    gives the autocorrelation: each two tags enter at their lag and at its negative, a tag with
    itself does not.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.
        pairs: channel pairs (a, b), k of them.
        range_ps: largest bin centre wanted, on either side.
        bin_ps: width of a bin; a multiple of the tagger's resolution (see `bin_warning`).
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign.

    Raises:
        ValueError: unsorted times, a channel outside the range, delays of another length, or
            a range or bin that is not positive.
    """
    analyzer = CorrelationAnalyzer(n_channels, pairs, range_ps, bin_ps, delays_ps)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class CorrelationAnalyzer(StreamAnalyzer[LagCounter]):
    """`cross_correlation` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        n_channels: int,
        pairs: Pairs,
        range_ps: int,
        bin_ps: int,
        delays_ps: ArrayLike | None = None,
    ) -> None:
        number = _checks.channel_count(n_channels)
        chosen = _checks.channel_pairs(pairs, number)
        self._bin_ps = _checks.positive_ps("bin_ps", bin_ps)
        bins_per_side = _checks.positive_ps("range_ps", range_ps) // self._bin_ps
        self._lags_ps = lag_centers_ps(bins_per_side, self._bin_ps)
        self._pairs = tuple((a, b) for a, b in chosen.tolist())
        aligner = Aligner(_checks.delays(delays_ps, number), used_channels(chosen, number))
        # A pair asked for twice is counted once and reported twice.
        distinct, rows = np.unique(chosen, axis=0, return_inverse=True)
        self._rows = rows.reshape(-1)
        counter = LagCounter(aligner.n_used, aligner.labels[distinct], bins_per_side, self._bin_ps)
        super().__init__(aligner, counter)

    def result(self) -> Correlation:
        """Return the histograms so far, as if the stream ended here; it may go on."""
        return Correlation(
            counts=self._complete().counts[self._rows],
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            pairs=self._pairs,
            lags_ps=self._lags_ps,
            bin_ps=self._bin_ps,
        )
