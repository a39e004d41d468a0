"""Frozen results of n-folds, heralded correlation, start-stop and sync histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.estimate import poisson_sigma
from labctl.analysis.results import Counted

__all__ = ["FoldConvention", "FoldCounts", "HeraldedG2", "StartStop", "SyncHistogram"]

#: Every combination of tags that meets the windows counts; a tag can take part in several.
FoldConvention: TypeAlias = Literal["all_combinations"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FoldCounts(Counted):
    """Coincidences of n different channels: `counts` is (k,) for k patterns.

    Attributes:
        patterns: int64 (k, n), channel numbers ascending within a row.
        order: n.
        window_full_ps: largest span w, from the earliest of the n tags to the latest.
        window_effective_ps: float64 (k,), the w by which accidentals must be computed; it
            differs from `window_full_ps` for a tagger with a coarse resolution.
        convention: always "all_combinations".
    """

    patterns: NDArray[np.int64]
    order: int
    window_full_ps: int
    window_effective_ps: NDArray[np.float64]
    convention: FoldConvention = "all_combinations"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeraldedG2(Counted):
    """Heralded correlation: `counts` is (m,), the triples C_h12 at each of m lags.

    Attributes:
        herald, a, b: the channels.
        lags_ps: int64 (m,), as asked for.
        heralds: tags N_h of the herald.
        herald_a_counts: pairs C_h1 of herald and a.
        herald_b_counts: int64 (m,), pairs C_h2 of herald and b at each lag.
        window_full_ps: full width of both windows; on a coarse tagger they act as others, which
            cancels in `g2`.
        convention: always "all_combinations".
    """

    herald: int
    a: int
    b: int
    lags_ps: NDArray[np.int64]
    heralds: int
    herald_a_counts: int
    herald_b_counts: NDArray[np.int64]
    window_full_ps: int
    convention: FoldConvention = "all_combinations"

    @property
    def g2(self) -> NDArray[np.float64]:
        """C_h12·N_h/(C_h1·C_h2) at each lag, (m,); nan without pairs on either side."""
        return self.counts * self._scale()

    @property
    def g2_sigma(self) -> NDArray[np.float64]:
        """Standard uncertainty of `g2`, (m,); nan where `g2` is.

        Each herald is taken as independent, with at most one detection of a and of b. Heralds
        with a alone, b alone, both and neither are then four Poisson numbers, and to first order

            Var g2 / g2² = 1/C_h12 - 1/C_h1 - 1/C_h2 - 1/N_h + 2·C_h12/(C_h1·C_h2).

        For small g2 it is the Poisson scatter of the triples; it vanishes if every herald has
        both. The scatter of the triples is not taken below one, so that neither C_h12 = 0 nor
        C_h12 = N_h claims certainty.
        """
        triples = self.counts.astype(np.float64)
        pairs_a, pairs_b = float(self.herald_a_counts), self.herald_b_counts.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = 1 / np.float64(pairs_a) + 1 / pairs_b + 1 / np.float64(self.heralds)
            variance = triples * (1 - triples * relative + 2 * triples**2 / (pairs_a * pairs_b))
        return np.sqrt(np.maximum(variance, 1.0)) * self._scale()

    @property
    def herald_b_sigma(self) -> NDArray[np.float64]:
        """Poisson uncertainty of `herald_b_counts`, (m,)."""
        return poisson_sigma(self.herald_b_counts)

    def _scale(self) -> NDArray[np.float64]:
        """Return g2 per triple, nan where it is not defined."""
        products = self.herald_a_counts * self.herald_b_counts.astype(np.float64)
        return self.heralds / np.where(products > 0, products, np.nan)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StartStop(Counted):
    """Times from start to stop: `counts` is (n + 1,).

    Every start is in `counts`, `overflow` or `unstopped`.

    Attributes:
        start, stop: the channels.
        lags_ps: int64 (n + 1,), bin centres 0 … n·bin_ps.
        bin_ps: width of a bin; it covers [centre - bin_ps/2, centre + bin_ps/2), and the first
            one only the half that is not negative.
        overflow: starts whose stop came later than the last bin.
        unstopped: starts without any stop before a gap or the end of the stream.
        convention: always "first_stop".
    """

    start: int
    stop: int
    lags_ps: NDArray[np.int64]
    bin_ps: int
    overflow: int
    unstopped: int
    convention: Literal["first_stop"] = "first_stop"

    @property
    def starts(self) -> int:
        """Tags of the start channel."""
        return int(self.counts.sum()) + self.overflow + self.unstopped


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SyncHistogram(Counted):
    """Times since the last sync modulo the period: `counts` is (n,), n = ceil(period/bin).

    Every tag of the channel is in `counts`, `overflow` or `unreferenced`.

    Attributes:
        sync, channel: the channels.
        lags_ps: int64 (n,), bin centres 0 … (n - 1)·bin_ps.
        bin_ps: width of a bin; it covers [centre - bin_ps/2, centre + bin_ps/2) modulo the
            period. If the period is no multiple of it, the last bin is narrower.
        period_ps: period of the pulses.
        divider: pulses per sync tag.
        syncs: tags of the sync channel.
        overflow: tags so late after the last sync that one is missing.
        unreferenced: tags before the first sync of the stream, or after a gap.
        convention: always "last_sync".
    """

    sync: int
    channel: int
    lags_ps: NDArray[np.int64]
    bin_ps: int
    period_ps: int
    divider: int
    syncs: int
    overflow: int
    unreferenced: int
    convention: Literal["last_sync"] = "last_sync"
