"""The event plane: frozen events, one bounded queue per subscriber.

Publishing never runs a consumer's code and never waits, so no consumer can stall
acquisition. A subscriber that does not keep up loses its oldest events and is told how
many; the recorder, which must lose nothing, takes its data from the tag plane and from the
run engine directly.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, Self, TypeAlias

__all__ = [
    "Alarm",
    "Bus",
    "Event",
    "Level",
    "Message",
    "ParameterChanged",
    "Severity",
    "Subscription",
]

#: A warning may wait; an alarm must be looked at now.
Severity: TypeAlias = Literal["warning", "alarm"]


class Level(IntEnum):
    """How much an event matters to the operator."""

    INFO = 20
    WARNING = 30
    ALARM = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened; `utc_ns` is nanoseconds since 1970 UTC."""

    utc_ns: int = field(default_factory=time.time_ns)


@dataclass(frozen=True, slots=True)
class Message(Event):
    """A line for the log."""

    source: str
    text: str
    level: Level = Level.INFO


@dataclass(frozen=True, slots=True)
class Alarm(Event):
    """Something the operator must see; `key` names a condition that can end again."""

    source: str
    text: str
    severity: Severity = "alarm"
    key: str = ""


@dataclass(frozen=True, slots=True)
class ParameterChanged(Event):
    """A setting of an instrument was set."""

    instrument: str
    setting: str
    value: object
    unit: str


class Subscription:
    """One consumer's bounded queue; drained in the consumer's own thread."""

    def __init__(self, bus: Bus, capacity: int) -> None:
        self._bus = bus
        self._events: deque[object] = deque(maxlen=capacity)
        self._changed = threading.Condition()
        self._missed = 0

    def _put(self, event: object) -> None:
        with self._changed:
            if len(self._events) == self._events.maxlen:
                self._missed += 1
            self._events.append(event)
            self._changed.notify()

    def get(self, timeout_s: float | None = None) -> object | None:
        """Return the oldest event, or None when none arrives within `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._events, timeout_s):
                return None
            return self._events.popleft()

    def drain(self) -> list[object]:
        """Return all events that wait, oldest first, without waiting."""
        with self._changed:
            events = list(self._events)
            self._events.clear()
            return events

    @property
    def is_waiting(self) -> bool:
        """True when events wait; asks without a lock, so it may be a moment old."""
        return bool(self._events)

    @property
    def missed(self) -> int:
        """Events dropped because this consumer did not keep up."""
        return self._missed

    def close(self) -> None:
        """Stop receiving; events still queued can be drained."""
        self._bus._remove(self)  # noqa: SLF001  the two classes are one mechanism

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Bus:
    """Carries events from those who know to those who want to know."""

    def __init__(self) -> None:
        self._subscriptions: tuple[Subscription, ...] = ()
        self._lock = threading.Lock()

    def publish(self, event: object) -> None:
        """Put `event` into every subscriber's queue; never waits for a consumer."""
        for subscription in self._subscriptions:
            subscription._put(event)  # noqa: SLF001  the two classes are one mechanism

    def subscribe(self, capacity: int = 10_000) -> Subscription:
        """Return a queue that receives every event published from now on."""
        subscription = Subscription(self, capacity)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
