"""Pairs with the places of their tags: what sifting needs to look up both detections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._stream import LiveTime
from labctl.analysis.results import Convention, Counted
from labctl.analysis.windows import effective_window_ps
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock, TagFlags

__all__ = ["PairUpAnalyzer", "PairedTags", "pair_up"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PairedTags(Counted):
    """Pairs of tags of two channels, in order of time: `counts` is (1,), their number.

    Attributes:
        first: int64 (k,), index of the tag of channel a of each pair, counted from the
            beginning of the stream over all tags of all blocks, lossy ones included.
        second: int64 (k,), index of the tag of channel b. Within one channel (a = b) the first
            is the earlier one.
        pair: the channels (a, b).
        window_full_ps: the window asked for, full width.
        window_effective_ps: see `effective_window_ps`.
        convention: always "greedy_one_to_one".
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    pair: tuple[int, int]
    window_full_ps: int
    window_effective_ps: int
    convention: Convention = "greedy_one_to_one"

    def __post_init__(self) -> None:
        for values in (self.counts, self.first, self.second):
            values.flags.writeable = False


def pair_up(
    times_ps: ArrayLike,
    channels: ArrayLike,
    a: int,
    b: int,
    window_full_ps: int,
    delays_ps: ArrayLike | None = None,
    resolution_ps: int | None = None,
) -> PairedTags:
    """Return the indices of both tags of each pair of channels a and b, each tag used once.

    Convention `greedy_one_to_one`: walking the merged stream in order of (time, channel), a tag
    pairs with the oldest unpaired partner tag still within w/2; both are then used. The pairs
    are those that `count_pairs` counts by this convention. Order is taken after subtraction of
    the delays.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        a: channel of `first`.
        b: channel of `second`; the same one pairs within the channel.
        window_full_ps: full width w.
        delays_ps: int64 (n_channels,), subtracted from the times; any size and sign. Their
            number says which channels exist; without delays all do.
        resolution_ps: step of the tagger, for `window_effective_ps`.

    Raises:
        ValueError: unsorted times, a channel without a delay, or a window that is not positive.
    """
    analyzer = PairUpAnalyzer(a, b, window_full_ps, delays_ps, resolution_ps)
    analyzer.update(_checks.whole_block(times_ps, channels))
    return analyzer.result()


class PairUpAnalyzer:
    """`pair_up` for a stream of blocks, with the same indices for any split.

    No pair spans a loss or a gap. The results of `take` join to what a single `result` would
    have been, indices counted from the beginning throughout: a long stream is processed in
    constant memory. Owned by the thread that calls `update`.
    """

    def __init__(
        self,
        a: int,
        b: int,
        window_full_ps: int,
        delays_ps: ArrayLike | None = None,
        resolution_ps: int | None = None,
    ) -> None:
        number = _checks.MAX_CHANNELS if delays_ps is None else np.asarray(delays_ps).size
        self._delays_ps = _checks.delays(delays_ps, number)
        ((self._a, self._b),) = _checks.channel_pairs([(a, b)], number).tolist()
        self._window_full_ps = _checks.positive_ps("window_full_ps", window_full_ps)
        self._half_ps = self._window_full_ps // 2  # separations are whole picoseconds
        self._effective_ps = effective_window_ps(
            self._window_full_ps,
            resolution_ps,
            int(self._delays_ps[self._a] - self._delays_ps[self._b]),
        )
        self._time = LiveTime()
        self._offset = 0
        self._queues = _Queue(), _Queue()
        self._found = np.empty((2, 0), dtype=np.int64)
        self._parts: list[NDArray[np.int64]] = []

    def update(self, block: TagBlock) -> None:
        """Add a block; the tags of one that is not lossless only count for the indices.

        Raises:
            ValueError: a tag is out of order, outside its block's interval, or its channel has
                no delay; the analyzer then accepts nothing more.
        """
        if not self._time.enter(block):
            for queue in self._queues:
                queue.keep(queue.filled)
        if block.is_lossless:
            for start in range(0, len(block), MAX_BLOCK_TAGS):
                self._pair(block, start, min(start + MAX_BLOCK_TAGS, len(block)))
            self._forget_before(block.stop_ps)
        self._offset += len(block)
        self._time.accept()

    def _pair(self, block: TagBlock, start: int, stop: int) -> None:
        """Pair the tags start … stop - 1 of a block with each other and with those waiting."""
        times_ps, channels = _checks.times(block.times_ps), _checks.channels(block.channels)
        a, b = self._queues
        room = 0
        for queue in self._queues:
            room = max(room, queue.make_room(stop - start))
        if room > self._found.shape[1]:
            self._found = np.empty((2, room), dtype=np.int64)
        a.filled, b.filled, bad = _kernels.queue_pair(
            times_ps,
            channels,
            start,
            stop,
            self._delays_ps,
            self._a,
            self._b,
            self._half_ps,
            self._offset,
            a.tags,
            a.filled,
            b.tags,
            b.filled,
        )
        if bad >= 0:
            raise _checks.bad_tag(times_ps, channels, bad, self._delays_ps.size)
        if self._a == self._b:
            pairs, used_a = _kernels.pair_within(a.tags, a.filled, self._half_ps, self._found)
            used_b = 0
        else:
            pairs, used_a, used_b = _kernels.pair_fronts(
                a.tags, a.filled, b.tags, b.filled, self._half_ps, self._found
            )
        if pairs:
            self._parts.append(self._found[:, :pairs].copy())
        a.keep(used_a)
        b.keep(used_b)

    def _forget_before(self, horizon_ps: int) -> None:
        """Forget the unpaired tags that no tag from the horizon on can reach."""
        for queue, partner in zip(self._queues, (self._b, self._a), strict=True):
            earliest_ps = horizon_ps - int(self._delays_ps[partner]) - self._half_ps
            queue.keep(int(np.searchsorted(queue.tags[0, : queue.filled], earliest_ps)))

    def result(self) -> PairedTags:
        """Return the pairs since the last `take`, as if the stream ended here; it may go on."""
        self._time.refuse_if_broken()
        first, second = np.concatenate([self._found[:, :0], *self._parts], axis=1)
        return PairedTags(
            counts=np.array([first.size]),
            live_s=self._time.live_s,
            flags=self._time.flags,
            lost=self._time.lost,
            first=first,
            second=second,
            pair=(self._a, self._b),
            window_full_ps=self._window_full_ps,
            window_effective_ps=self._effective_ps,
        )

    def take(self) -> PairedTags:
        """Return the pairs and the live time since the last `take`, and forget them."""
        result = self.result()
        self._parts = []
        self._time.live_ps, self._time.flags, self._time.lost = 0, TagFlags.NONE, 0
        return result


class _Queue:
    """Unpaired tags of one channel: `tags` (2, size) holds times and indices up to `filled`."""

    def __init__(self) -> None:
        self.tags = np.empty((2, 0), dtype=np.int64)
        self.filled = 0

    def make_room(self, incoming: int) -> int:
        """Make room for that many tags and one written in vain; return the size."""
        size = self.filled + incoming + 1
        if size > self.tags.shape[1]:
            larger = np.empty((2, size), dtype=np.int64)
            larger[:, : self.filled] = self.tags[:, : self.filled]
            self.tags = larger
        return self.tags.shape[1]

    def keep(self, first: int) -> None:
        """Forget the tags before this place."""
        kept = self.tags[:, first : self.filled].copy()
        self.filled = kept.shape[1]
        self.tags[:, : self.filled] = kept
