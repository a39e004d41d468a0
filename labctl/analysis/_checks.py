"""Checks of arguments shared by all counting functions; tags are checked while counting."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.tags.block import Channels, TagBlock, Times

Pairs: TypeAlias = Sequence[tuple[int, int]] | NDArray[Any]

#: Bounds that keep every sum of a time, a delay and a window inside int64.
MAX_TIME_PS = 3 << 61
MAX_SPAN_PS = 1 << 60
MAX_CHANNELS = 1 << 16


def channel_count(n_channels: int) -> int:
    """Return n_channels as int, between 1 and 65536."""
    number = operator.index(n_channels)
    if not 1 <= number <= MAX_CHANNELS:
        raise ValueError(f"n_channels = {number} is outside 1 to {MAX_CHANNELS}")
    return number


def positive_ps(name: str, value: int) -> int:
    """Return a duration as int, if it is positive and at most 2**60 ps."""
    number = operator.index(value)
    if not 0 < number <= MAX_SPAN_PS:
        raise ValueError(f"{name} = {number} ps is outside 1 to {MAX_SPAN_PS} ps")
    return number


def delays(delays_ps: ArrayLike | None, n_channels: int) -> Times:
    """Return the delays as int64 (n_channels,); none given means all zero."""
    if delays_ps is None:
        return np.zeros(n_channels, dtype=np.int64)
    values = np.asarray(delays_ps)
    if values.shape != (n_channels,):
        raise ValueError(
            f"delays_ps has shape {values.shape}; {n_channels} channels need ({n_channels},)"
        )
    if values.dtype.kind not in "iu":
        raise ValueError(f"delays_ps has type {values.dtype}; give whole picoseconds")
    if np.any(values > MAX_SPAN_PS >> 1) or np.any(values < -(MAX_SPAN_PS >> 1)):
        raise ValueError(f"a delay is outside ±{MAX_SPAN_PS >> 1} ps")
    return values.astype(np.int64)


def channel_pairs(pairs: Pairs, n_channels: int) -> Times:
    """Return the pairs as int64 (k, 2) if every channel exists."""
    values = np.asarray(pairs)
    if values.size == 0:
        return np.empty((0, 2), dtype=np.int64)
    if values.ndim != 2 or values.shape[1] != 2 or values.dtype.kind not in "iu":  # noqa: PLR2004 - (k, 2)
        raise ValueError(f"pairs has shape {values.shape} and type {values.dtype}; give (a, b)s")
    if values.min() < 0 or values.max() >= n_channels:
        wrong = values[((values < 0) | (values >= n_channels)).any(axis=1)][0].tolist()
        raise ValueError(f"pair {tuple(wrong)} names a channel outside 0 to {n_channels - 1}")
    return values.astype(np.int64)


def times(times_ps: ArrayLike) -> Times:
    """Return a read-only view of the times as contiguous int64."""
    values = np.asarray(times_ps)
    if values.dtype != np.int64:
        if values.dtype.kind not in "iu" and values.size:
            raise ValueError(f"times_ps has type {values.dtype}; give whole picoseconds (int64)")
        values = values.astype(np.int64)
    return _frozen(values, "times_ps")


def channels(channels: ArrayLike) -> Channels:
    """Return a read-only view of the channel numbers as contiguous uint8 or uint16."""
    values = np.asarray(channels)
    if values.dtype not in (np.uint8, np.uint16):
        if values.dtype.kind not in "iu" and values.size:
            raise ValueError(f"channels has type {values.dtype}; give uint8 or uint16")
        if values.size and (values.min() < 0 or values.max() >= MAX_CHANNELS):
            raise ValueError(f"channels {values.min()} to {values.max()}: outside 0 to 65535")
        values = values.astype(np.uint16)
    return _frozen(values, "channels")


def whole_block(times_ps: ArrayLike, channel_numbers: ArrayLike) -> TagBlock:
    """Return one block from the first tag to the last; the caller's arrays stay writable."""
    values = times(times_ps)
    numbers = channels(channel_numbers)
    if values.size == 0:
        return TagBlock(values, numbers, 0, 0)
    first, last = int(values[0]), int(values[-1])
    if last < first:
        raise ValueError(f"times_ps is not sorted: it ends at {last} ps, before its start {first}")
    return TagBlock(values, numbers, first, last + 1)


def interval(block: TagBlock) -> None:
    """Refuse a block whose tags lie outside its interval, or outside ±3·2**61 ps."""
    if block.start_ps < -MAX_TIME_PS or block.stop_ps > MAX_TIME_PS:
        raise ValueError(
            f"block {block.sequence} covers {block.start_ps} to {block.stop_ps} ps; "
            f"times up to ±{MAX_TIME_PS} ps can be counted"
        )
    if len(block) and (block.times_ps[0] < block.start_ps or block.times_ps[-1] >= block.stop_ps):
        raise ValueError(
            f"block {block.sequence} covers [{block.start_ps}, {block.stop_ps}) ps, its tags run "
            f"from {block.times_ps[0]} to {block.times_ps[-1]} ps; they must lie inside and sorted"
        )


def bad_tag(times_ps: Times, numbers: Channels, index: int, n_channels: int) -> ValueError:
    """Return the error for the tag at which a kernel stopped."""
    if numbers[index] >= n_channels:
        return ValueError(
            f"tag {index} has channel {numbers[index]}; n_channels = {n_channels} allows "
            f"0 to {n_channels - 1}"
        )
    return ValueError(
        f"times_ps is not sorted: tag {index} at {times_ps[index]} ps follows "
        f"{times_ps[index - 1]} ps"
    )


def _frozen(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return a contiguous read-only view, the one layout the kernels are compiled for."""
    if values.ndim != 1:
        raise ValueError(f"{name} has shape {values.shape}; give one dimension")
    flags = values.flags
    if not (flags.c_contiguous and flags.aligned):
        values = np.require(values, requirements=["C", "A"])
    if values.flags.writeable:
        values = values.view()
        values.flags.writeable = False
    return values
