"""Several sorted streams as one.

The streams are merged two by two, in stretches that stay in the cache: each tag is moved once
per doubling of the number of streams, by a loop without unpredictable branches. A heap or a
tournament moves it once, but mispredicts about one comparison in two on its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis import _checks, _kernels
from labctl.tags.block import MAX_BLOCK_TAGS, Channels, Times

__all__ = ["MergedTags", "merge"]

#: Times and channels of two levels of a stretch together fill about half a cache of 1 MB.
BATCH_TAGS = MAX_BLOCK_TAGS // 2


class MergedTags(NamedTuple):
    """One sorted stream; read-only arrays.

    Attributes:
        times_ps: int64 (n,), sorted.
        channels: uint8 (n,), or uint16 where any of the streams has it.
    """

    times_ps: Times
    channels: Channels


def merge(streams: Iterable[tuple[ArrayLike, ArrayLike]]) -> MergedTags:
    """Return the tags of all streams as one sorted stream.

    Stable: tags of equal time come in the order of their streams, and within a stream in the
    order they had. Channel numbers stay as they are.

    Args:
        streams: any number of (times_ps int64 (n,) sorted, channels uint8 or uint16 (n,)), all
            on one clock.

    Raises:
        ValueError: a stream is not sorted, or its arrays differ in length.
    """
    parts = [_stream(number, *stream) for number, stream in enumerate(streams)]
    kind = np.result_type(np.uint8, *(channels.dtype for _, channels in parts))
    times_ps: Times = np.concatenate([np.empty(0, np.int64), *(part[0] for part in parts)])
    channels: NDArray[Any] = np.concatenate([np.empty(0, kind), *(part[1] for part in parts)])
    sizes = np.array([part[0].size for part in parts], dtype=np.int64)
    ends = np.cumsum(sizes)
    out_ps, out_channels = np.empty_like(times_ps), np.empty_like(channels)
    bad = _kernels.merge_runs(
        times_ps,
        channels,
        ends - sizes,
        ends,
        BATCH_TAGS,
        np.empty((2, times_ps.size), np.int64),
        np.empty((2, times_ps.size), kind),
        out_ps,
        out_channels,
    )
    if bad >= 0:
        stream = int(np.searchsorted(ends, bad, "right"))
        place = bad - int(ends[stream] - sizes[stream])
        raise ValueError(
            f"stream {stream} is not sorted: tag {place} at {times_ps[bad]} ps follows "
            f"{times_ps[bad - 1]} ps"
        )
    out_ps.flags.writeable = out_channels.flags.writeable = False
    return MergedTags(out_ps, out_channels)


def _stream(number: int, times_ps: ArrayLike, channels: ArrayLike) -> tuple[Times, Channels]:
    """Return the arrays of one stream, checked."""
    times, numbers = _checks.times(times_ps), _checks.channels(channels)
    if times.size != numbers.size:
        raise ValueError(
            f"stream {number} has {times.size} times and {numbers.size} channels; they must match"
        )
    return times, numbers
