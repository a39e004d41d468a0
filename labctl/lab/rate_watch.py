"""Watches count rates: dead and saturated detectors, and light where it should be dark."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.bus import Severity
from labctl.clock import Clock
from labctl.lab.alarms import AlarmBook
from labctl.lab.config import RateLimits
from labctl.lab.values import MonitoredValue

__all__ = ["RateWatch"]

#: A detector without a click for so much bench time, where another one clicks, is dead.
_DEAD_AFTER_S = 5.0
#: What "clicks" means: at this rate five seconds without any click never happen by chance.
_ALIVE_HZ = 10.0


class RateWatch:
    """Compares rates with `[monitor.rates]` and with each other; used by the monitor's thread."""

    def __init__(self, limits: Mapping[str, RateLimits], alarms: AlarmBook, clock: Clock) -> None:
        self._limits = limits
        self._alarms = alarms
        self._clock = clock
        self._mute_since_s: dict[str, float] = {}
        self._has_clicked: set[str] = set()

    def look(self, rates: Mapping[str, MonitoredValue], *, is_dark: bool) -> None:
        """Take notice of the rates of one tagger; `is_dark`: no laser emits, for all we know."""
        fresh = {name: float(rate.value) for name, rate in rates.items() if rate.state == "fresh"}
        for name, rate_hz in fresh.items():
            self._look_at_limits(name, rate_hz, is_dark=is_dark)
            others = [other for key, other in fresh.items() if key != name]
            self._look_whether_dead(name, rate_hz, max(others, default=0.0))
        for name in set(self._mute_since_s) - set(fresh):
            del self._mute_since_s[name]

    def _look_at_limits(self, name: str, rate_hz: float, *, is_dark: bool) -> None:
        limits = self._limits.get(name)
        if limits is None:
            return
        told = ""
        if limits.max_hz is not None and rate_hz > limits.max_hz:
            told = f"more than max_hz = {limits.max_hz:g}: too much light, or saturation"
        elif limits.min_hz is not None and rate_hz < limits.min_hz:
            told = f"less than min_hz = {limits.min_hz:g}: is it blocked, latched or without bias?"
        elif is_dark and limits.dark_max_hz is not None and rate_hz > limits.dark_max_hz:
            told = f"more than dark_max_hz = {limits.dark_max_hz:g} while every laser is dark"
        self._say(f"{name}.rate", name, told and f"{name} counts {rate_hz:.4g} /s, {told}")

    def _look_whether_dead(self, name: str, rate_hz: float, highest_other_hz: float) -> None:
        if rate_hz > 0:
            self._has_clicked.add(name)
        if rate_hz > 0 or highest_other_hz < _ALIVE_HZ:
            self._mute_since_s.pop(name, None)
            if rate_hz > 0:
                self._alarms.clear(f"{name}.dead")
            return
        now_s = self._clock.now_s()
        mute_s = now_s - self._mute_since_s.setdefault(name, now_s)
        if mute_s >= _DEAD_AFTER_S:
            # One that has never clicked may not be connected at all.
            severity: Severity = "alarm" if name in self._has_clicked else "warning"
            self._alarms.raise_alarm(
                f"{name}.dead",
                severity,
                name,
                f"{name} does not click while other detectors of its tagger do",
            )

    def _say(self, key: str, source: str, told: str) -> None:
        if told:
            self._alarms.raise_alarm(key, "alarm", source, told)
        else:
            self._alarms.clear(key)
