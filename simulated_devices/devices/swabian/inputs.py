"""From pulses on cables to edges: trigger levels, dead times, delays and the test signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulated_devices.devices.swabian.models import Model
from simulated_devices.world.compiled import compiled
from simulated_devices.world.merging import merge_runs
from simulated_devices.world.site_clock import SiteClock
from simulated_devices.world.slices import Slice, Times

__all__ = ["Inputs", "Pulse", "Settings"]

_NOTHING: Times = np.empty(0, dtype=np.int64)
_LONG_AGO_PS = -(1 << 62)
#: The vendor's level after `createTimeTagger`.
_DEFAULT_TRIGGER_V = 0.5


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a detector sends down its cable at each click: a rectangle.

    Attributes:
        height_v: negative for negative pulses.
        width_ps: after it the pulse ends, with the other edge.
    """

    height_v: float
    width_ps: int


class Settings:
    """What the host sets for each channel; edges of one input have their own numbers."""

    def __init__(self, model: Model) -> None:
        inputs = range(1, model.channels + 1)
        edges = [*inputs, *(-number for number in inputs)]
        self.trigger_v = dict.fromkeys(inputs, _DEFAULT_TRIGGER_V)
        self.has_test_signal = dict.fromkeys(inputs, False)
        self.dead_ps = dict.fromkeys(edges, model.dead_range_ps[0])
        self.delay_hardware_ps = dict.fromkeys(edges, 0)
        self.delay_software_ps = dict.fromkeys(edges, 0)

    def delay_ps(self, channel: int) -> int:
        """Return what is added to the times of a channel."""
        return self.delay_hardware_ps[channel] + self.delay_software_ps[channel]


class Inputs:
    """The analog side of a tagger and its converters; the thread that steps the world owns it.

    The converters' own jitter is not drawn: the vendor states it per model and edition, and it
    belongs to the detectors' jitter that the world is told. Dead times are of world time.

    Attributes:
        clock: the oscillator on board; None for a perfect one.
    """

    def __init__(
        self,
        model: Model,
        wired: Mapping[str, int],
        pulse: Pulse,
        clock: SiteClock | None = None,
    ) -> None:
        self.settings = Settings(model)
        self.clock = clock
        self._model = model
        self._detectors = {channel: detector for detector, channel in wired.items()}
        self._pulse = pulse
        self._reset_state()

    def reset(self) -> None:
        """Return to the default settings."""
        self.settings = Settings(self._model)
        self._reset_state()

    def _reset_state(self) -> None:
        self._live_from_ps: dict[int, int] = {}
        self._to_come: dict[int, Times] = {}

    def advance(self, slice_: Slice) -> int:
        """Let the clock live through a slice and return what it shows at the end."""
        if self.clock is None:
            return slice_.stop_ps
        self.clock.advance(slice_.start_ps, slice_.stop_ps)
        return int(self.clock.reading_ps(np.array([slice_.stop_ps]))[0])

    def latency_ps(self, channels: Sequence[int]) -> int:
        """Return how long the earliest channel waits for the others."""
        return max([0, *(-self.settings.delay_ps(channel) for channel in channels)])

    def tags(
        self, slice_: Slice, channels: Sequence[int], zero_ps: int, span_ps: tuple[int, int]
    ) -> tuple[Times, NDArray[np.int8]]:
        """Return the tags of `channels` in a span of the tagger's time.

        That is what the clock shows less `zero_ps`. Edges of the slice that a delay puts at the
        end of the span or later are kept for the next call.
        """
        start_ps, stop_ps = span_ps
        self._to_come = {c: times for c, times in self._to_come.items() if c in channels}
        runs = []
        for channel in channels:
            shift_ps = self.settings.delay_ps(channel) - zero_ps
            times = self._edges(channel, slice_)
            times = times if self.clock is None else self.clock.reading_ps(times)
            times = times + shift_ps if shift_ps else times
            runs.append(self._due(channel, times, start_ps, stop_ps))
        times, codes = merge_runs(runs, [channel & 0xFF for channel in channels], start_ps)
        return times, codes.view(np.int8)

    def _due(self, channel: int, times: Times, start_ps: int, stop_ps: int) -> Times:
        waiting = self._to_come.pop(channel, _NOTHING)
        if waiting.size:
            times = np.concatenate((waiting, times))
            # A delay that was shortened meanwhile lets later edges overtake.
            times.sort(kind="stable")
        # A delay that was shortened meanwhile may even put edges into what has been sent; the
        # stream cannot take them any more.
        first, last = np.searchsorted(times, (start_ps, stop_ps))
        if last < times.size:
            self._to_come[channel] = times[last:]
        return times[first:last]

    def _edges(self, channel: int, slice_: Slice) -> Times:
        """Return when the signal crosses the trigger level in this direction, in world time."""
        number = abs(channel)
        if self.settings.has_test_signal[number]:
            times = self._test_edges(channel, slice_)
        elif number in self._detectors and self._is_crossed(number):
            times = slice_.clicks[self._detectors[number]]
            is_leading = (channel > 0) == (self._pulse.height_v > 0)
            times = times if is_leading else times + self._pulse.width_ps
        else:
            return _NOTHING
        live_from_ps = self._live_from_ps.get(channel, _LONG_AGO_PS)
        times, live_from_ps = _after_dead_time(times, live_from_ps, self.settings.dead_ps[channel])
        self._live_from_ps[channel] = int(live_from_ps)
        return times

    def _is_crossed(self, number: int) -> bool:
        level_v, height_v = self.settings.trigger_v[number], self._pulse.height_v
        return min(0.0, height_v) < level_v < max(0.0, height_v)

    def _test_edges(self, channel: int, slice_: Slice) -> Times:
        # A square wave, the same on every input.
        period_ps = self._model.test_period_ps
        phase_ps = 0 if channel > 0 else period_ps // 2
        first = -((phase_ps - slice_.start_ps) // period_ps)
        return np.arange(first * period_ps + phase_ps, slice_.stop_ps, period_ps, dtype=np.int64)


@compiled
def _after_dead_time(times: Times, live_from_ps: int, dead_ps: int) -> tuple[Times, int]:
    """Return the edges that are not within the dead time of one before, and when it ends.

    An edge in the dead time does not prolong it.
    """
    kept = np.empty(times.size, dtype=np.int64)
    count = 0
    for time in times:
        # The write comes first and is kept or overwritten: no branch to mispredict.
        kept[count] = time
        is_live = time >= live_from_ps
        count += is_live
        live_from_ps = time + dead_ps if is_live else live_from_ps
    return kept[:count], live_from_ps
