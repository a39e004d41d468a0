"""Parts of one array of tags that can be counted at the same time."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks
from labctl.tags.block import Channels, Times

__all__ = ["TagPart", "split_for_threads"]


class TagPart(NamedTuple):
    """A stretch of tags that begins with those the part before it ends with.

    Attributes:
        times_ps: int64 (n,), the shared tags first.
        channels: uint8 or uint16 (n,).
        n_shared: the first n_shared tags belong to the part before.
    """

    times_ps: Times
    channels: Channels
    n_shared: int


def split_for_threads(
    times_ps: ArrayLike, channels: ArrayLike, n_parts: int, reach_ps: int
) -> list[TagPart]:
    """Return n_parts overlapping views whose `all_pairs` counts give those of the whole.

    A pair of tags at most reach_ps apart lies in the part that owns the later tag, and pairs of
    shared tags alone were counted before. So the counts of the whole are the sum over the parts
    of count(tags) - count(tags[:n_shared]), for the matrix, chosen pairs by `all_pairs` and the
    histograms. The loops release the interpreter lock: each part can be counted in a thread of
    the caller's. Waking a thread costs as much as counting some 100 000 tags, so it pays for
    recordings of many millions, not for live blocks.

    Args:
        times_ps: int64 (n,), sorted.
        channels: uint8 or uint16 (n,).
        n_parts: number of parts, at least 1.
        reach_ps: largest separation that counts (half the window, or range + bin), plus the
            difference of the largest and the smallest delay.

    Raises:
        ValueError: n_parts or reach_ps is not positive, or lengths that differ. Order and channel
            numbers are checked where the parts are counted.
    """
    if n_parts < 1:
        raise ValueError(f"n_parts = {n_parts} is not at least 1")
    reach = _checks.positive_ps("reach_ps", reach_ps)
    block = _checks.whole_block(times_ps, channels)
    times, numbers = block.times_ps, block.channels
    edges = [len(block) * k // n_parts for k in range(n_parts + 1)]
    parts = []
    for first, stop in pairwise(edges):
        shared = first
        if 0 < first < stop:
            # At least one, so that a step back at the edge is seen by whoever counts the part.
            shared = min(first - 1, int(np.searchsorted(times, times[first] - reach)))
        parts.append(TagPart(times[shared:stop], numbers[shared:stop], first - shared))
    return parts
