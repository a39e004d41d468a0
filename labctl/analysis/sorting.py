"""Nearly sorted streams in order: exactly within a bound, with what exceeds it set aside.

Taggers deliver tags a little out of order, because their channels have separate buffers. A tag
at most `max_disorder_ps` before the latest one in front of it is put exactly where it belongs;
one that comes later still may belong before tags that were handed on already, so it is returned
apart and flagged, never moved and never dropped silently. (A reader of files, whose singles
must stay whole, moves such tags instead: see `labctl.tags.formats.ordering`.)
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.tags.block import MAX_BLOCK_TAGS, Channels, TagFlags, Times

__all__ = ["BoundedSorter", "SortedTags", "sort_bounded"]

#: Moves per tag beyond which insertion gives way to a general sort.
MOVES_PER_TAG = 64
_EMPTY_PS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SortedTags:
    """Tags in order, and apart from them those that came too late.

    Attributes:
        times_ps: int64 (n,), sorted; tags of equal time in the order they came.
        channels: uint8 or uint16 (n,).
        late_times_ps: int64 (k,), tags that came too late, in the order they came.
        late_channels: uint8 or uint16 (k,).
        late_indices: int64 (k,), their places in the input, from the beginning of the stream.
        max_disorder_ps: the bound.
        steps_backward: tags with a time before that of the tag in front of them.
        largest_ps: how far any tag, late ones included, lay before the latest one in front.
        flags: UNSORTED if any tag came too late.
        convention: always "within_bound": late means t < (latest before) - max_disorder_ps.
    """

    times_ps: Times
    channels: Channels
    late_times_ps: Times
    late_channels: Channels
    late_indices: NDArray[np.int64]
    max_disorder_ps: int
    steps_backward: int
    largest_ps: int
    flags: TagFlags
    convention: str = "within_bound"

    def __post_init__(self) -> None:
        for values in (self.times_ps, self.channels, self.late_times_ps, self.late_channels):
            values.flags.writeable = False
        self.late_indices.flags.writeable = False


def sort_bounded(times_ps: ArrayLike, channels: ArrayLike, max_disorder_ps: int) -> SortedTags:
    """Return the tags in order, and apart those that came more than max_disorder_ps too late.

    A tag is late if its time lies more than max_disorder_ps before the latest time in front of
    it. All others come out in the order of a stable sort.

    Args:
        times_ps: int64 (n,), nearly sorted.
        channels: uint8 or uint16 (n,).
        max_disorder_ps: the bound, 0 to 2**60; with 0 every tag that steps back is late.

    Raises:
        ValueError: a bound outside its range, a time beyond ±3·2**61 ps, or lengths that differ.
    """
    sorter = BoundedSorter(max_disorder_ps)
    sorter.update(times_ps, channels)
    return sorter.result()


class BoundedSorter:
    """`sort_bounded` for a stream in pieces, with the same result for any split.

    The pieces are arrays, because a block is sorted by definition. Tags are held until none to
    come can precede them. The results of `take` join to what a single `result` would have
    been: a long stream is processed in constant memory. Where the stream is interrupted, take
    `result` and start anew. Owned by the thread that calls `update`.
    """

    def __init__(self, max_disorder_ps: int) -> None:
        self._bound_ps = operator.index(max_disorder_ps)
        if not 0 <= self._bound_ps <= _checks.MAX_SPAN_PS:
            raise ValueError(
                f"max_disorder_ps = {self._bound_ps} ps is outside 0 to {_checks.MAX_SPAN_PS} ps"
            )
        self._newest_ps: int | None = None
        self._last_ps = 0
        self._index = 0
        self._times_ps = _EMPTY_PS
        self._channels: NDArray[Any] = np.empty(0, dtype=np.uint8)
        self._forget()

    def _forget(self) -> None:
        """Begin a new result; the held tags stay."""
        self._sorted: list[tuple[Times, Channels]] = []
        self._late: list[tuple[Times, Channels, Times]] = []
        self._steps_backward = 0
        self._largest_ps = 0

    def update(self, times_ps: ArrayLike, channels: ArrayLike) -> None:
        """Add the next tags of the stream, in the order they came.

        Raises:
            ValueError: a time beyond ±3·2**61 ps, or lengths that differ.
        """
        times, numbers = _checks.times(times_ps), _checks.channels(channels)
        if times.size != numbers.size:
            raise ValueError(f"{times.size} times and {numbers.size} channels do not match")
        for start in range(0, times.size, MAX_BLOCK_TAGS):
            part = slice(start, start + MAX_BLOCK_TAGS)
            self._add(times[part], numbers[part])

    def _add(self, times_ps: Times, channels: Channels) -> None:
        """Put a piece in order and hand on what no tag to come can precede."""
        if self._newest_ps is None:
            self._newest_ps = self._last_ps = int(times_ps[0])
        held = self._times_ps.size
        merged_ps = np.concatenate((self._times_ps, np.empty_like(times_ps)))
        merged: NDArray[Any] = np.concatenate((self._channels, np.empty_like(channels)))
        late = np.empty(times_ps.size, dtype=np.int64)
        filled, n_late, newest_ps, steps, largest_ps, bad = _kernels.part_late(
            times_ps,
            channels,
            self._bound_ps,
            self._newest_ps,
            self._last_ps,
            _checks.MAX_TIME_PS,
            merged_ps,
            merged,
            held,
            late,
        )
        if bad >= 0:
            raise ValueError(
                f"tag {self._index + bad} at {times_ps[bad]} ps lies outside "
                f"±{_checks.MAX_TIME_PS} ps"
            )
        merged_ps, merged = merged_ps[:filled], merged[:filled]
        budget = MOVES_PER_TAG * times_ps.size
        if largest_ps and not _kernels.settle_tags(merged_ps, merged, held, filled, budget):
            order = np.argsort(merged_ps, kind="stable")
            merged_ps, merged = merged_ps[order], merged[order]
        if n_late:
            places = late[:n_late]
            self._late.append((times_ps[places], channels[places], places + self._index))
        self._newest_ps, self._last_ps = newest_ps, int(times_ps[-1])
        self._index += times_ps.size
        self._steps_backward += steps
        self._largest_ps = max(self._largest_ps, largest_ps)
        settled = int(np.searchsorted(merged_ps, newest_ps - self._bound_ps))
        self._hand_on(merged_ps, merged, settled)

    def _hand_on(self, times_ps: Times, channels: Channels, settled: int) -> None:
        """Hand on the settled tags and hold the others."""
        if settled:
            self._sorted.append((times_ps[:settled], channels[:settled]))
        self._times_ps, self._channels = times_ps[settled:].copy(), channels[settled:].copy()

    def result(self) -> SortedTags:
        """Return all tags since the last `take`, as if the stream ended here; it may go on."""
        return self._joined([*self._sorted, (self._times_ps, self._channels)])

    def take(self) -> SortedTags:
        """Return the tags that no tag to come can precede, since the last `take`; forget them."""
        result = self._joined(self._sorted)
        self._forget()
        return result

    def _joined(self, parts: list[tuple[Times, Channels]]) -> SortedTags:
        kind = self._channels.dtype
        late_ps, late, indices = zip(
            (_EMPTY_PS, np.empty(0, kind), _EMPTY_PS), *self._late, strict=True
        )
        return SortedTags(
            times_ps=np.concatenate([_EMPTY_PS, *(part[0] for part in parts)]),
            channels=np.concatenate([np.empty(0, kind), *(part[1] for part in parts)]),
            late_times_ps=np.concatenate(late_ps),
            late_channels=np.concatenate(late),
            late_indices=np.concatenate(indices),
            max_disorder_ps=self._bound_ps,
            steps_backward=self._steps_backward,
            largest_ps=self._largest_ps,
            flags=TagFlags.UNSORTED if self._late else TagFlags.NONE,
        )
