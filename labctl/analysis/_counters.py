"""Counting state of one contiguous stretch of merged tags; independent of delays and gaps.

Each counter takes the batches of an `Aligner` in order. `cut` forgets what could still meet
later tags and keeps the counts.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Batch
from labctl.tags.block import Times


class Counter(Protocol):
    """What an analyzer needs of its counting state."""

    counts: NDArray[np.int64]

    def count(self, batch: Batch) -> None:
        """Add a batch; ValueError for a tag out of order or an unknown channel."""

    def cut(self) -> None:
        """Let no later tag meet an earlier one."""


class Tail:
    """The newest tags of a stretch: those that a later tag can still reach."""

    def __init__(self, reach_ps: int) -> None:
        self._reach_ps = reach_ps
        self.times_ps = np.empty(0, dtype=np.int64)
        self.channels: NDArray[Any] = np.empty(0, dtype=np.uint8)

    def match(self, batch: Batch) -> None:
        """Bring the tail's channel numbers to the type of the batch's."""
        if self.channels.dtype != batch.channels.dtype:
            self.channels = self.channels.astype(batch.channels.dtype)

    def renew(self, batch: Batch) -> None:
        """Keep what lies within reach of tags at the batch's horizon."""
        earliest_ps = batch.horizon_ps - self._reach_ps
        first = int(np.searchsorted(batch.times_ps, earliest_ps))
        times_ps, channels = batch.times_ps[first:], batch.channels[first:]
        if first == 0 and self.times_ps.size:
            old = int(np.searchsorted(self.times_ps, earliest_ps))
            self.times_ps = np.concatenate((self.times_ps[old:], times_ps))
            self.channels = np.concatenate((self.channels[old:], channels))
        else:
            self.times_ps, self.channels = times_ps.copy(), channels.copy()

    def clear(self) -> None:
        """Forget all tags."""
        self.times_ps, self.channels = self.times_ps[:0], self.channels[:0]


class MatrixCounter:
    """All pairs of all channels; `counts` is flat (n²,), indexed by [later, earlier]."""

    def __init__(self, n_channels: int, window_full_ps: int) -> None:
        self.counts = np.zeros(n_channels * n_channels, dtype=np.int64)
        self._n_channels = n_channels
        self._half_ps = window_full_ps // 2  # separations are whole picoseconds
        self._tail = Tail(self._half_ps)

    def count(self, batch: Batch) -> None:
        tail = self._tail
        tail.match(batch)
        bad = _kernels.count_matrix(
            batch.times_ps,
            batch.channels,
            self._n_channels,
            self._half_ps,
            tail.times_ps,
            tail.channels,
            self.counts,
        )
        if bad >= 0:
            raise _checks.bad_tag(batch.times_ps, batch.channels, bad, self._n_channels)
        tail.renew(batch)

    def cut(self) -> None:
        self._tail.clear()

    def symmetric(self) -> NDArray[np.int64]:
        """Return the counts as a symmetric matrix (n, n), each pair once on the diagonal."""
        one_sided = self.counts.reshape(self._n_channels, self._n_channels)
        matrix = one_sided + one_sided.T
        np.fill_diagonal(matrix, one_sided.diagonal())
        return matrix


class LagCounter:
    """Lag histograms of chosen pairs (k, 2) of distinct rows; `counts` is (k, 2n + 1)."""

    def __init__(self, n_channels: int, pairs: Times, bins_per_side: int, bin_ps: int) -> None:
        self.counts = np.zeros((len(pairs), 2 * bins_per_side + 1), dtype=np.int64)
        self._bin_ps = bin_ps
        self._reach_ps = bins_per_side * bin_ps + bin_ps // 2
        self._tail = Tail(self._reach_ps)
        self._slots = np.full((n_channels, n_channels), -1, dtype=np.int32)
        self._slots[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))

    def count(self, batch: Batch) -> None:
        tail = self._tail
        tail.match(batch)
        bad = _kernels.count_lags(
            batch.times_ps,
            batch.channels,
            self._slots,
            self._reach_ps,
            self._bin_ps,
            tail.times_ps,
            tail.channels,
            self.counts,
        )
        if bad >= 0:
            raise _checks.bad_tag(batch.times_ps, batch.channels, bad, len(self._slots))
        tail.renew(batch)

    def cut(self) -> None:
        self._tail.clear()


class PartnerCounter:
    """Tags with an earlier partner, for chosen pairs (k, 2); `counts` is (k,)."""

    def __init__(self, n_channels: int, pairs: Times, window_full_ps: int) -> None:
        self.counts = np.zeros(len(pairs), dtype=np.int64)
        self._half_ps = window_full_ps // 2
        entries = sorted(
            {(a, b, row) for row, (a, b) in enumerate(pairs.tolist())}
            | {(b, a, row) for row, (a, b) in enumerate(pairs.tolist())}
        )
        table = np.array(entries, dtype=np.int64).reshape(-1, 3)
        self._first = np.searchsorted(table[:, 0], np.arange(n_channels + 1))
        self._partners = table[:, 1].copy()
        self._slots = table[:, 2].copy()
        self._latest_ps = np.empty(n_channels, dtype=np.int64)
        self.cut()

    def count(self, batch: Batch) -> None:
        bad = _kernels.count_partners(
            batch.times_ps,
            batch.channels,
            self._half_ps,
            self._first,
            self._partners,
            self._slots,
            self._latest_ps,
            self.counts,
        )
        if bad >= 0:
            raise _checks.bad_tag(batch.times_ps, batch.channels, bad, self._latest_ps.size)

    def cut(self) -> None:
        self._latest_ps.fill(np.iinfo(np.int64).min)


class OneToOneCounter:
    """Greedy one-to-one pairs, each channel pair on its own (k, 2); `counts` is (k,).

    The batches come from an aligner that orders ties, which also checks the tags.
    """

    def __init__(self, n_channels: int, pairs: Times, window_full_ps: int) -> None:
        self.counts = np.zeros(len(pairs), dtype=np.int64)
        self._half_ps = window_full_ps // 2
        self._n_channels = n_channels
        self._pairs = [(a, b) for a, b in pairs.tolist()]
        self._unpaired: list[tuple[Times, Times]] = []
        self.cut()

    def count(self, batch: Batch) -> None:
        sizes = np.bincount(batch.channels, minlength=self._n_channels)
        ends = np.cumsum(sizes) - sizes
        split = np.empty(batch.times_ps.size, dtype=np.int64)
        _kernels.place_by_channel(batch.times_ps, batch.channels, ends, split)
        streams = [split[end - size : end] for size, end in zip(sizes, ends, strict=True)]
        earliest_ps = batch.horizon_ps - self._half_ps
        for row, (a, b) in enumerate(self._pairs):
            a_ps = _joined(self._unpaired[row][0], streams[a])
            b_ps = _joined(self._unpaired[row][1], streams[b])
            if a == b:
                found, used_a = _kernels.pair_neighbors(a_ps, self._half_ps)
                used_b = b_ps.size
            else:
                found, used_a, used_b = _kernels.pair_one_to_one(a_ps, b_ps, self._half_ps)
            self.counts[row] += found
            self._unpaired[row] = (
                _from(a_ps[used_a:], earliest_ps),
                _from(b_ps[used_b:], earliest_ps),
            )

    def cut(self) -> None:
        nothing = np.empty(0, dtype=np.int64)
        self._unpaired = [(nothing, nothing)] * len(self._pairs)


def _joined(old_ps: Times, new_ps: Times) -> Times:
    """Return both stretches as one."""
    return np.concatenate((old_ps, new_ps)) if old_ps.size else new_ps


def _from(times_ps: Times, earliest_ps: int) -> Times:
    """Return a copy of the times that are not too old."""
    return times_ps[int(np.searchsorted(times_ps, earliest_ps)) :].copy()
