"""Watches a laser: light that nobody ordered, light that went out by itself, power that drifts."""

from __future__ import annotations

from typing import Any

from labctl.bus import Bus, Message, ParameterChanged
from labctl.clock import Clock
from labctl.device import Device, Setting
from labctl.errors import InterlockError
from labctl.lab.alarms import AlarmBook
from labctl.lab.values import NEVER_READ, MonitoredValue

__all__ = ["LaserWatch"]

#: The word of who switched a laser may come after its effect; two looks in a row settle it.
_LOOKS = 2
#: Power that is off for less bench time is still settling.
_DRIFT_S = 10.0


class LaserWatch:
    """Compares what a laser does with what it was told; used by the laser's watching thread.

    It never switches anything.
    """

    is_busy = False

    def __init__(
        self, device: Device, alarms: AlarmBook, bus: Bus, clock: Clock, *, tolerance: float
    ) -> None:
        self._device = device
        self._alarms = alarms
        self._clock = clock
        self._tolerance = tolerance
        self._events = bus.subscribe()
        self._expected: bool | None = None
        self._surprises = 0
        self._off_since_s: float | None = None

    def look(self, values: dict[str, MonitoredValue]) -> None:
        """Take notice of emission and power."""
        ordered = self._ordered()
        emission = values.get("emission", NEVER_READ)
        if emission.state != "fresh":
            return
        self._look_at_emission(bool(emission.value), ordered)
        self._look_at_power(values, is_lit=bool(emission.value))

    def step(self) -> None:
        """Do nothing: looking is all."""

    def close(self) -> None:
        """Receive no more events."""
        self._events.close()

    def _ordered(self) -> bool | None:
        """Return the newest order to this laser that the bus has told, or None."""
        ordered = None
        for event in self._events.drain():
            if isinstance(event, Message) and event.source == "safe":
                ordered = False
            elif (
                isinstance(event, ParameterChanged)
                and event.instrument == self._device.name
                and event.setting == "emission"
            ):
                ordered = bool(event.value)
        return ordered

    def _look_at_emission(self, is_lit: bool, ordered: bool | None) -> None:  # noqa: FBT001  a value
        name = self._device.name
        if self._expected is None:
            self._expected = is_lit if ordered is None else ordered
            if is_lit and ordered is None:
                self._raise("unordered", "was found emitting; nothing here switched it on")
        if ordered is not None:
            self._expected = ordered
        if is_lit or ordered is not None:
            self._alarms.clear(f"{name}.dark")
        if not is_lit or ordered:
            self._alarms.clear(f"{name}.unordered")
        self._surprises = self._surprises + 1 if is_lit != self._expected else 0
        if self._surprises < _LOOKS:
            return
        self._expected = is_lit
        if is_lit:
            self._raise("unordered", "emits, and nothing here switched it on")
        else:
            self._raise("dark", f"went dark by itself; {self._why_dark()}")

    def _why_dark(self) -> str:
        """Return what forbids emission now, as the driver tells it."""
        emission: Any = type(self._device).parameters["emission"]
        if isinstance(emission, Setting) and emission.guard is not None:
            try:
                emission.guard(self._device, True)
            except InterlockError as refusal:
                return refusal.message
        return "it tells no reason. Emission stays off until it is armed again"

    def _look_at_power(self, values: dict[str, MonitoredValue], *, is_lit: bool) -> None:
        output = values.get("output_mw", NEVER_READ)
        wanted = values.get("power_mw", NEVER_READ)
        key = f"{self._device.name}.power"
        if not (is_lit and self._is_off(output, wanted)):
            self._off_since_s = None
            self._alarms.clear(key)
            return
        now_s = self._clock.now_s()
        if self._off_since_s is None:
            self._off_since_s = now_s
        if now_s - self._off_since_s >= _DRIFT_S:
            self._alarms.raise_alarm(
                key,
                "warning",
                self._device.name,
                f"gives {output.value:.4g} mW, {wanted.value:.4g} mW are set; more than "
                f"{self._tolerance:.0%} apart ([monitor] power_tolerance)",
            )

    def _is_off(self, output: MonitoredValue, wanted: MonitoredValue) -> bool:
        """Return whether the power is known to be too far from its set-point."""
        if not output.state == wanted.state == "fresh":
            return False
        return bool(abs(output.value - wanted.value) > self._tolerance * wanted.value > 0)

    def _raise(self, what: str, text: str) -> None:
        name = self._device.name
        self._alarms.raise_alarm(f"{name}.{what}", "alarm", name, f"{name} {text}")
