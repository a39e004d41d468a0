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
        self._n_channels = n_channels
        self._tail = Tail(0)
        self._half_ps = self._reach_ps = 0
        self._pairs: list[tuple[int, int]] = []
        self._rows = np.zeros((1, 1), dtype=np.int64)
        self._bin_ps = 0
        self.choose_window(window_full_ps)
        self.choose_lags(pairs, bins_per_side, bin_ps)

    def choose_window(self, window_full_ps: int) -> None:
        """Begin the coincidences anew, with another window."""
        self._matrix = np.zeros(self._n_channels * self._n_channels, dtype=np.int64)
        self._half_ps = window_full_ps // 2
        self._tail.take_reach(max(self._half_ps, self._reach_ps))

    def choose_lags(self, pairs: NDArray[np.int64], bins_per_side: int, bin_ps: int) -> None:
        """Begin the histograms anew, but for pairs that had the same bins before."""
        former = dict(zip(self._pairs, self._rows, strict=False))
        had_these_bins = bin_ps == self._bin_ps and self._rows.shape[1] == 2 * bins_per_side + 2
        self._pairs = [(a, b) for a, b in pairs.tolist()]
        self._rows, self._rules = lag_rules(self._n_channels, pairs, bins_per_side)
        self._reach_ps = bins_per_side * bin_ps + bin_ps // 2
        self._bin_ps = bin_ps
        self._tail.take_reach(max(self._half_ps, self._reach_ps))
        for row, pair in enumerate(self._pairs if had_these_bins else ()):
            if pair in former:
                self._rows[row] = former[pair]

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

    Window and histograms can be chosen anew while tags come. A lag counts with its later tag, and
    tags held for a delay count by what is chosen when they are let go. Live time and singles of a
    result are those of the whole stream: for counts that were begun later, take the differences
    to a result of that moment.

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
        delays = _checks.delays(delays_ps, number)
        self._n_channels = number
        self._resolution_ps = resolution_ps
        self._differences_ps = delays[:, None] - delays[None, :]
        distinct, bins_per_side = self._take_histograms(pairs, range_ps, bin_ps)
        window_ps = self._take_window(window_full_ps)
        counter = BundleCounter(number, window_ps, distinct, bins_per_side, self._bin_ps)
        super().__init__(Aligner(delays), counter)

    def choose_window(self, window_full_ps: int) -> None:
        """Count coincidences in this window, from zero; rates and histograms go on.

        Raises:
            ValueError: it is not positive.
        """
        self._counter.choose_window(self._take_window(window_full_ps))

    def choose_histograms(self, pairs: Pairs, range_ps: int, bin_ps: int) -> None:
        """Histogram these pairs; those that had the same bins go on, the others begin at zero.

        Raises:
            ValueError: a channel outside the range, or a range or bin that is not positive.
        """
        distinct, bins_per_side = self._take_histograms(pairs, range_ps, bin_ps)
        self._counter.choose_lags(distinct, bins_per_side, self._bin_ps)

    def _take_window(self, window_full_ps: int) -> int:
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        self._effective_ps = effective_windows_ps(
            self._window_full_ps, self._resolution_ps, self._differences_ps
        )
        return self._window_full_ps

    def _take_histograms(
        self, pairs: Pairs, range_ps: int, bin_ps: int
    ) -> tuple[NDArray[np.int64], int]:
        """Return the distinct pairs, each to be counted once, and the bins on either side."""
        chosen = _checks.channel_pairs(pairs, self._n_channels)
        width_ps = _checks.positive_ps("bin_ps", bin_ps)
        bins_per_side = _checks.positive_ps("range_ps", range_ps) // width_ps
        distinct, rows = np.unique(chosen, axis=0, return_inverse=True)
        self._rows = rows.reshape(-1)
        self._pairs = tuple((a, b) for a, b in chosen.tolist())
        self._bin_ps = width_ps
        self._lags_ps = lag_centers_ps(bins_per_side, width_ps)
        return distinct, bins_per_side

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
