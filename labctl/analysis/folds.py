"""Coincidences of three to six channels: all patterns, or chosen ones."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Aligner, Batch
from labctl.analysis._counters import Tail
from labctl.analysis._stream import StreamAnalyzer, used_channels
from labctl.analysis.fold_results import FoldCounts
from labctl.tags.block import Times

__all__ = ["FoldAnalyzer", "fold_counts"]

Patterns: TypeAlias = Sequence[Sequence[int]] | NDArray[Any]

MIN_ORDER, MAX_ORDER = 3, 6
#: All six-folds of 32 channels; more patterns than that are to be named.
MAX_PATTERNS = 1 << 20
MAX_RANK = int(np.iinfo(np.int64).max)


def fold_counts(
    times_ps: ArrayLike,
    channels: ArrayLike,
    n_channels: int,
    order: int,
    window_full_ps: int,
    delays_ps: ArrayLike | None = None,
    patterns: Patterns | None = None,
    *,
    resolution_ps: int | None = None,
) -> FoldCounts:
    """Count all combinations of `order` tags of different channels within the full window.

    Convention `all_combinations`: the latest tag minus the earliest is at most w, the whole
    window, and every combination counts, so a tag can take part in several; the counts do not
    depend on order and add up over blocks. (For order 2 this w is half the full width that
    `coincidence_matrix` takes.) Independent channels of rates S_i give order·w^(order - 1)·ΠS_i
    accidentals per second (Eckart and Shonka, Phys. Rev. 53, 752), w the effective window.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_channels: channels 0 … n_channels - 1 exist.
        order: number of channels in coincidence, 3 to 6.
        window_full_ps: largest span w.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign.
        patterns: sets of `order` different channels, k of them; None means all there are, in
            lexicographic order.
        resolution_ps: step of the tagger, for `window_effective_ps`.

    Raises:
        ValueError: unsorted times, a channel outside the range, delays of another length, a
            window that is not positive, an order outside 3 to 6, a pattern that is not `order`
            different channels, or more than 2**20 patterns when none are named.
    """
    analyzer = FoldAnalyzer(
        n_channels, order, window_full_ps, delays_ps, patterns, resolution_ps=resolution_ps
    )
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class FoldAnalyzer(StreamAnalyzer["FoldCounter"]):
    """`fold_counts` for a stream of blocks, with the same counts for any split."""

    def __init__(
        self,
        n_channels: int,
        order: int,
        window_full_ps: int,
        delays_ps: ArrayLike | None = None,
        patterns: Patterns | None = None,
        *,
        resolution_ps: int | None = None,
    ) -> None:
        number = _checks.channel_count(n_channels)
        self._order = operator.index(order)
        if not MIN_ORDER <= self._order <= MAX_ORDER:
            raise ValueError(f"order = {self._order} is outside {MIN_ORDER} to {MAX_ORDER}")
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        delays = _checks.delays(delays_ps, number)
        if patterns is None:
            self._patterns = _all_patterns(number, self._order)
            used = np.ones(number, dtype=np.bool_)
        else:
            self._patterns = _chosen_patterns(patterns, number, self._order)
            used = used_channels(self._patterns, number)
        self._patterns.flags.writeable = False
        self._effective_ps = _effective_windows_ps(
            self._window_full_ps, resolution_ps, delays[self._patterns]
        )
        rows = np.where(used, np.cumsum(used) - 1, -1).astype(np.int64)
        chosen = rows[self._patterns]
        if used.any() and np.ptp(delays[used]):
            aligner = Aligner(delays, used)  # its channels are the rows
            rows = np.arange(aligner.n_used)
        else:
            aligner = Aligner(np.zeros_like(delays))  # blocks pass as they are
        super().__init__(aligner, FoldCounter(rows, chosen, self._window_full_ps))

    def result(self) -> FoldCounts:
        """Return the counts so far, as if the stream ended here; it may go on."""
        counter = self._complete()
        return FoldCounts(
            counts=counter.counts[counter.places],
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            patterns=self._patterns,
            order=self._order,
            window_full_ps=self._window_full_ps,
            window_effective_ps=self._effective_ps,
        )


class FoldCounter:
    """Patterns (k, order) of ascending rows of the channels; `counts[places]` is (k,)."""

    def __init__(self, rows: Times, patterns: Times, window_full_ps: int) -> None:
        order = patterns.shape[1]
        n_rows = int(rows.max(initial=-1)) + 1
        total = math.comb(n_rows, order)
        if total > MAX_RANK:
            raise ValueError(
                f"the patterns name {n_rows} channels: too many for order {order}; "
                f"count them in several parts"
            )
        self._window_ps = window_full_ps
        self._rows = rows
        self._binomials = _binomials(n_rows, order)
        ranks = self._binomials[patterns, np.arange(1, order + 1)].sum(axis=1)
        distinct, places = np.unique(ranks, return_inverse=True)
        self.places = places.reshape(-1)
        self.counts = np.zeros(distinct.size, dtype=np.int64)
        # The rank is the place in `counts` if no pattern is left out.
        self._ranks = distinct[:0] if distinct.size == total else distinct
        self._scratch = np.zeros((3, n_rows), dtype=np.int64)
        self._tail = Tail(window_full_ps)

    def count(self, batch: Batch) -> None:
        if batch.times_ps.size == 0:
            return
        tail = self._tail
        tail.match(batch)
        # The tags that reach back to the batches before meet them in an array of their own.
        head = int(np.searchsorted(batch.times_ps, batch.times_ps[0] + self._window_ps, "right"))
        times_ps = np.concatenate((tail.times_ps, batch.times_ps[:head]))
        channels = np.concatenate((tail.channels, batch.channels[:head]))
        held = tail.times_ps.size
        bad = self._count(times_ps, channels, held) - held
        if bad < 0:
            bad = self._count(batch.times_ps, batch.channels, head)
        if bad >= 0:
            raise _checks.bad_tag(batch.times_ps, batch.channels, bad, self._rows.size)
        tail.renew(batch)

    def _count(self, times_ps: Times, channels: Any, first: int) -> int:
        """Count what ends with the tags from `first` on; return the first bad one or -1."""
        return int(
            _kernels.count_folds(
                times_ps,
                channels,
                first,
                self._window_ps,
                self._rows,
                self._binomials,
                self._ranks,
                self._scratch,
                self.counts,
            )
        )

    def cut(self) -> None:
        self._tail.clear()


def _all_patterns(n_channels: int, order: int) -> Times:
    """Return all sets of `order` channels (k, order) in lexicographic order."""
    total = math.comb(n_channels, order)
    if total > MAX_PATTERNS:
        raise ValueError(
            f"{n_channels} channels have {total} patterns of order {order}, more than "
            f"{MAX_PATTERNS}; name those to count"
        )
    every = itertools.chain.from_iterable(itertools.combinations(range(n_channels), order))
    return np.fromiter(every, dtype=np.int64, count=total * order).reshape(total, order)


def _chosen_patterns(patterns: Patterns, n_channels: int, order: int) -> Times:
    """Return the patterns as int64 (k, order), ascending in each row."""
    try:
        values = np.asarray(patterns)
    except ValueError:
        raise ValueError(f"patterns have different lengths; each needs {order} channels") from None
    if values.size == 0:
        return np.empty((0, order), dtype=np.int64)
    if values.ndim != 2 or values.shape[1] != order or values.dtype.kind not in "iu":  # noqa: PLR2004 - (k, order)
        raise ValueError(
            f"patterns has shape {values.shape} and type {values.dtype}; give {order} channels each"
        )
    chosen = np.sort(values.astype(np.int64), axis=1)
    wrong = (chosen[:, 0] < 0) | (chosen[:, -1] >= n_channels)
    if wrong.any():
        raise ValueError(
            f"pattern {tuple(values[wrong][0].tolist())} names a channel outside 0 to "
            f"{n_channels - 1}"
        )
    repeats = (np.diff(chosen, axis=1) == 0).any(axis=1)
    if repeats.any():
        raise ValueError(f"pattern {tuple(values[repeats][0].tolist())} names a channel twice")
    return chosen


def _binomials(n_rows: int, order: int) -> Times:
    """Return C(r, i) as int64 (n_rows, order + 1)."""
    table = np.zeros((n_rows, order + 1), dtype=np.int64)
    table[:, 0] = 1
    for i in range(1, order + 1):
        # C(r, i) is the sum of C(q, i - 1) over q < r.
        table[1:, i] = np.cumsum(table[:-1, i - 1])
    return table


def _effective_windows_ps(
    window_full_ps: int, resolution_ps: int | None, delays_ps: Times
) -> NDArray[np.float64]:
    """Return the window by which accidentals of patterns with delays (k, order) are computed.

    Times are multiples of the resolution r less a delay. With channel i the earliest, the
    others j can take n_ij places in the window (of equal times the lower channel is the
    earliest), so M = Σ_i Π_j n_ij combinations stand for r^(order - 1) each. The effective
    window has the same area: order·w^(order - 1) = M·r^(order - 1).
    """
    k, order = delays_ps.shape
    windows = np.full(k, float(window_full_ps))
    if resolution_ps is not None:
        step = operator.index(resolution_ps)
        if step <= 0:
            raise ValueError(f"resolution_ps = {step} ps is not positive")
        if step > 1:
            combinations = np.zeros(k)
            for i in range(order):
                places = np.ones(k)
                for j in range(order):
                    late = delays_ps[:, j] - delays_ps[:, i]
                    latest = (window_full_ps + late) // step
                    earliest = -(-late // step) if j > i else late // step + 1
                    places *= 1 if j == i else np.maximum(latest - earliest + 1, 0)
                combinations += places
            windows = step * (combinations / order) ** (1 / (order - 1))
    windows.flags.writeable = False
    return windows
