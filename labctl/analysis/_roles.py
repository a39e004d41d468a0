"""Analyzers whose channels have roles, such as start and stop."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from labctl.analysis import _checks, _kernels
from labctl.analysis._align import Aligner, Batch
from labctl.tags.block import MAX_BLOCK_TAGS

__all__ = ["checked_parts", "role_aligner", "role_channels"]


def role_channels(roles: Mapping[str, int], delays_ps: ArrayLike | None) -> list[int]:
    """Return the channels of the roles, in their order.

    Every channel has a delay; without delays any channel may occur.

    Raises:
        ValueError: a role's channel does not exist.
    """
    number = _checks.MAX_CHANNELS if delays_ps is None else np.size(delays_ps)
    chosen = [operator.index(channel) for channel in roles.values()]
    for name, channel in zip(roles, chosen, strict=True):
        if not 0 <= channel < number:
            raise ValueError(f"{name} = {channel} is outside channels 0 to {number - 1}")
    return chosen


def role_aligner(chosen: list[int], delays_ps: ArrayLike | None) -> Aligner:
    """Return an aligner of the chosen channels; without delays it lets the blocks pass as is."""
    if delays_ps is None:
        return Aligner(np.zeros(_checks.MAX_CHANNELS, dtype=np.int64))
    number = _checks.channel_count(np.size(delays_ps))
    used = np.zeros(number, dtype=np.bool_)
    used[chosen] = True
    return Aligner(_checks.delays(delays_ps, number), used)


def checked_parts(batch: Batch, n_channels: int) -> Iterator[Batch]:
    """Yield a batch in parts that fit the cache and never separate tags of equal time.

    Raises:
        ValueError: a tag is out of order, or its channel is n_channels or more.
    """
    times_ps, channels = batch.times_ps, batch.channels
    start = 0
    while start < times_ps.size or start == 0:
        stop = min(start + MAX_BLOCK_TAGS, times_ps.size)
        if stop < times_ps.size:
            stop = max(stop, int(np.searchsorted(times_ps, times_ps[stop - 1], "right")))
        before = max(start - 1, 0)
        bad = _kernels.first_bad_tag(times_ps[before:stop], channels[before:stop], n_channels)
        if bad >= 0:
            raise _checks.bad_tag(times_ps, channels, before + bad, n_channels)
        is_last = stop == times_ps.size
        # If the next tag lies beyond the horizon, one out of order follows and will be found.
        horizon_ps = batch.horizon_ps if is_last else min(batch.horizon_ps, int(times_ps[stop]))
        yield Batch(times_ps[start:stop], channels[start:stop], horizon_ps)
        start = max(stop, 1)
