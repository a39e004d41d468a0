"""Frozen results of the counting functions; their arrays are read-only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.estimate import poisson_sigma
from labctl.tags.block import TagFlags

__all__ = ["CoincidenceMatrix", "Convention", "Correlation", "PairCounts", "Rates"]

#: How pairs are counted; the conventions are defined in `count_pairs`.
Convention: TypeAlias = Literal["all_pairs", "any_partner", "greedy_one_to_one"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Counted:
    """Counts and the observation behind them.

    Attributes:
        counts: int64, shape as the result says.
        live_s: seconds observed without loss; a one-shot function takes the span from the
            first tag to the last.
        flags: everything that any block suffered, lossy blocks included.
        lost: tags the instrument says it dropped.
    """

    counts: NDArray[np.int64]
    live_s: float
    flags: TagFlags = TagFlags.NONE
    lost: int = 0

    def __post_init__(self) -> None:
        self.counts.flags.writeable = False

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Poisson uncertainty of the counts, 1 for a count of zero (see `poisson_sigma`).

        Coincidences that share tags are correlated; as long as singles rate times window is
        well below 1 this is negligible.
        """
        return poisson_sigma(self.counts)

    @property
    def rates_hz(self) -> NDArray[np.float64]:
        """Counts per live second; nan without live time."""
        return self.counts / (self.live_s or np.nan)

    @property
    def sigma_hz(self) -> NDArray[np.float64]:
        """Uncertainty of `rates_hz`; nan without live time."""
        return self.sigma / (self.live_s or np.nan)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rates(Counted):
    """Tags per channel: `counts` is (n_channels,)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CoincidenceMatrix(Counted):
    """Coincidences of all channel pairs: `counts` is (n_channels, n_channels), symmetric.

    The diagonal holds unordered pairs within the channel; for a Poisson stream of rate S it
    expects S²·w/2 per second, half of what the product formula gives for two channels.

    Attributes:
        window_full_ps: the window asked for, full width.
        window_effective_ps: int64 (n_channels, n_channels), see `effective_window_ps`.
        convention: always "all_pairs".
    """

    window_full_ps: int
    window_effective_ps: NDArray[np.int64]
    convention: Convention = "all_pairs"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PairCounts(Counted):
    """Coincidences of chosen pairs: `counts` is (k,) for k pairs.

    Attributes:
        pairs: the channel pairs, in the order of `counts`.
        window_full_ps: the window asked for, full width.
        window_effective_ps: int64 (k,), see `effective_window_ps`.
        convention: how pairs were counted.
    """

    pairs: tuple[tuple[int, int], ...]
    window_full_ps: int
    window_effective_ps: NDArray[np.int64]
    convention: Convention


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Correlation(Counted):
    """Histograms of lags t_b - t_a: `counts` is (k, 2n + 1) for k pairs (a, b).

    Attributes:
        pairs: the channel pairs (a, b), in the order of the rows.
        lags_ps: int64 (2n + 1,), bin centres -n·bin_ps … n·bin_ps.
        bin_ps: width of a bin; it covers [centre - bin_ps/2, centre + bin_ps/2).
        convention: always "all_pairs".
    """

    pairs: tuple[tuple[int, int], ...]
    lags_ps: NDArray[np.int64]
    bin_ps: int
    convention: Convention = "all_pairs"
