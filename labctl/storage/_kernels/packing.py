"""Values in as few bits as the widest of them needs, as HDF5's scale-offset filter lays them out.

Values of `bits` bits follow one another without gaps, the most significant bit first, in bytes
that count up. Words of 32 bits are moved, so there are a multiple of 32 values.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["bits_needed", "pack", "unpack"]

Words = NDArray[np.uint32]


@njit(cache=True, nogil=True, inline="always")
def _swapped(word: np.uint32) -> np.uint32:
    return np.uint32(
        (word >> np.uint32(24))
        | ((word >> np.uint32(8)) & np.uint32(0xFF00))
        | ((word << np.uint32(8)) & np.uint32(0xFF0000))
        | (word << np.uint32(24))
    )


@njit(cache=True, nogil=True)
def bits_needed(values: NDArray[np.uint32], fill: int) -> tuple[int, int]:
    """Return the smallest value and the bits of the others above it; `fill` takes no part.

    All ones stand for `fill`, so they are not used for another value.
    """
    smallest = np.int64(1) << np.int64(32)
    largest = np.int64(-1)
    for i in range(values.size):
        value = np.int64(values[i])
        is_fill = value == fill
        smallest = min(smallest, (np.int64(1) << np.int64(32)) if is_fill else value)
        largest = max(largest, np.int64(-1) if is_fill else value)
    if largest < 0:
        return 0, 1
    bits = 1
    while (np.int64(1) << bits) - 1 <= largest - smallest:
        bits += 1
    return int(smallest), bits


@njit(cache=True, nogil=True)
def pack(values: NDArray[np.uint32], smallest: int, bits: int, fill: int, packed: Words) -> None:
    """Write the values, less the smallest, into `packed`, `bits` words for 32 values."""
    ones = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    waiting = np.uint64(0)
    n_waiting = np.int64(0)
    at = 0
    for i in range(values.size):
        value = np.int64(values[i])
        code = ones if value == fill else np.uint64(value - smallest)
        waiting = (waiting << np.uint64(bits)) | code
        n_waiting += bits
        if n_waiting >= 32:  # noqa: PLR2004 - bits of a word
            n_waiting -= 32
            packed[at] = _swapped(np.uint32(waiting >> np.uint64(n_waiting)))
            at += 1


@njit(cache=True, nogil=True)
def unpack(packed: Words, smallest: int, bits: int, fill: int, values: NDArray[np.uint32]) -> None:
    """Write into `values` what `pack` was given; `values` may be of any unsigned type."""
    ones = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    offset = np.uint64(smallest)
    filler = np.uint64(fill)
    waiting = np.uint64(0)
    n_waiting = np.int64(0)
    at = 0
    for i in range(values.size):
        if n_waiting < bits:
            waiting = (waiting << np.uint64(32)) | np.uint64(_swapped(packed[at]))
            at += 1
            n_waiting += 32
        n_waiting -= bits
        code = (waiting >> np.uint64(n_waiting)) & ones
        values[i] = filler if code == ones else code + offset
