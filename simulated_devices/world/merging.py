"""Many sorted runs of tags, one per channel, become one sorted stream."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.compiled import compiled
from simulated_devices.world.slices import Times

__all__ = ["merge_runs"]

#: A key holds the channel in its low bits, so that one comparison orders by time and channel.
_CHANNEL_BITS = 8
_CHANNELS = 1 << _CHANNEL_BITS
#: What is left of an int64 beside the channel, in ps: 5 hours, far more than a slice.
_MAX_SPAN = 1 << (62 - _CHANNEL_BITS)


def merge_runs(
    runs: Sequence[Times], channels: Sequence[int], origin_ps: int
) -> tuple[Times, NDArray[np.uint8]]:
    """Return all times in order of (time, channel), and the channel of each.

    `runs[i]` is sorted and belongs to `channels[i]`, 0 to 255. `origin_ps` is a time near them:
    all lie within 2^54 ps (5 hours) of it. The work is n log2(number of runs), whatever the
    times are.

    Raises:
        ValueError: runs and channels differ in number, a channel is outside 0 to 255, or a
            time is too far from `origin_ps`.
    """
    if len(runs) != len(channels) or any(not 0 <= c < _CHANNELS for c in channels):
        raise ValueError(f"{len(runs)} runs need as many channels of 0 to 255, not {channels}")
    filled = [(run, channel) for run, channel in zip(runs, channels, strict=True) if run.size]
    bounds = np.zeros(len(filled) + 1, dtype=np.int64)
    for number, (run, _) in enumerate(filled):
        bounds[number + 1] = bounds[number] + run.size
        if max(abs(int(run[0]) - origin_ps), abs(int(run[-1]) - origin_ps)) >= _MAX_SPAN:
            raise ValueError(f"a run of {run[0]} to {run[-1]} ps is too far from {origin_ps} ps")
    keys = np.empty(int(bounds[-1]), dtype=np.int64)
    for number, (run, channel) in enumerate(filled):
        _key(run, origin_ps, channel, keys[bounds[number] : bounds[number + 1]])
    spare = np.empty_like(keys)
    while bounds.size > 2:  # noqa: PLR2004  one run is left when it has a start and an end
        bounds = _merge_neighbors(keys, bounds, spare)
        keys, spare = spare, keys
    merged_channels = np.empty(keys.size, dtype=np.uint8)
    _split(keys, origin_ps, merged_channels)
    return keys, merged_channels


@compiled
def _key(run: Times, origin_ps: int, channel: int, keys: Times) -> None:
    for i in range(run.size):
        keys[i] = ((run[i] - origin_ps) << _CHANNEL_BITS) | channel


@compiled
def _merge_neighbors(keys: Times, bounds: Times, merged: Times) -> Times:
    """Merge each pair of neighboring runs into `merged` and return the new bounds."""
    pairs = (bounds.size - 1) // 2
    odd = (bounds.size - 1) % 2
    new_bounds = np.empty(pairs + odd + 1, dtype=np.int64)
    new_bounds[0] = 0
    for pair in range(pairs):
        first, middle, last = bounds[2 * pair], bounds[2 * pair + 1], bounds[2 * pair + 2]
        _merge_two(keys[first:middle], keys[middle:last], merged[first:last])
        new_bounds[pair + 1] = last
    if odd:
        merged[bounds[-2] : bounds[-1]] = keys[bounds[-2] : bounds[-1]]
        new_bounds[-1] = bounds[-1]
    return new_bounds


@compiled
def _merge_two(a: Times, b: Times, merged: Times) -> None:
    """Merge from both ends at once: two independent chains keep the processor busy.

    min, max and a comparison as a number compile without a branch, which would be mispredicted
    every other time.
    """
    low_a, low_b, high_a, high_b = 0, 0, a.size - 1, b.size - 1
    low, high = 0, merged.size - 1
    # Each step takes at most one key of a run from below and one from above, so that half as
    # many steps as the shorter run has keys overrun no end.
    for _ in range(min(a.size, b.size) // 2):
        x, y = a[low_a], b[low_b]
        merged[low] = min(x, y)
        step = int(x <= y)
        low_a += step
        low_b += 1 - step
        low += 1
        x, y = a[high_a], b[high_b]
        merged[high] = max(x, y)
        step = int(y >= x)
        high_b -= step
        high_a -= 1 - step
        high -= 1
    while low_a <= high_a and low_b <= high_b:
        x, y = a[low_a], b[low_b]
        merged[low] = min(x, y)
        step = int(x <= y)
        low_a += step
        low_b += 1 - step
        low += 1
    while low_a <= high_a:
        merged[low] = a[low_a]
        low_a += 1
        low += 1
    while low_b <= high_b:
        merged[low] = b[low_b]
        low_b += 1
        low += 1


@compiled
def _split(keys: Times, origin_ps: int, channels: NDArray[np.uint8]) -> None:
    """Turn keys into times where they are, and write out their channels."""
    for i in range(keys.size):
        channels[i] = keys[i] & (_CHANNELS - 1)
        keys[i] = (keys[i] >> _CHANNEL_BITS) + origin_ps
