"""Width of coincidence windows on taggers whose times are multiples of a resolution."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bin_warning", "effective_window_ps", "effective_windows_ps", "window_warning"]


def effective_window_ps(
    window_full_ps: int, resolution_ps: int | None, delay_difference_ps: int = 0
) -> int:
    """Return the width by which accidentals must be computed for a coarse tagger.

    Time differences of a tagger with resolution r are multiples k·r. After subtraction of the
    two delays (difference d) a full window w accepts those with |k·r - d| <= w/2; each stands
    for a width r, so the effective width is their number times r. It depends on the remainder
    of d modulo r, and is 0 where the window accepts no multiple at all. For d = 0 this is
    (2·floor((w/2)/r) + 1)·r: at r = 2000 ps a window of 4000 ps acts as 6000 ps.

    Args:
        window_full_ps: full width of the window.
        resolution_ps: the tagger's step; None or 1 means fine, and the result is the window.
        delay_difference_ps: difference of the delays subtracted from the two channels.

    Raises:
        ValueError: the window or the resolution is not positive.
    """
    return int(effective_windows_ps(window_full_ps, resolution_ps, np.asarray(delay_difference_ps)))


def effective_windows_ps(
    window_full_ps: int, resolution_ps: int | None, differences_ps: NDArray[Any]
) -> NDArray[np.int64]:
    """Return `effective_window_ps` for an array of delay differences, in the same shape."""
    window = _positive("window_full_ps", window_full_ps)
    differences = np.asarray(differences_ps, dtype=np.int64)
    if resolution_ps is None or _positive("resolution_ps", resolution_ps) == 1:
        return _frozen(np.full(differences.shape, window, dtype=np.int64))
    step = operator.index(resolution_ps)
    half = window // 2  # differences are whole picoseconds
    steps = (half + differences) // step + (half - differences) // step + 1
    return _frozen(np.asarray(steps * step, dtype=np.int64))


def window_warning(window_full_ps: int, resolution_ps: int | None) -> str | None:
    """Return a sentence for the operator if the window is no odd multiple of the resolution.

    Only for odd multiples is the effective width the nominal one; None means all is well.

    Raises:
        ValueError: the window or the resolution is not positive.
    """
    effective = effective_window_ps(window_full_ps, resolution_ps)
    if resolution_ps is None or effective == window_full_ps:
        return None
    below = max(1, (window_full_ps // resolution_ps - 1) // 2 * 2 + 1) * resolution_ps
    choice = f"{below}" if below > window_full_ps else f"{below} or {below + 2 * resolution_ps}"
    return (
        f"window_full_ps = {window_full_ps} ps is not an odd multiple of the tagger's resolution "
        f"of {resolution_ps} ps and acts as {effective} ps; use {choice} ps."
    )


def bin_warning(bin_ps: int, resolution_ps: int | None) -> str | None:
    """Return a sentence for the operator if a histogram bin is no multiple of the resolution.

    Such bins hold unequal numbers of steps, which shows as a comb in the histogram.

    Raises:
        ValueError: the bin or the resolution is not positive.
    """
    width = _positive("bin_ps", bin_ps)
    if resolution_ps is None or width % _positive("resolution_ps", resolution_ps) == 0:
        return None
    above = -(-width // resolution_ps) * resolution_ps
    return (
        f"bin_ps = {width} ps is not a multiple of the tagger's resolution of {resolution_ps} ps: "
        f"bins hold unequal numbers of steps; use {above} ps."
    )


def _positive(name: str, value: int) -> int:
    """Return the value as int if it is positive."""
    number = operator.index(value)
    if number <= 0:
        raise ValueError(f"{name} = {number} ps is not positive")
    return number


def _frozen(widths_ps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the array, read-only: results share it."""
    widths_ps.flags.writeable = False
    return widths_ps
