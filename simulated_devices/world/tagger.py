"""What a time tagger makes of clicks: channels and multiples of its resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.errors import ConfigError, nearest
from simulated_devices.world.slices import Slice, Times

__all__ = ["Channels", "TaggerModel"]

Channels = NDArray[np.uint8]
"""Input channel of each tag."""

_CHANNEL_BITS = 8


@dataclass(frozen=True)
class TaggerModel:
    """A time tagger with perfect clock: `inputs` names the channel of each wired detector.

    `clock_offset_ps` is what the tagger's clock shows at world time 0. Detectors that are not
    wired are ignored.

    Raises:
        ConfigError: the resolution is not positive, or channels are equal or not in 0 to 255.
    """

    resolution_ps: int
    inputs: Mapping[str, int]
    clock_offset_ps: int = 0

    def __post_init__(self) -> None:
        if self.resolution_ps < 1:
            raise ConfigError(f"resolution_ps = {self.resolution_ps} is not at least 1")
        used: dict[int, str] = {}
        for detector, channel in self.inputs.items():
            if not 0 <= channel < 1 << _CHANNEL_BITS:
                raise ConfigError(f"inputs.{detector} = {channel} is outside 0 to 255")
            if channel in used:
                raise ConfigError(
                    f"inputs.{detector} = {channel} is already the channel of {used[channel]}"
                )
            used[channel] = detector

    def digitize(self, clicks: Slice) -> tuple[Times, Channels]:
        """Return the tags of a slice: times in ps by the tagger's clock, and their channels.

        Times are rounded down to multiples of the resolution and sorted by (time, channel).
        Slices follow each other without a step backward; where the slice boundary is inside one
        bin of the tagger, tags of that bin come from both slices.

        Raises:
            ConfigError: a wired detector is not in the slice.
        """
        for detector in self.inputs:
            if detector not in clicks.clicks:
                raise ConfigError(
                    f'tagger input "{detector}" is not a detector of the simulated world'
                    f"{nearest(detector, clicks.clicks)}; known: {', '.join(clicks.clicks)}"
                )
        # Bins are counted from the start of the slice: with the channel in the low bits, one
        # int64 sorts by both, and 2^55 bins are out of reach for a slice, not for a clock.
        first_bin = (clicks.start_ps + self.clock_offset_ps) // self.resolution_ps
        origin_ps = self.clock_offset_ps - first_bin * self.resolution_ps
        keys = [
            ((clicks.clicks[detector] + origin_ps) // self.resolution_ps << _CHANNEL_BITS) | channel
            for detector, channel in self.inputs.items()
        ]
        merged = np.concatenate([np.empty(0, dtype=np.int64), *keys])
        # One sorted run per detector, which timsort merges.
        merged.sort(kind="stable")
        channels = merged.astype(np.uint8)
        merged >>= _CHANNEL_BITS
        merged += first_bin
        merged *= self.resolution_ps
        return merged, channels
