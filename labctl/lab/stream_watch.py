"""Watches the tag stream of one tagger: losses, silence, an end with an error; and its rates."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import numpy as np

from labctl.clock import Clock
from labctl.lab.alarms import AlarmBook
from labctl.lab.values import MonitoredValue
from labctl.tags import TagBlock, TagFlags, TagPump

__all__ = ["StreamWatch"]

#: A stream that delivers nothing for so long, in bench time and over two looks, is silent.
_SILENT_S = 3.0
_LOSSES = TagFlags.OVERFLOW | TagFlags.MISSED


class StreamWatch:
    """Looks at one pump; `look` and what it returns belong to the monitor's thread.

    A sink in the pump's thread adds up what each block says of itself. It counts the clicks
    only where `counts` says so: then nobody else does.
    """

    def __init__(
        self,
        pump: TagPump,
        detectors: Mapping[str, int],
        alarms: AlarmBook,
        clock: Clock,
        *,
        counts: bool,
    ) -> None:
        self.name = pump.tagger.name
        #: Detectors of this tagger: name -> channel.
        self.detectors = detectors
        self._pump = pump
        self._alarms = alarms
        self._clock = clock
        self._counts = counts
        self._lock = threading.Lock()
        self._clicks = np.zeros(max(detectors.values(), default=0) + 1, dtype=np.int64)
        self._live_ps = 0
        self._lost = 0
        self._has_lost = False
        self._lost_of_alarm = 0
        self._seen: tuple[int | None, float] | None = None
        self._is_silent = False
        self._rates: dict[str, float] = {}
        self._rates_s = self._started_s = time.monotonic()
        self._rates_utc_ns = 0
        pump.fanout.add_sink(self._take)

    def close(self) -> None:
        """Look at no more blocks."""
        self._pump.fanout.remove_sink(self._take)

    def _take(self, block: TagBlock) -> None:
        """Add up a block, in the pump's thread."""
        clicks = None
        if self._counts and block.is_lossless:
            clicks = np.bincount(block.channels, minlength=self._clicks.size)[: self._clicks.size]
        with self._lock:
            self._live_ps += block.live_ps
            self._lost += block.lost
            self._has_lost = self._has_lost or bool(block.lost or block.flags & _LOSSES)
            if clicks is not None:
                self._clicks += clicks

    def look(self) -> None:
        """Take notice of what happened since the last look."""
        with self._lock:
            live_ps, clicks = self._live_ps, self._clicks.copy()
            lost, has_lost = self._lost, self._has_lost
            if live_ps:
                self._live_ps = 0
                self._clicks[:] = 0
            self._lost, self._has_lost = 0, False
        self._look_for_loss(lost, has_lost=has_lost, progressed=live_ps > 0)
        self._look_for_end()
        self._look_for_silence()
        if not self._pump.is_running:
            self._started_s = time.monotonic()
        if live_ps:
            self._rates = {
                name: float(clicks[channel]) / (live_ps * 1e-12)
                for name, channel in self.detectors.items()
            }
            self._rates_s, self._rates_utc_ns = time.monotonic(), time.time_ns()

    def rates(self, given: Mapping[str, float] | None, stale_s: float) -> dict[str, MonitoredValue]:
        """Return the rate of every detector; nothing while no tags are streamed.

        `given` are rates that somebody else has counted, instead of this watch's own.
        """
        if self._pump.error is None and not self._pump.is_running:
            return {}
        broken = str(self._pump.error or ("the tagger is silent" if self._is_silent else ""))
        now_s = time.monotonic()
        is_new = now_s - self._started_s < stale_s
        rates = {}
        for name in self.detectors:
            rate = (self._rates if given is None else given).get(name)
            if broken:
                rates[name] = MonitoredValue(None, time.time_ns(), "error", broken)
            elif given is not None and rate is not None:
                rates[name] = MonitoredValue(float(rate), time.time_ns(), "fresh")
            elif given is None and rate is not None and now_s - self._rates_s < stale_s:
                rates[name] = MonitoredValue(rate, self._rates_utc_ns, "fresh")
            elif not is_new:
                rates[name] = MonitoredValue(rate, self._rates_utc_ns, "stale")
        return rates

    def _look_for_loss(self, lost: int, *, has_lost: bool, progressed: bool) -> None:
        key = f"{self.name}.lost"
        if has_lost:
            self._lost_of_alarm += lost
            told = (
                f"{self._lost_of_alarm} tags"
                if self._lost_of_alarm
                else "an unknown number of tags"
            )
            self._alarms.raise_alarm(
                key,
                "alarm",
                self.name,
                f"{self.name} lost {told}: its buffer overflowed; live time is cut by the "
                "intervals concerned. Lower the rate, or close what keeps the computer busy",
            )
        elif progressed:
            self._lost_of_alarm = 0
            self._alarms.clear(key)

    def _look_for_end(self) -> None:
        key = f"{self.name}.stream"
        if self._pump.error is not None:
            told = f"the tag stream of {self.name} ended: {self._pump.error}"
            self._alarms.raise_alarm(key, "alarm", self.name, told)
        elif self._pump.is_running:
            self._alarms.clear(key)

    def _look_for_silence(self) -> None:
        pump, key = self._pump, f"{self.name}.silent"
        if not pump.is_running or pump.is_finished:
            self._seen, self._is_silent = None, False
            self._alarms.clear(key)
            return
        seen = pump.stop_ps, self._clock.now_s()
        if self._seen is None or self._seen[0] != seen[0]:
            self._seen, self._is_silent = seen, False
            self._alarms.clear(key)
        elif seen[1] - self._seen[1] >= _SILENT_S:
            self._is_silent = True
            told = f"{self.name} streams and has sent nothing for {seen[1] - self._seen[1]:.0f} s"
            self._alarms.raise_alarm(key, "alarm", self.name, told)
