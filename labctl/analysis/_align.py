"""Delay correction: one merged stream of shifted tags, in order, whatever the delays.

Tags are held until no later one can precede them. Delays up to some ten nanoseconds leave the
stream nearly sorted and insertion is nearly free; at fibre scale insertion would cost one move
per tag and per tag in flight. The aligner then sorts packed (time, channel) keys by way of cells
of about one tag each, at a cost that does not depend on the delays. It starts with insertion
and changes over for good when a batch takes more than half a move per tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _checks, _kernels
from labctl.analysis._key_order import BadTagError, KeySorter, Unsorted
from labctl.tags.block import MAX_BLOCK_TAGS, Channels, TagBlock, Times

#: A move costs about 2 ns, sorting about 5 ns per tag: insertion may take one move for two tags.
TAGS_PER_MOVE = 2
#: Moves that are never worth a change of method.
SMALL_BUDGET = 4096
UNLIMITED = int(np.iinfo(np.int64).max)
KEY_BITS = 63


class Batch(NamedTuple):
    """Sorted tags; every later tag has a time of at least `horizon_ps`.

    The arrays are views of a buffer and valid until the next batch.
    """

    times_ps: Times
    channels: Channels
    horizon_ps: int


class Aligner:
    """Merged stream of the channels in use, delays subtracted; owned by one analyzer.

    Shifted times are common-mode: delays are subtracted up to one constant, which no time
    difference sees. Channels in use are renumbered 0, 1, … in their order; without delays and
    with all channels in use the blocks pass through uncopied and unrenumbered.
    """

    def __init__(
        self,
        delays_ps: Times,
        used: NDArray[np.bool_] | None = None,
        *,
        orders_ties: bool = False,
    ) -> None:
        self.n_channels = delays_ps.size
        mask = np.ones(self.n_channels, dtype=np.bool_) if used is None else used
        self.labels = np.where(mask, np.cumsum(mask) - 1, -1).astype(np.int64)
        self.n_used = int(mask.sum())
        latest = delays_ps[mask].max(initial=-_checks.MAX_SPAN_PS)
        self._advances_ps = np.where(mask, latest - delays_ps, 0).astype(np.int64)
        self._spread_ps = int(self._advances_ps.max())
        self._passes_through = bool(mask.all()) and self._spread_ps == 0 and not orders_ties
        self._bits = max(1, (self.n_used - 1).bit_length())
        self._sorts = False
        self._sorter = KeySorter()
        self._no_advance_ps = np.zeros(self.n_used, dtype=np.int64)
        self._same_labels = np.arange(self.n_used)
        kind = np.uint8 if self.n_used <= 1 << 8 else np.uint16
        self._times_ps = np.empty(0, dtype=np.int64)
        self._channels: NDArray[Any] = np.empty(0, dtype=kind)
        self._first = 0  # tags not yet released: buffer[first:filled]
        self._filled = 0

    def push(self, block: TagBlock) -> Iterator[Batch]:
        """Yield what the block completes, in batches that fit the cache.

        Raises:
            ValueError: a tag is out of order, or its channel does not exist.
        """
        times_ps = _checks.times(block.times_ps)
        channels = _checks.channels(block.channels)
        if self._passes_through:
            yield Batch(times_ps, channels, block.stop_ps)
            return
        start = 0
        while start < times_ps.size or start == 0:
            # Batches grow with what is in flight, so that no tag is handled many times.
            stop = start + max(MAX_BLOCK_TAGS, 2 * (self._filled - self._first))
            is_last = stop >= times_ps.size
            if not is_last and times_ps[stop] < times_ps[stop - 1]:
                raise _checks.bad_tag(times_ps, channels, stop, self.n_channels)
            horizon_ps = block.stop_ps if is_last else int(times_ps[stop])
            part = slice(start, stop)
            try:
                yield self._add(times_ps[part], channels[part], horizon_ps)
            except BadTagError as bad:
                raise _checks.bad_tag(
                    times_ps, channels, start + bad.index, self.n_channels
                ) from None
            start = stop

    def pending(self) -> Batch:
        """Return the tags still held, in order; they stay held."""
        return self._view(self._first, self._filled, _checks.MAX_TIME_PS)

    def clear(self) -> None:
        """Forget the tags still held."""
        self._first = self._filled = 0

    def _add(self, times_ps: Times, channels: Channels, horizon_ps: int) -> Batch:
        """Return the tags that lie before the horizon, all in order."""
        self._make_room(times_ps.size)
        done = 0
        if not self._sorts:
            budget = times_ps.size // TAGS_PER_MOVE + SMALL_BUDGET
            done = self._insert(times_ps, channels, 0, budget)
        if done < times_ps.size:
            self._sorts = True
            self._sort(times_ps, channels, done)
        cut = int(np.searchsorted(self._times_ps[: self._filled], horizon_ps))
        batch = self._view(0, cut, horizon_ps)
        self._first = cut
        return batch

    def _make_room(self, incoming: int) -> None:
        """Move the held tags to the front of buffers with room for the incoming ones."""
        held = slice(self._first, self._filled)
        count = self._filled - self._first
        times_ps, channels = self._times_ps, self._channels
        if count + incoming > self._times_ps.size:
            size = count + max(incoming, MAX_BLOCK_TAGS)
            self._times_ps = np.empty(size, dtype=np.int64)
            self._channels = np.empty(size, dtype=channels.dtype)
        self._times_ps[:count] = times_ps[held]
        self._channels[:count] = channels[held]
        self._first, self._filled = 0, count

    def _insert(self, times_ps: Times, channels: Channels, first: int, budget: int) -> int:
        """Insert tags one by one until the budget is spent; return where it ended."""
        filled, done, is_bad = _kernels.insert_shifted(
            times_ps[first:],
            channels[first:],
            self._advances_ps,
            self.labels,
            self._times_ps,
            self._channels,
            self._filled,
            budget,
        )
        self._raise_if_bad(times_ps, first, first + done if is_bad else None)
        self._filled = filled
        return int(first + done)

    def _sort(self, times_ps: Times, channels: Channels, done: int) -> None:
        """Put the tags from `done` on and the held ones in order by sorting packed keys."""
        held = self._filled
        first_ps = int(times_ps[done])
        last_ps = int(times_ps[-1]) + self._spread_ps
        if held:
            first_ps = min(first_ps, int(self._times_ps[0]))
            last_ps = max(last_ps, int(self._times_ps[held - 1]))
        largest_key = (max(last_ps - first_ps, 0) + 1) << self._bits
        if largest_key.bit_length() > KEY_BITS:
            # Times too far apart to share 63 bits with a channel: then few are in flight.
            self._insert(times_ps, channels, done, budget=UNLIMITED)
            return
        kept = Unsorted(
            self._times_ps[:held], self._channels[:held], self._no_advance_ps, self._same_labels
        )
        tags = Unsorted(times_ps[done:], channels[done:], self._advances_ps, self.labels)
        try:
            keys = self._sorter.ordered(kept, tags, first_ps, self._bits, largest_key)
        except BadTagError as bad:
            self._raise_if_bad(times_ps, done, done + bad.index)
        self._raise_if_bad(times_ps, done, None)
        _kernels.unpack(keys, first_ps, self._bits, self._times_ps, self._channels)
        self._filled = keys.size

    @staticmethod
    def _raise_if_bad(times_ps: Times, first: int, bad: int | None) -> None:
        """Raise for a bad tag, or for a step back just before the first one of a call."""
        if 0 < first < times_ps.size and times_ps[first] < times_ps[first - 1]:
            raise BadTagError(first)
        if bad is not None:
            raise BadTagError(bad)

    def _view(self, first: int, stop: int, horizon_ps: int) -> Batch:
        times_ps = self._times_ps[first:stop]
        channels = self._channels[first:stop]
        times_ps.flags.writeable = False
        channels.flags.writeable = False
        return Batch(times_ps, channels, horizon_ps)
