"""S-Fifteen's 64-bit events; layout and meaning in `labctl.tags.formats.a1`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

_TIME_BITS = np.uint64(0xFFFF_FFFF_FFFF_FC00)
_HALF = np.uint64(32)
_SHIFT = np.uint64(10)
_DUMMY = 16
#: A quarter of the period of the 54-bit time.
_NEAR = 1 << 52


@njit(cache=True, nogil=True)
def unwrap(
    words: Words,
    high_first: bool,  # noqa: FBT001 - kernels take no keywords
    newest: int,
    off_grid: int,
    times_ps: Ints,
    patterns: Bytes,
) -> tuple[bool, int, int, int, int]:
    """Write time and pattern of every event, with the pattern 0 for what is no detection.

    `newest` is the largest time so far in 1/256 ns. Events of all words but empty ones are
    within a quarter of a period of it, or nothing of what is returned and written is valid.
    `off_grid` has the bits of a time that are 0 on the grid of the recording.

    Returns whether it is valid, the new `newest`, and the numbers of dummies, of empty words
    and of events off the grid.
    """
    # A multiple of 2 ns, the coarsest grid, and so of 125 ps, which are 32/256 ns.
    origin = newest & ~511
    origin_ps = (origin >> 5) * 125
    start = np.uint64(origin) << _SHIFT
    reach: Any = newest - origin
    far = np.int64(0)
    n_dummies = 0
    n_empty = 0
    n_off = 0
    for i in range(words.size):
        word = words[i]
        if high_first:
            word = (word >> _HALF) | (word << _HALF)
        step = np.int64((word & _TIME_BITS) - start) >> 10
        low = np.int64(word & np.uint64(0x1F))
        is_empty = low == 0
        seen = 0 if is_empty else step
        far |= seen + _NEAR
        reach = max(reach, seen)
        n_empty += int(is_empty)
        n_dummies += int(low >= _DUMMY)
        n_off += int((seen & off_grid) != 0)
        times_ps[i] = origin_ps + ((step * 125 + 16) >> 5)
        patterns[i] = np.uint8(low if low < _DUMMY else 0)
    is_valid = (far >> 53) == 0
    return bool(is_valid), origin + reach, n_dummies, n_empty, n_off


@njit(cache=True, nogil=True)
def unwrap_each(
    words: Words,
    high_first: bool,  # noqa: FBT001 - kernels take no keywords
    newest: int,
    off_grid: int,
    latest: int,
    times_ps: Ints,
    patterns: Bytes,
) -> tuple[int, int, int, int, int]:
    """Do what `unwrap` does for events at any distance, one after the other.

    Each event is at the time nearest to the largest one before it that has its 54 bits.
    Returns the index of the first event later than `latest`, or -1, and what `unwrap` returns.
    """
    n_dummies = 0
    n_empty = 0
    n_off = 0
    for i in range(words.size):
        word = words[i]
        if high_first:
            word = (word >> _HALF) | (word << _HALF)
        low = np.int64(word & np.uint64(0x1F))
        step = np.int64((word & _TIME_BITS) - (np.uint64(newest) << _SHIFT)) >> 10
        time: Any = newest + step
        times_ps[i] = (time >> 5) * 125 + (((time & 31) * 125 + 16) >> 5)
        patterns[i] = np.uint8(low if low < _DUMMY else 0)
        if low == 0:
            n_empty += 1
            continue
        if time > latest:
            return i, newest, n_dummies, n_empty, n_off
        newest = max(newest, time)
        n_dummies += int(low >= _DUMMY)
        n_off += int((time & off_grid) != 0)
    return -1, newest, n_dummies, n_empty, n_off
