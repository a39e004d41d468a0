"""Tags to rows and back: 32-bit steps with escapes for long gaps (see `schema`). Pure NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.storage import _kernels
from labctl.storage.schema import MAX_APPEND_ROWS, escape_channel
from labctl.tags.block import Channels, TagBlock, TagFlags, Times

__all__ = ["EncodedTags", "TagEncoder", "decode", "split"]

_STEP_BITS: Final = np.uint64(32)
_LARGEST_STEP: Final = np.uint64(2**32 - 1)


@dataclass(frozen=True, slots=True)
class EncodedTags:
    """Rows of `delta` and `channel`; deltas are below 2^32 and narrowed when they are stored."""

    delta: NDArray[np.uint64]
    channel: NDArray[Any]


class TagEncoder:
    """Turns tags into rows, in memory that it uses again. Owned by one thread."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._step = np.empty(0, np.uint64)

    def encode(self, times_ps: Times, channels: Channels, previous_ps: int) -> EncodedTags:
        """Return the rows of these tags, the first step counting from `previous_ps`.

        They hold until the next call.
        """
        if times_ps.size > self._step.size:
            # New memory for each block would cost more than the arithmetic: the system clears it.
            self._step = np.empty(times_ps.size, np.uint64)
        step = self._step[: times_ps.size]
        # Unsigned differences wrap modulo 2^64 and so hold any gap between two int64 times.
        absolute = times_ps.view(np.uint64)
        step[:1] = absolute[:1] - np.array([previous_ps], np.int64).view(np.uint64)
        np.subtract(absolute[1:], absolute[:-1], out=step[1:])
        if not step.size or step.max() <= _LARGEST_STEP:
            return EncodedTags(step, channels)
        long_gaps = np.flatnonzero(step > _LARGEST_STEP)
        stored_channels = channels.astype(self._dtype, copy=False)
        return EncodedTags(
            np.insert(step & _LARGEST_STEP, long_gaps, step[long_gaps] >> _STEP_BITS),
            np.insert(stored_channels, long_gaps, escape_channel(self._dtype)),
        )


def decode(
    delta: NDArray[np.unsignedinteger[Any]], channel: NDArray[Any], t0_ps: int
) -> tuple[Times, NDArray[Any]]:
    """Return times and channels of the rows of one append."""
    t0 = np.array([t0_ps], np.int64).view(np.uint64)[0]
    times = np.empty(delta.size, np.uint64)
    escape = channel == escape_channel(channel.dtype)
    if not escape.any():
        _kernels.add_up(delta, t0, times)
        return times.view(np.int64), channel
    step = delta.astype(np.uint64)
    np.left_shift(step, _STEP_BITS, out=step, where=escape)
    np.cumsum(step, out=times)
    times += t0
    return times.view(np.int64)[~escape], channel[~escape]


def split(block: TagBlock, max_tags: int) -> Iterator[TagBlock]:
    """Yield the block in parts of at most `max_tags` tags.

    Tags of the same time stay together, so a part of nothing else may be longer. Parts of a
    block with losses all carry its flags and MISSED: none of them has live time. The first
    part carries the count of lost tags and GAP, which speaks of the time before the block.

    Raises:
        ValueError: over four million tags have the same time.
    """
    if len(block) <= max_tags:
        yield block
        return
    times_ps = block.times_ps
    later_flags = block.flags & ~TagFlags.GAP | (TagFlags.MISSED if block.lost else TagFlags.NONE)
    first, start_ps = 0, block.start_ps
    while first < len(block):
        stop = _cut(times_ps, first, max_tags)
        stop_ps = int(times_ps[stop]) if stop < len(block) else block.stop_ps
        yield TagBlock(
            times_ps[first:stop],
            block.channels[first:stop],
            start_ps,
            stop_ps,
            block.sequence,
            block.lost if first == 0 else 0,
            block.flags if first == 0 else later_flags,
        )
        first, start_ps = stop, stop_ps


def _cut(times_ps: Times, first: int, max_tags: int) -> int:
    if times_ps.size - first <= max_tags:
        return times_ps.size
    last_ps = times_ps[first + max_tags]
    stop = int(np.searchsorted(times_ps, last_ps, side="left"))
    if stop <= first:
        stop = int(np.searchsorted(times_ps, last_ps, side="right"))
    if stop - first > MAX_APPEND_ROWS:
        raise ValueError(
            f"{stop - first} tags have the same time {last_ps} ps; no tagger does that"
        )
    return stop
