"""The compiled loop of the TDC1's stream; importing it loads numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["unroll"]

_RESOLUTION_PS = 2000
_PERIOD_STEPS = 1 << 27
_DUMMY = 0x10

_BATCH = 256
_SHIFT = np.uint32(5)

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def _compiled(function: FunctionT) -> FunctionT:
    """Return the function as machine code; numba's own decorator is untyped."""
    return cast("FunctionT", njit(cache=True, nogil=True)(function))


@_compiled
def _has_rolled(word: Any, before: Any) -> Any:
    """Tell whether the counter has rolled over between two words."""
    drop = np.int64(before >> _SHIFT) - np.int64(word >> _SHIFT)
    # Markers of successive periods without a click are equal. A marker that equals a click is
    # of the same step: in which order the two are sent is not documented.
    repeats = (drop == 0) & ((before & _DUMMY) != 0)
    return (drop > _PERIOD_STEPS // 2) | (((word & _DUMMY) != 0) & ((drop > 0) | repeats))


@_compiled
def _is_odd(word: Any, before: Any) -> Any:
    """Tell whether a word is earlier than the one before, or a second marker of its step."""
    time, time_before = word >> _SHIFT, before >> _SHIFT
    is_second_marker = (time == time_before) & ((word & before & np.uint32(_DUMMY)) != 0)
    return (time < time_before) | is_second_marker


@_compiled
def _advances(words: NDArray[np.uint32], before: Any) -> bool:
    """Tell whether time goes on from word to word, without a rollover."""
    n_others = int(_is_odd(words[0], before))
    for i in range(1, words.size):
        n_others += int(_is_odd(words[i], words[i - 1]))
    return n_others == 0


@_compiled
def unroll(
    words: NDArray[np.uint32],
    before: Any,
    periods: int,
    times_ps: NDArray[np.int64],
    patterns: NDArray[np.uint8],
) -> tuple[int, Any, Any, bool]:
    """Write the time and the pattern of every word; that of a marker is 0.

    `before` is the word in front of the first one, 0 where there is none, and `periods` the
    number of rollovers up to it. Returns the number up to the last word, the earliest and the
    latest time, and whether no word has an earlier time than the one in front of it.
    """
    base_ps = np.int64(periods) * _PERIOD_STEPS * _RESOLUTION_PS
    earliest_ps = np.int64(2**62)
    latest_ps = np.int64(-1)
    is_ordered = True
    for first in range(0, words.size, _BATCH):
        batch = words[first : first + _BATCH]
        out_ps = times_ps[first : first + _BATCH]
        if _advances(batch, before):
            for i in range(batch.size):
                out_ps[i] = base_ps + np.int64(batch[i] >> _SHIFT) * _RESOLUTION_PS
            earliest_ps = min(earliest_ps, out_ps[0])
            latest_ps = max(latest_ps, out_ps[-1])
        else:
            for i in range(batch.size):
                previous = batch[i - 1] if i else before
                if _has_rolled(batch[i], previous):
                    base_ps += _PERIOD_STEPS * _RESOLUTION_PS
                    periods += 1
                else:
                    is_ordered &= batch[i] >> _SHIFT >= previous >> _SHIFT
                out_ps[i] = base_ps + np.int64(batch[i] >> _SHIFT) * _RESOLUTION_PS
                earliest_ps = min(earliest_ps, out_ps[i])
                latest_ps = max(latest_ps, out_ps[i])
        before = batch[-1]
    for i in range(words.size):
        low = words[i] & np.uint32(0x1F)
        patterns[i] = np.uint8(low) if low < _DUMMY else np.uint8(0)
    return periods, earliest_ps, latest_ps, is_ordered
