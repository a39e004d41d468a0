"""PicoQuant's T2 records; layouts in `labctl.tags.formats.ptu_records`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]

_BATCH = 256
_NO_TAG = np.uint8(255)


@njit(cache=True, nogil=True)
def _split_hydraharp(
    words: Words, count_mask: int, turns: Ints, ticks: Ints, labels: Bytes
) -> tuple[int, int, int, int]:
    """Return the numbers of tags, overflow records, overflows and markers.

    The 7 upper bits: 0 to 63 inputs, 64 sync, 65 to 79 markers, 127 overflow.
    """
    n_tags = 0
    n_records = 0
    n_turns = np.int64(0)
    n_markers = 0
    for i in range(words.size):
        word = words[i]
        low = np.int64(word & np.uint32(0x01FF_FFFF))
        is_overflow = word >= np.uint32(0xFE00_0000)
        is_tag = word < np.uint32(0x8200_0000)
        turn = max(np.int64(1), low & count_mask) if is_overflow else np.int64(0)
        label = np.uint8((word >> np.uint32(25)) + np.uint32(1))
        label = label if word < np.uint32(0x8000_0000) else np.uint8(0)
        turns[i] = turn
        ticks[i] = low
        labels[i] = label if is_tag else _NO_TAG
        n_tags += int(is_tag)
        n_records += int(is_overflow)
        n_turns += turn
        n_markers += int((word >= np.uint32(0x8200_0000)) & (word < np.uint32(0xA000_0000)))
    return n_tags, n_records, int(n_turns), n_markers


@njit(cache=True, nogil=True)
def _split_picoharp(
    words: Words, turns: Ints, ticks: Ints, labels: Bytes
) -> tuple[int, int, int, int]:
    """Return what `_split_hydraharp` returns.

    The 4 upper bits: 0 to 4 channels, 15 marker, or overflow where the 4 lowest are 0.
    """
    n_tags = 0
    n_turns = 0
    n_special = 0
    for i in range(words.size):
        word = words[i]
        is_tag = word < np.uint32(0x5000_0000)
        is_special = word >= np.uint32(0xF000_0000)
        is_overflow = is_special & ((word & np.uint32(0xF)) == 0)
        turns[i] = np.int64(is_overflow)
        ticks[i] = np.int64(word & np.uint32(0x0FFF_FFFF))
        labels[i] = np.uint8(word >> np.uint32(28)) if is_tag else _NO_TAG
        n_tags += int(is_tag)
        n_turns += int(is_overflow)
        n_special += int(is_special)
    return n_tags, n_turns, n_turns, n_special - n_turns


@njit(cache=True, nogil=True)
def _place_all(ticks: Ints, labels: Bytes, base: int, unit: int, times: Ints, out: Bytes) -> None:
    for i in range(ticks.size):
        times[i] = base + ticks[i] * unit
        out[i] = labels[i]


@njit(cache=True, nogil=True)
def _place_tags(
    turns: Ints,
    ticks: Ints,
    labels: Bytes,
    base: int,
    period: int,
    unit: int,
    times: Ints,
    out: Bytes,
) -> None:
    """Place every record behind the tags; what is no tag is overwritten by the next.

    Some record is no tag, so that there is room for the last one, whatever it is.
    """
    k = np.uint64(0)
    for i in range(turns.size):
        base += turns[i] * period
        times[k] = base + ticks[i] * unit
        out[k] = labels[i]
        k += np.uint64(labels[i] != _NO_TAG)


@njit(cache=True, nogil=True)
def decode_t2(
    words: Words,
    is_picoharp: bool,  # noqa: FBT001 - kernels take no keywords
    count_mask: int,
    base: int,
    period: int,
    unit: int,
    times: Ints,
    channels: Bytes,
) -> tuple[int, int, int, int]:
    """Write base + overflows x period + ticks x unit of every tag, and its channel.

    `count_mask` selects the bits of an overflow record that count overflows. Returns the
    numbers of tags, overflows, markers and records of no known kind. Times are wrong, without
    a sign of it, when the overflows times the period do not fit into int64.
    """
    turns = np.empty(_BATCH, np.int64)
    ticks = np.empty(_BATCH, np.int64)
    labels = np.empty(_BATCH, np.uint8)
    k = 0
    n_turns = 0
    n_markers = 0
    n_known = 0
    for first in range(0, words.size, _BATCH):
        batch = words[first : first + _BATCH]
        n = batch.size
        if is_picoharp:
            found = _split_picoharp(batch, turns, ticks, labels)
        else:
            found = _split_hydraharp(batch, count_mask, turns, ticks, labels)
        tags, records, new_turns, markers = found
        here = times[k : k + n], channels[k : k + n]
        now = base + n_turns * period
        if tags == n:
            _place_all(ticks[:n], labels[:n], now, unit, *here)
        else:
            _place_tags(turns[:n], ticks[:n], labels[:n], now, period, unit, *here)
        k += tags
        n_turns += new_turns
        n_markers += markers
        n_known += tags + records + markers
    return k, n_turns, n_markers, words.size - n_known
