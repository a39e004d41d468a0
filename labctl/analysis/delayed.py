"""Accidentals measured in windows away from the coincidence peak."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks
from labctl.analysis._checks import Pairs
from labctl.analysis._stream import used_channels
from labctl.analysis.coincidences import PairAnalyzer
from labctl.analysis.estimate import Estimate
from labctl.analysis.pair_statistics import accidentals_from_singles_variance
from labctl.analysis.rates import RateAnalyzer
from labctl.tags.block import TagBlock

__all__ = ["DelayedAccidentalsAnalyzer", "delayed_accidentals"]


def delayed_accidentals(  # noqa: PLR0913 - the tags, the window and its shifts, all named
    times_ps: ArrayLike,
    channels: ArrayLike,
    n_channels: int,
    pair: tuple[int, int],
    window_full_ps: int,
    shift_ps: int,
    delays_ps: ArrayLike | None = None,
    *,
    shifts_per_side: int = 5,
    resolution_ps: int | None = None,
) -> Estimate:
    """Return the accidentals of a pair from the mean of 2·shifts_per_side shifted windows.

    One channel is shifted against the other by ±shift_ps, ±2·shift_ps, …; convention
    `all_pairs`. Choose shift_ps well beyond jitter and afterpulsing and, for a pulsed source,
    a multiple of its period. A shifted window misses the ends of the record, a fraction
    shift/T. The uncertainty is explained in `DelayedAccidentalsAnalyzer`.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.
        pair: two different channels.
        window_full_ps: full width, as for the coincidences.
        shift_ps: distance of neighbouring windows, more than window_full_ps.
        delays_ps: int64 (n_channels,), subtracted from the times.
        shifts_per_side: number of shifts of either sign.
        resolution_ps: step of the tagger; shift_ps must be a multiple of it, else the shifted
            windows would accept another number of steps than the central one.

    Raises:
        ValueError: as `count_pairs`, equal channels, or an unsuitable shift.
    """
    analyzer = DelayedAccidentalsAnalyzer(
        n_channels,
        [pair],
        window_full_ps,
        shift_ps,
        delays_ps,
        shifts_per_side=shifts_per_side,
        resolution_ps=resolution_ps,
    )
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()[0]


class DelayedAccidentalsAnalyzer:
    """`delayed_accidentals` of several pairs for a stream of blocks.

    With the channels in use numbered 0, 1, … channel i is shifted i times as far as channel 1,
    so one pass per shift serves all pairs; a pair (i, j) is shifted by multiples of
    (j - i)·shift_ps.

    The mean A of K windows has two uncertainties: that of the sum of counts, A/K, and that of
    the singles on which all windows depend, A²·(1/N_a + 1/N_b + 2·(C - A)/(N_a·N_b)) (see
    `pair_statistics`), which `car` needs. A sum of zero counts enters as one count.
    """

    def __init__(
        self,
        n_channels: int,
        pairs: Pairs,
        window_full_ps: int,
        shift_ps: int,
        delays_ps: ArrayLike | None = None,
        *,
        shifts_per_side: int = 5,
        resolution_ps: int | None = None,
    ) -> None:
        number = _checks.channel_count(n_channels)
        chosen = _checks.channel_pairs(pairs, number)
        if np.any(chosen[:, 0] == chosen[:, 1]):
            raise ValueError("a channel cannot be shifted against itself; name two channels")
        shift = _checks.positive_ps("shift_ps", shift_ps)
        window = _checks.positive_ps("window_full_ps", window_full_ps)
        if shift <= window:
            raise ValueError(
                f"shift_ps = {shift} ps does not clear the window of {window} ps; shift further"
            )
        if resolution_ps is not None and shift % _checks.positive_ps(
            "resolution_ps", resolution_ps
        ):
            raise ValueError(
                f"shift_ps = {shift} ps is not a multiple of the tagger's resolution of "
                f"{resolution_ps} ps"
            )
        if shifts_per_side < 1:
            raise ValueError(f"shifts_per_side = {shifts_per_side} is less than 1")
        delays = _checks.delays(delays_ps, number)
        steps = np.cumsum(used_channels(chosen, number)) * shift
        self._pairs = chosen
        self._rates = RateAnalyzer(number)
        self._peak = PairAnalyzer(number, chosen, window, delays)
        self._shifted = [
            PairAnalyzer(number, chosen, window, delays + sign * k * steps)
            for k in range(1, shifts_per_side + 1)
            for sign in (-1, 1)
        ]

    def update(self, block: TagBlock) -> None:
        """Add a block; see `PairAnalyzer.update`."""
        self._rates.update(block)
        for analyzer in (self._peak, *self._shifted):
            analyzer.update(block)

    def result(self) -> tuple[Estimate, ...]:
        """Return the accidentals in the live time so far, one estimate per pair."""
        singles = self._rates.result().counts
        peak = self._peak.result().counts
        total = np.sum([analyzer.result().counts for analyzer in self._shifted], axis=0)
        return tuple(
            _mean_of_windows(
                int(total[row]), len(self._shifted), (int(singles[a]), int(singles[b])), int(c)
            )
            for row, ((a, b), c) in enumerate(zip(self._pairs.tolist(), peak, strict=True))
        )


def _mean_of_windows(
    total: int, windows: int, singles: tuple[int, int], coincidences: int
) -> Estimate:
    """Return the mean of the shifted windows with both of its uncertainties."""
    mean = total / windows
    variance = max(total, 1) / windows**2
    product = singles[0] * singles[1]
    if product:
        common = max(coincidences - mean, 0.0)
        variance += (mean / product) ** 2 * accidentals_from_singles_variance(*singles, common)
    return Estimate(mean, math.sqrt(variance))
