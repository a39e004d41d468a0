"""What a time tagger makes of clicks: channels and multiples of its resolution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from labctl.errors import ConfigError, nearest
from simulated_devices.world.kernels import ALWAYS_LIVE_PS, register
from simulated_devices.world.merging import merge_runs
from simulated_devices.world.site_clock import SiteClock
from simulated_devices.world.slices import Slice, Times

__all__ = ["MAX_INPUT_DELAY_PS", "Channels", "TaggerModel"]

Channels = NDArray[np.uint8]
"""Input channel of each tag."""

MAX_INPUT_DELAY_PS = 1_000_000_000
"""1 ms, 200 km of cable and more than any tagger's delay line; a tenth of a slice."""

_CHANNEL_BITS = 8
_NOTHING: Mapping[str, int] = MappingProxyType({})
_NO_TIMES: Times = np.empty(0, dtype=np.int64)


@dataclass
class _Inputs:
    """What the tagger carries from slice to slice, by detector."""

    waiting: dict[str, Times] = field(default_factory=dict)
    live_from_ps: dict[str, int] = field(default_factory=dict)
    span_ps: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class TaggerModel:
    """A time tagger: `inputs` names the channel of each wired detector.

    By default its clock is perfect and shows `clock_offset_ps` at world time 0; with `clock` it
    reads that one, and advances it. `delays_ps` shift single inputs, either way;
    `dead_times_ps`, in time of the clock, let an input ignore pulses after one it took. Both
    are by detector. Detectors that are not wired are ignored.

    With a clock, a delay or a dead time the tagger keeps state: give it each slice once and in
    turn. Where a delay is negative, all tags come later by the largest such delay (the last of
    a slice with the next one, their times unchanged), because the input is ahead of the world.

    Raises:
        ConfigError: the resolution is not positive, channels are equal or not in 0 to 255, a
            delay or dead time is of no input or out of range, or a clock has two offsets.
    """

    resolution_ps: int
    inputs: Mapping[str, int]
    clock_offset_ps: int = 0
    clock: SiteClock | None = None
    delays_ps: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    dead_times_ps: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    _state: _Inputs = field(default_factory=_Inputs, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.resolution_ps < 1:
            raise ConfigError(f"resolution_ps = {self.resolution_ps} is not at least 1")
        if self.clock is not None and self.clock_offset_ps != 0:
            raise ConfigError(
                f"clock_offset_ps = {self.clock_offset_ps}: set offset_ps of clock "
                f"{self.clock.name} instead, which the tagger reads"
            )
        used: dict[int, str] = {}
        for detector, channel in self.inputs.items():
            if not 0 <= channel < 1 << _CHANNEL_BITS:
                raise ConfigError(f"inputs.{detector} = {channel} is outside 0 to 255")
            if channel in used:
                raise ConfigError(
                    f"inputs.{detector} = {channel} is already the channel of {used[channel]}"
                )
            used[channel] = detector
        self._check("delays_ps", self.delays_ps, -MAX_INPUT_DELAY_PS)
        self._check("dead_times_ps", self.dead_times_ps, 0)

    @property
    def span_ps(self) -> tuple[int, int]:
        """Begin and end, by the tagger's clock, of what the last `digitize` returned.

        All tags before the end are out; times of tags are rounded down, and so may lie up to a
        bin before the begin.
        """
        return self._state.span_ps

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
        latency_ps = -min(0, *self.delays_ps.values(), 0)
        ends_ps = np.array([clicks.start_ps - latency_ps, clicks.stop_ps - latency_ps])
        if self.clock is not None:
            self.clock.advance(clicks.start_ps, clicks.stop_ps)
        begin_ps, end_ps = self._readings(ends_ps).tolist()
        self._state.span_ps = (begin_ps, end_ps)
        if self.clock is None and not self.delays_ps and not self.dead_times_ps:
            return self._tags(
                begin_ps,
                self.clock_offset_ps,
                ((clicks.clicks[detector], channel) for detector, channel in self.inputs.items()),
            )
        return self._tags(
            begin_ps,
            0,
            (
                (self._pulses(detector, clicks.clicks[detector], int(ends_ps[1])), channel)
                for detector, channel in self.inputs.items()
            ),
        )

    def _pulses(self, detector: str, clicks: Times, stop_ps: int) -> Times:
        """Return the readings of the pulses that an input takes before a world time."""
        pulses = clicks
        if self.delays_ps:
            waiting = self._state.waiting.get(detector, _NO_TIMES)
            pulses = np.concatenate((waiting, clicks + self.delays_ps.get(detector, 0)))
            due = int(np.searchsorted(pulses, stop_ps))
            self._state.waiting[detector] = pulses[due:].copy()
            pulses = pulses[:due]
        readings = self._readings(pulses)
        dead_ps = self.dead_times_ps.get(detector, 0)
        if dead_ps == 0:
            return readings
        live_from_ps = self._state.live_from_ps.get(detector, ALWAYS_LIVE_PS)
        taken, self._state.live_from_ps[detector] = register(readings, live_from_ps, dead_ps)
        return taken

    def _readings(self, times_ps: Times) -> Times:
        if self.clock is None:
            return times_ps + self.clock_offset_ps
        return self.clock.reading_ps(times_ps)

    def _tags(
        self, begin_ps: int, offset_ps: int, pulses: Iterable[tuple[Times, int]]
    ) -> tuple[Times, Channels]:
        """Bin the pulses of all channels; their times plus the offset are the readings."""
        # Counted from the begin, a bin and a channel share an int64, whatever the clock shows.
        first_bin = begin_ps // self.resolution_ps
        origin_ps = offset_ps - first_bin * self.resolution_ps
        runs, channels = [], []
        for times_ps, channel in pulses:
            bins = times_ps + origin_ps
            if self.resolution_ps > 1:
                bins //= self.resolution_ps
            runs.append(bins)
            channels.append(channel)
        tags, tag_channels = merge_runs(runs, channels, 0)
        tags += first_bin
        tags *= self.resolution_ps
        return tags, tag_channels

    def _check(self, name: str, values_ps: Mapping[str, int], lowest_ps: int) -> None:
        for detector, value_ps in values_ps.items():
            if detector not in self.inputs:
                raise ConfigError(
                    f"{name}.{detector}: no such input{nearest(detector, self.inputs)}; "
                    f"inputs: {', '.join(self.inputs) or 'none'}"
                )
            if not lowest_ps <= value_ps <= MAX_INPUT_DELAY_PS:
                raise ConfigError(
                    f"{name}.{detector} = {value_ps} ps is outside {lowest_ps} to "
                    f"{MAX_INPUT_DELAY_PS} ps"
                )
