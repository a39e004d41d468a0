"""Watches detectors that can latch, and brings them back a bounded number of times."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

from labctl.bus import Bus, ParameterChanged
from labctl.clock import Clock
from labctl.errors import InstrumentError, InterlockError
from labctl.lab.alarms import AlarmBook
from labctl.lab.values import MonitoredValue

__all__ = ["LatchWatch"]

#: Detectors that were armed again so often ...
_MAX_REARMS = 3
#: ... within this bench time are left without bias: something keeps latching them.
_REARMS_WITHIN_S = 600.0


class LatchWatch:
    """Asks one instrument of the kind `detector`; used by its watching thread.

    A driver that offers `rearm_latched` (a generator of seconds to wait) is told to, if the
    configuration allows it. The waits are spent looking at everything else.
    """

    def __init__(
        self, device: Any, alarms: AlarmBook, bus: Bus, clock: Clock, *, rearms: bool
    ) -> None:
        self._device = device
        self._alarms = alarms
        self._clock = clock
        self._rearms = rearms and hasattr(device, "rearm_latched")
        self._events = bus.subscribe()
        self._rearming: Generator[float, None, None] | None = None
        self._due_s = 0.0
        self._rearmed_s: deque[float] = deque(maxlen=_MAX_REARMS)
        self._has_given_up = False

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return str(self._device.name)

    @property
    def is_busy(self) -> bool:
        """True while detectors are being armed again."""
        return self._rearming is not None

    def look(self, values: dict[str, MonitoredValue]) -> None:
        """Ask which channels are latched, and begin to bring them back."""
        del values
        was_set = self._was_set()
        if self._rearming is not None or (self._has_given_up and not was_set):
            return
        self._has_given_up = False
        latched = self._device.latched_channels()
        if not latched:
            self._alarms.clear(self._key)
            return
        listed = ", ".join(str(channel) for channel in latched)
        self._raise(f"channel {listed} of {self._device.name} is latched and does not click")
        if not self._rearms:
            return
        now_s = self._clock.now_s()
        if len(self._rearmed_s) == _MAX_REARMS and now_s - self._rearmed_s[0] < _REARMS_WITHIN_S:
            self._leave_off(listed)
            return
        self._rearmed_s.append(now_s)
        self._rearming = self._device.rearm_latched()
        self._due_s = now_s

    def step(self) -> None:
        """Take the next step of arming detectors again once its time has come."""
        if self._rearming is None or self._clock.now_s() < self._due_s:
            return
        try:
            self._due_s = self._clock.now_s() + next(self._rearming)
        except StopIteration:
            self._rearming = None
        except (InstrumentError, InterlockError) as error:
            # It latches each time; or it was made safe, or set by somebody else meanwhile.
            self._give_up(str(error))
        except BaseException:
            self._rearming = None
            raise

    def close(self) -> None:
        """Receive no more events, and leave the bias where it is."""
        if self._rearming is not None:
            self._rearming.close()
            self._rearming = None
        self._events.close()

    @property
    def _key(self) -> str:
        return f"{self._device.name}.latched"

    def _raise(self, text: str) -> None:
        self._alarms.raise_alarm(self._key, "alarm", self._device.name, text)

    def _leave_off(self, listed: str) -> None:
        self._device.make_safe()
        self._give_up(
            f"channel {listed} of {self._device.name} latches again and again ({_MAX_REARMS} times "
            f"in {_REARMS_WITHIN_S / 60:g} min); the bias of all its detectors was taken off"
        )

    def _give_up(self, text: str) -> None:
        self._rearming = None
        self._has_given_up = True
        self._raise(text)
        self._events.drain()

    def _was_set(self) -> bool:
        """Return whether somebody has set the instrument since this was asked last."""
        return any(
            isinstance(event, ParameterChanged) and event.instrument == self._device.name
            for event in self._events.drain()
        )
