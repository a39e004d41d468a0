"""Everything a live display counts, in one pass over the stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Aligner, Batch
from labctl.analysis._checks import Pairs
from labctl.analysis._counters import (
    Tail,
    lag_centers_ps,
    lag_counts,
    lag_rules,
    raise_if_bad,
    symmetric_counts,
)
from labctl.analysis._stream import StreamAnalyzer
from labctl.analysis.results import CoincidenceMatrix, Correlation, Rates
from labctl.analysis.windows import effective_windows_ps

__all__ = ["LiveBundle", "LiveCounts"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LiveCounts:
    """What one stream gave so far; live time, flags and loss are the same in all three.

    Attributes:
        rates: tags per channel, as of `count_rates`.
        matrix: coincidences of all channel pairs, as of `coincidence_matrix`.
        correlation: lag histograms of the chosen pairs, as of `cross_correlation`.
    """

    rates: Rates
    matrix: CoincidenceMatrix
    correlation: Correlation


class BundleCounter:
    """Singles, all pairs, and lags of chosen distinct pairs (k, 2); all channels are in use."""

    def __init__(
        self,
        n_channels: int,
        window_full_ps: int,
        pairs: NDArray[np.int64],
        bins_per_side: int,
        bin_ps: int,
    ) -> None:
        self.singles = np.zeros(n_channels, dtype=np.int64)
        self._matrix = np.zeros(n_channels * n_channels, dtype=np.int64)
        self._rows, self._rules = lag_rules(n_channels, pairs, bins_per_side)
        self._n_channels = n_channels
        self._half_ps = window_full_ps // 2
        self._reach_ps = bins_per_side * bin_ps + bin_ps // 2
        self._bin_ps = bin_ps
        self._tail = Tail(max(self._half_ps, self._reach_ps))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Coincidences, symmetric (n_channels, n_channels)."""
        return symmetric_counts(self._matrix, self._n_channels)

    @property
    def lags(self) -> NDArray[np.int64]:
        """Histograms (k, 2n + 1)."""
        return lag_counts(self._rows)

    def count(self, batch: Batch) -> None:
        """Add a batch; ValueError for a tag out of order or an unknown channel."""
        for part in self._tail.before(batch):
            bad = _kernels.count_bundle(
                part.times_ps,
                part.channels,
                part.first,
                self._n_channels,
                self._half_ps,
                self._rules,
                self._reach_ps,
                self._bin_ps,
                self.singles,
                self._matrix,
                self._rows.reshape(-1),
            )
            raise_if_bad(batch, bad, part, self._n_channels)
        self._tail.renew(batch)

    def cut(self) -> None:
        """Let no later tag meet an earlier one."""
        self._tail.clear()


class LiveBundle(StreamAnalyzer[BundleCounter]):
    """Rates, coincidence matrix and lag histograms of one stream, counted in one pass.

    The counts are those of `RateAnalyzer`, `MatrixAnalyzer` and `CorrelationAnalyzer`, convention
    `all_pairs`, for any split into blocks; together they cost about as much as the histograms.

    Args:
        n_channels: channels 0 … n_channels - 1 exist.
        window_full_ps: full width of the coincidence window, |dt| <= w/2.
        pairs: channel pairs (a, b) of the histograms of t_b - t_a.
        range_ps: largest bin centre wanted, on either side.
        bin_ps: width of a bin.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign.
        resolution_ps: step of the tagger, for `window_effective_ps`.

    Raises:
        ValueError: a channel outside the range, delays of another length, or a window, range or
            bin that is not positive.
    """

    def __init__(
        self,
        n_channels: int,
        window_full_ps: int,
        pairs: Pairs,
        range_ps: int,
        bin_ps: int,
        delays_ps: ArrayLike | None = None,
        resolution_ps: int | None = None,
    ) -> None:
        number = _checks.channel_count(n_channels)
        chosen = _checks.channel_pairs(pairs, number)
        delays = _checks.delays(delays_ps, number)
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        self._bin_ps = _checks.positive_ps("bin_ps", bin_ps)
        bins_per_side = _checks.positive_ps("range_ps", range_ps) // self._bin_ps
        self._effective_ps = effective_windows_ps(
            self._window_full_ps, resolution_ps, delays[:, None] - delays[None, :]
        )
        self._lags_ps = lag_centers_ps(bins_per_side, self._bin_ps)
        self._pairs = tuple((a, b) for a, b in chosen.tolist())
        # A pair asked for twice is counted once and reported twice.
        distinct, rows = np.unique(chosen, axis=0, return_inverse=True)
        self._rows = rows.reshape(-1)
        counter = BundleCounter(number, self._window_full_ps, distinct, bins_per_side, self._bin_ps)
        super().__init__(Aligner(delays), counter)

    def result(self) -> LiveCounts:
        """Return the counts so far, as if the stream ended here; it may go on."""
        counter = self._complete()
        live_s, flags, lost = self._time.live_s, self._time.flags, self._time.lost
        return LiveCounts(
            rates=Rates(counts=counter.singles, live_s=live_s, flags=flags, lost=lost),
            matrix=CoincidenceMatrix(
                counts=counter.counts,
                live_s=live_s,
                flags=flags,
                lost=lost,
                window_full_ps=self._window_full_ps,
                window_effective_ps=self._effective_ps,
            ),
            correlation=Correlation(
                counts=counter.lags[self._rows],
                live_s=live_s,
                flags=flags,
                lost=lost,
                pairs=self._pairs,
                lags_ps=self._lags_ps,
                bin_ps=self._bin_ps,
            ),
        )
