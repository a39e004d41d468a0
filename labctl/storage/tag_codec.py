"""Tags to rows and back: 32-bit steps with escapes for long gaps (see `schema`). Pure NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.storage.schema import MAX_APPEND_ROWS, escape_channel
from labctl.tags.block import Channels, TagBlock, TagFlags, Times

__all__ = ["EncodedTags", "decode", "encode", "split"]

_STEP_BITS: Final = np.uint64(32)
_LARGEST_STEP: Final = np.uint64(2**32 - 1)


@dataclass(frozen=True, slots=True)
class EncodedTags:
    """Rows ready to be appended: `delta` u4 and `channel` u1 or u2 of equal length."""

    delta: NDArray[np.uint32]
    channel: NDArray[Any]


def encode(
    times_ps: Times, channels: Channels, previous_ps: int, dtype: np.dtype[Any]
) -> EncodedTags:
    """Return the rows of these tags, the first step counting from `previous_ps`."""
    # Unsigned differences wrap modulo 2^64 and so hold any gap between two int64 times.
    absolute = times_ps.view(np.uint64)
    step = np.empty(absolute.size, np.uint64)
    step[:1] = absolute[:1] - np.array([previous_ps], np.int64).view(np.uint64)
    np.subtract(absolute[1:], absolute[:-1], out=step[1:])
    stored_channels = np.ascontiguousarray(channels, dtype)
    if not step.size or step.max() <= _LARGEST_STEP:
        return EncodedTags(step.astype("<u4"), stored_channels)
    long_gaps = np.flatnonzero(step > _LARGEST_STEP)
    rows = step & _LARGEST_STEP
    return EncodedTags(
        np.insert(rows, long_gaps, step[long_gaps] >> _STEP_BITS).astype("<u4"),
        np.insert(stored_channels, long_gaps, escape_channel(dtype)),
    )


def decode(
    delta: NDArray[np.uint32], channel: NDArray[Any], t0_ps: int
) -> tuple[Times, NDArray[Any]]:
    """Return times and channels of the rows of one append."""
    step = delta.astype(np.uint64)
    escape = channel == escape_channel(channel.dtype)
    has_escapes = bool(escape.any())
    if has_escapes:
        np.left_shift(step, _STEP_BITS, out=step, where=escape)
    np.cumsum(step, out=step)
    step += np.array([t0_ps], np.int64).view(np.uint64)
    times_ps = step.view(np.int64)
    if has_escapes:
        return times_ps[~escape], channel[~escape]
    return times_ps, channel


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
