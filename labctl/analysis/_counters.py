"""Counting state of one contiguous stretch of merged tags; independent of delays and gaps.

Each counter takes the batches of an `Aligner` in order. `cut` forgets what could still meet
later tags and keeps the counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Batch
from labctl.tags.block import Times

#: Where fewer than one in this many pairs of channels has a histogram, tags of others are skipped.
SKIP_FRACTION = 4


class Counter(Protocol):
    """What an analyzer needs of its counting state."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """The counts so far."""

    def count(self, batch: Batch) -> None:
        """Add a batch; ValueError for a tag out of order or an unknown channel."""

    def cut(self) -> None:
        """Let no later tag meet an earlier one."""


class Part(NamedTuple):
    """Tags to be counted from index `first` on; those before are there to be looked back at.

    The tag at index i is the tag i - offset of the batch.
    """

    times_ps: Times
    channels: NDArray[Any]
    first: int
    offset: int


class Tail:
    """The newest tags of a stretch: those that a later tag can still reach."""

    def __init__(self, reach_ps: int) -> None:
        self._reach_ps = reach_ps
        self.times_ps = np.empty(0, dtype=np.int64)
        self.channels: NDArray[Any] = np.empty(0, dtype=np.uint8)

    def before(self, batch: Batch) -> Iterator[Part]:
        """Yield the batch as parts to be counted, with what each can reach in front.

        The first tags of a batch reach into the tail: they are joined to it by a copy.
        """
        times_ps, channels = batch.times_ps, batch.channels
        size = self.times_ps.size
        head = 0
        if size and times_ps.size:
            self.match(batch)
            head = int(np.searchsorted(times_ps, times_ps[0] + self._reach_ps, side="right"))
            head = max(head, 1)  # of an unsorted batch, which the count of the rest refuses
            yield Part(
                np.concatenate((self.times_ps, times_ps[:head])),
                np.concatenate((self.channels, channels[:head])),
                size,
                size,
            )
        if head < times_ps.size:
            yield Part(times_ps, channels, head, 0)

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

    def take_reach(self, reach_ps: int) -> None:
        """Keep tags that are within this reach from now on; what was let go stays gone."""
        self._reach_ps = reach_ps

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
        for part in self._tail.before(batch):
            bad = _kernels.count_matrix(
                part.times_ps,
                part.channels,
                part.first,
                self._n_channels,
                self._half_ps,
                self.counts,
            )
            raise_if_bad(batch, bad, part, self._n_channels)
        self._tail.renew(batch)

    def cut(self) -> None:
        self._tail.clear()

    def symmetric(self) -> NDArray[np.int64]:
        """Return the counts as a symmetric matrix (n, n), each pair once on the diagonal."""
        return symmetric_counts(self.counts, self._n_channels)


def symmetric_counts(flat: NDArray[np.int64], n_channels: int) -> NDArray[np.int64]:
    """Return counts [later, earlier] as a symmetric matrix (n, n), diagonal pairs once."""
    one_sided = flat.reshape(n_channels, n_channels)
    matrix = one_sided + one_sided.T
    np.fill_diagonal(matrix, one_sided.diagonal())
    return matrix


class LagCounter:
    """Lag histograms of chosen pairs (k, 2) of distinct rows; `counts` is (k, 2n + 1)."""

    def __init__(self, n_channels: int, pairs: Times, bins_per_side: int, bin_ps: int) -> None:
        self._n_channels = n_channels
        self._bin_ps = bin_ps
        self._reach_ps = bins_per_side * bin_ps + bin_ps // 2
        self._tail = Tail(self._reach_ps)
        self._rows, self._rules = lag_rules(n_channels, pairs, bins_per_side)
        wanted = np.count_nonzero(self._rules[:, 0])
        self._least = int(wanted * SKIP_FRACTION < len(self._rules))

    @property
    def counts(self) -> NDArray[np.int64]:
        return lag_counts(self._rows)

    def count(self, batch: Batch) -> None:
        for part in self._tail.before(batch):
            bad = _kernels.count_lags(
                part.times_ps,
                part.channels,
                part.first,
                self._n_channels,
                self._rules,
                self._least,
                self._reach_ps,
                self._bin_ps,
                self._rows.reshape(-1),
            )
            raise_if_bad(batch, bad, part, self._n_channels)
        self._tail.renew(batch)

    def cut(self) -> None:
        self._tail.clear()


def lag_rules(
    n_channels: int, pairs: Times, bins_per_side: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows for k distinct pairs and the rules by which `count_lags` fills them.

    There is one row more than pairs, which nobody reads, and one bin more per row: with an
    even bin a lag equal to the reach lies just outside, because bins are open above.
    """
    width = 2 * bins_per_side + 2
    rows = np.zeros((len(pairs) + 1, width), dtype=np.int64)
    rules = np.zeros((n_channels * n_channels, 4), dtype=np.int64)
    rules[:, 2] = len(pairs) * width
    for row, (a, b) in enumerate(pairs.tolist()):
        for sign, entry in ((1, a * n_channels + b), (-1, b * n_channels + a)):
            if rules[entry, 0] == 0:
                rules[entry] = 1, sign, row * width, 0
            else:  # (b, a) after (a, b), or both directions of (a, a)
                rules[entry, 0], rules[entry, 3] = 2, row * width
    return rows, rules


def lag_centers_ps(bins_per_side: int, bin_ps: int) -> NDArray[np.int64]:
    """Return the bin centres -n·bin_ps … n·bin_ps, read-only."""
    centers_ps = np.arange(-bins_per_side, bins_per_side + 1, dtype=np.int64) * bin_ps
    centers_ps.flags.writeable = False
    return centers_ps


def lag_counts(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the part of the rows that is read, (k, 2n + 1)."""
    return rows[:-1, :-1]


def raise_if_bad(batch: Batch, bad: int, part: Part, n_channels: int) -> None:
    """Raise ValueError for the bad tag of a part at which a kernel stopped."""
    if bad >= 0:
        raise _checks.bad_tag(batch.times_ps, batch.channels, bad - part.offset, n_channels)


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
