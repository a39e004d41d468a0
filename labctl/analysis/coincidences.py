"""Two-fold coincidences: the matrix of all pairs, and chosen pairs by three conventions."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks
from labctl.analysis._align import Aligner
from labctl.analysis._checks import Pairs
from labctl.analysis._counters import (
    Counter,
    MatrixCounter,
    OneToOneCounter,
    PartnerCounter,
)
from labctl.analysis._stream import StreamAnalyzer, used_channels
from labctl.analysis.results import CoincidenceMatrix, Convention, PairCounts
from labctl.analysis.windows import effective_windows_ps
from labctl.errors import nearest

__all__ = ["MatrixAnalyzer", "PairAnalyzer", "coincidence_matrix", "count_pairs"]


def coincidence_matrix(
    times_ps: ArrayLike,
    channels: ArrayLike,
    n_channels: int,
    window_full_ps: int,
    delays_ps: ArrayLike | None = None,
    resolution_ps: int | None = None,
) -> CoincidenceMatrix:
    """Count all pairs of tags at most half the full window apart, for all channels at once.

    Convention `all_pairs`: |dt| <= w/2, every pair counts, so a tag can take part in several;
    the counts are those of the correlation integral, independent of order, and add up over
    blocks. The diagonal holds unordered pairs within a channel.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.
        window_full_ps: full width w.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign. A pair
            of channels sees less than the span of the tags by the difference of its delays.
        resolution_ps: step of the tagger, for `window_effective_ps`.

    Raises:
        ValueError: unsorted times, a channel outside the range, delays of another length, or
            a window that is not positive.
    """
    analyzer = MatrixAnalyzer(n_channels, window_full_ps, delays_ps, resolution_ps)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class MatrixAnalyzer(StreamAnalyzer[MatrixCounter]):
    """`coincidence_matrix` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        n_channels: int,
        window_full_ps: int,
        delays_ps: ArrayLike | None = None,
        resolution_ps: int | None = None,
    ) -> None:
        number = _checks.channel_count(n_channels)
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        delays = _checks.delays(delays_ps, number)
        self._effective_ps = effective_windows_ps(
            self._window_full_ps, resolution_ps, delays[:, None] - delays[None, :]
        )
        super().__init__(Aligner(delays), MatrixCounter(number, self._window_full_ps))

    def result(self) -> CoincidenceMatrix:
        """Return the counts so far, as if the stream ended here; it may go on."""
        return CoincidenceMatrix(
            counts=self._complete().symmetric(),
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            window_full_ps=self._window_full_ps,
            window_effective_ps=self._effective_ps,
        )


def count_pairs(
    times_ps: ArrayLike,
    channels: ArrayLike,
    n_channels: int,
    pairs: Pairs,
    window_full_ps: int,
    delays_ps: ArrayLike | None = None,
    convention: Convention = "all_pairs",
    resolution_ps: int | None = None,
) -> PairCounts:
    """Count coincidences of chosen channel pairs by a chosen convention.

    - `all_pairs`: as `coincidence_matrix`.
    - `any_partner`: walking the merged stream in order of (time, channel), a tag counts once if
      an earlier tag of its partner channel lies within w/2 (PicoQuant snAPI).
    - `greedy_one_to_one`: on the same walk a tag pairs with the oldest unpaired partner tag
      still within w/2; both are then used. Each channel pair is walked on its own.

    Order is taken after subtraction of the delays. A pair (a, a) counts within the channel.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.
        pairs: channel pairs, k of them.
        window_full_ps: full width w.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign.
        convention: one of the three above.
        resolution_ps: step of the tagger, for `window_effective_ps`.

    Raises:
        ValueError: unsorted times, a channel outside the range, delays of another length, a
            window that is not positive, or an unknown convention.
    """
    analyzer = PairAnalyzer(n_channels, pairs, window_full_ps, delays_ps, convention, resolution_ps)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class PairAnalyzer(StreamAnalyzer[Counter]):
    """`count_pairs` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        n_channels: int,
        pairs: Pairs,
        window_full_ps: int,
        delays_ps: ArrayLike | None = None,
        convention: Convention = "all_pairs",
        resolution_ps: int | None = None,
    ) -> None:
        if convention not in get_args(Convention):
            raise ValueError(
                f"convention = {convention!r} is not one of {', '.join(get_args(Convention))}"
                f"{nearest(str(convention), get_args(Convention))}"
            )
        number = _checks.channel_count(n_channels)
        chosen = _checks.channel_pairs(pairs, number)
        delays = _checks.delays(delays_ps, number)
        self._pairs = tuple((a, b) for a, b in chosen.tolist())
        self._convention: Convention = convention
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        self._effective_ps = effective_windows_ps(
            self._window_full_ps, resolution_ps, delays[chosen[:, 0]] - delays[chosen[:, 1]]
        )
        aligner = Aligner(
            delays, used_channels(chosen, number), orders_ties=convention != "all_pairs"
        )
        self._labels = aligner.labels[chosen]
        super().__init__(aligner, self._counter_for(aligner.n_used))

    def _counter_for(self, n_used: int) -> Any:
        """Return the counter of the convention; it sees the channels in use, renumbered."""
        if self._convention == "any_partner":
            return PartnerCounter(n_used, self._labels, self._window_full_ps)
        if self._convention == "greedy_one_to_one":
            return OneToOneCounter(n_used, self._labels, self._window_full_ps)
        return MatrixCounter(n_used, self._window_full_ps)

    def result(self) -> PairCounts:
        """Return the counts so far, as if the stream ended here; it may go on."""
        counter = self._complete()
        counts = counter.counts
        if isinstance(counter, MatrixCounter):
            counts = counter.symmetric()[self._labels[:, 0], self._labels[:, 1]]
        return PairCounts(
            counts=np.array(counts),
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            pairs=self._pairs,
            window_full_ps=self._window_full_ps,
            window_effective_ps=self._effective_ps,
            convention=self._convention,
        )
