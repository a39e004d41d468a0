"""The monitor: looks at every instrument all the time, raises alarms, applies interlock rules.

Each instrument is read in a thread of its own, so that one that hangs keeps no other from being
watched; one more thread looks at the tag streams and judges the rules. Ages and intervals are in
wall-clock time, like the timeouts of the links; what a rule or an alarm calls a duration is in
bench time. The monitor reads, and it switches off what rules tell it to; it never switches
anything on, and it leaves reconnecting to others (labctl.lab.reviving).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from labctl.bus import Alarm, ParameterChanged
from labctl.lab.actions import ActionTaker
from labctl.lab.alarms import AlarmBook
from labctl.lab.conditions import Quantity
from labctl.lab.device_watch import STALE_AFTER_INTERVALS, DeviceWatch
from labctl.lab.interlocks import Interlocks
from labctl.lab.laser_watch import LaserWatch
from labctl.lab.latch_watch import LatchWatch
from labctl.lab.rate_watch import RateWatch
from labctl.lab.stream_watch import StreamWatch
from labctl.lab.value_news import ValueNews
from labctl.lab.values import NEVER_READ, MonitoredValue, Values

if TYPE_CHECKING:
    from labctl.device import Device
    from labctl.lab.lab import Lab

__all__ = ["Monitor"]

#: An instrument may be slow, and the computer busy, for so long before it is said to hang.
_HANGS_AFTER_S = 3.0
#: A failure of the monitor itself that goes on is told so often.
_TELL_AGAIN_S = 60.0
#: Threads end within this, or their instrument hangs and they are left behind.
_JOIN_S = 5.0


class Monitor:
    """Watches an open laboratory between `start` and `close`; may be asked from any thread.

    Attributes:
        alarms: what is wrong now, or was and is not acknowledged.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        alarms: AlarmBook | None = None,
        pause_run: Callable[[str], None] | None = None,
        abort_run: Callable[[str], None] | None = None,
        rates_hz: Callable[[], Mapping[str, float]] | None = None,
        on_values: Callable[[Values], None] | None = None,
        outlook: Callable[[str], str] | None = None,
        interval_s: float | None = None,
    ) -> None:
        config = lab.loaded.config
        self.alarms = alarms if alarms is not None else AlarmBook(lab.bus)
        self._lab = lab
        self._given_rates_hz = rates_hz
        self._news = None if on_values is None else ValueNews(on_values)
        self._outlook = outlook
        self._interval_s = interval_s if interval_s is not None else config.monitor.interval_s
        self._stopping = threading.Event()
        self._changed = threading.Event()
        self._events = lab.bus.subscribe()
        self._rates: dict[str, MonitoredValue] = {}
        self._started_s = time.monotonic()
        self._failure = "", 0.0
        self._lasers: list[LaserWatch] = []
        self._latches: list[LatchWatch] = []
        self._devices = {name: self._watch_of(device) for name, device in lab.devices.items()}
        self._rate_watch = RateWatch(config.monitor.rates, self.alarms, lab.clock)
        taker = ActionTaker(
            lab.devices,
            lab.make_safe,
            pause_run=pause_run,
            abort_run=abort_run,
            on_end=self._changed.set,
        )
        self._interlocks = Interlocks(config.interlocks, taker, self.alarms, lab.bus)
        self._streams: list[StreamWatch] = []
        self._thread = threading.Thread(target=self._main, name="monitor", daemon=True)

    def start(self) -> None:
        """Begin to watch; what was wrong before shows within an interval."""
        self._started_s = time.monotonic()
        self._streams = [
            StreamWatch(
                pump,
                {d.name: d.channel for d in self._lab.bench.detectors.values() if d.tagger == name},
                self.alarms,
                self._lab.clock,
                counts=self._given_rates_hz is None,
            )
            for name, pump in self._lab.bench.pumps.items()
        ]
        for watch in self._devices.values():
            watch.start()
        self._thread.start()

    def close(self) -> None:
        """End every thread; closing twice is allowed.

        A driver that hangs for ever keeps its thread, which then is an alarm.
        """
        self._stopping.set()
        self._changed.set()
        for watch in self._devices.values():
            watch.stop()
        deadline_s = time.monotonic() + _JOIN_S
        if self._thread.ident is not None:
            self._thread.join()
        left = [w.name for w in self._devices.values() if not w.join(deadline_s - time.monotonic())]
        left += self._interlocks.join(max(0.0, deadline_s - time.monotonic()))
        for stream in self._streams:
            stream.close()
        for laser in self._lasers:
            laser.close()
        for latch in self._latches:
            if latch.name not in left:
                latch.close()
        self._events.close()
        for name in left:
            self.alarms.raise_alarm(
                f"{name}.hangs", "alarm", name, f"{name} hangs; its watch could not be ended"
            )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def values(self) -> Values:
        """Return every setting and reading with its age told by its state, as JSON takes it."""
        return {
            name: {key: value.to_dict() for key, value in watch.values().items()}
            for name, watch in self._devices.items()
        }

    def lost(self) -> dict[str, float]:
        """Return when each instrument that is lost was last found so, by time.monotonic()."""
        watches = self._devices.values()
        return {watch.name: at_s for watch in watches if (at_s := watch.lost_s) is not None}

    def rates_hz(self) -> dict[str, float]:
        """Return the count rates that rules see now, by detector."""
        return {name: rate.value for name, rate in self._rates.items() if rate.state == "fresh"}

    def rules(self) -> list[dict[str, Any]]:
        """Return where every interlock rule is, as JSON takes it."""
        return self._interlocks.status()

    def refuse_emission(self, instrument: str) -> None:
        """Refuse that a laser is switched on while a rule keeps it off.

        Raises:
            InterlockError: it names the rule and what violates it.
        """
        self._interlocks.refuse_emission(instrument)

    def refuse_raising(self, instrument: str) -> None:
        """Refuse that what was lowered at an instrument comes back while a rule keeps it down.

        Raises:
            InterlockError: it names the rule and what violates it.
        """
        self._interlocks.refuse_raising(instrument)

    def _watch_of(self, device: Device) -> DeviceWatch:
        lab, config = self._lab, self._lab.loaded.config.monitor
        guardians: list[LaserWatch | LatchWatch] = []
        if "laser" in device.kinds:
            tolerance = config.power_tolerance
            laser = LaserWatch(device, self.alarms, lab.bus, lab.clock, tolerance=tolerance)
            guardians.append(laser)
            self._lasers.append(laser)
        if "detector" in device.kinds:
            rearms = config.rearm_latched
            latch = LatchWatch(device, self.alarms, lab.bus, lab.clock, rearms=rearms)
            guardians.append(latch)
            self._latches.append(latch)
        pump = lab.bench.pumps.get(device.name)
        answers_always = device.answers_while_streaming
        return DeviceWatch(
            device,
            self.alarms,
            interval_s=self._interval_s,
            may_ask=lambda: pump is None or answers_always or not pump.is_running,
            on_round=self._changed.set,
            guardians=tuple(guardians),
            outlook=str if self._outlook is None else partial(self._outlook, device.name),
        )

    def _main(self) -> None:
        due_s = time.monotonic()
        while not self._stopping.is_set():
            self._changed.wait(max(0.0, due_s - time.monotonic()))
            self._changed.clear()
            try:
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + self._interval_s
                    self._look_at_streams()
                    self._look_for_hanging()
                self._take_notice()
            except Exception as error:  # noqa: BLE001  whatever happens, the watch goes on
                self._tell_failure(error)

    def _tell_failure(self, error: Exception) -> None:
        """Tell that a look failed, but not every time it does."""
        told, now_s = f"the monitor failed: {error!r}", time.monotonic()
        if told != self._failure[0] or now_s - self._failure[1] > _TELL_AGAIN_S:
            self._failure = told, now_s
            self._lab.bus.publish(Alarm("monitor", told))

    def _take_notice(self) -> None:
        for event in self._events.drain():
            if isinstance(event, Alarm) and not event.key:
                self.alarms.note(event)
            elif isinstance(event, ParameterChanged) and self._news is not None:
                self._news.note_set(event)
        seen = {name: watch.values() for name, watch in self._devices.items()}
        if self._has_looked():
            self._interlocks.judge(lambda q: self._look(q, seen), self._lab.clock.now_s())
        if self._news is not None:
            self._news.tell(seen)

    def _has_looked(self) -> bool:
        """Return whether every instrument was looked at once, or had the time to be."""
        waited_s = time.monotonic() - self._started_s
        return waited_s > self._stale_s or all(w.rounds for w in self._devices.values())

    def _look(
        self, quantity: Quantity, seen: Mapping[str, Mapping[str, MonitoredValue]]
    ) -> MonitoredValue | None:
        if quantity.name == "rate_hz" and quantity.owner in self._lab.bench.detectors:
            return self._rates.get(quantity.owner)
        return seen.get(quantity.owner, {}).get(quantity.name, NEVER_READ)

    def _look_at_streams(self) -> None:
        given = self._given_rates()
        is_dark = self._is_dark()
        rates: dict[str, MonitoredValue] = {}
        for stream in self._streams:
            stream.look()
            found = stream.rates(given, self._stale_s)
            self._rate_watch.look(found, is_dark=is_dark)
            rates |= found
        self._rates = rates

    def _given_rates(self) -> Mapping[str, float] | None:
        """Return the rates that somebody else counts; none of them where that fails."""
        if self._given_rates_hz is None:
            return None
        try:
            return self._given_rates_hz()
        except Exception as error:  # noqa: BLE001  rates that cannot be had must not pass for fresh
            self._tell_failure(error)
            return {}

    def _is_dark(self) -> bool:
        """Return whether every laser is known to be dark."""
        emissions = [
            self._devices[laser.name].values()["emission"] for laser in self._lab.bench.lasers
        ]
        return all(e.state == "fresh" and e.value is False for e in emissions)

    def _look_for_hanging(self) -> None:
        for watch in self._devices.values():
            waiting_s = watch.waiting_s()
            if waiting_s > max(self._stale_s, _HANGS_AFTER_S):
                told = f"{watch.name} has not answered for {waiting_s:.0f} s"
                self.alarms.raise_alarm(f"{watch.name}.unreachable", "alarm", watch.name, told)

    @property
    def _stale_s(self) -> float:
        return STALE_AFTER_INTERVALS * self._interval_s
