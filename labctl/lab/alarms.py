"""The alarms of a laboratory: what is wrong now, and what was and nobody has acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from labctl.bus import Alarm, Bus, Message, Severity
from labctl.errors import ConfigError

__all__ = ["AlarmBook", "AlarmEntry"]

#: A book of more entries than this forgets the oldest that are over.
_MAX_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class AlarmEntry:
    """One alarm.

    Attributes:
        id: number by which it is acknowledged.
        key: what is wrong; one entry per key.
        since_utc: when it began last, in seconds since 1970.
        is_active: False once what was wrong is over.
        count: how often it has begun.
    """

    id: int
    key: str
    severity: Severity
    source: str
    text: str
    since_utc: float
    is_active: bool = True
    is_acknowledged: bool = False
    count: int = 1


class AlarmBook:
    """Keeps every alarm until it is over and acknowledged; may be used from any thread.

    An alarm that begins, or gets worse, is published on the bus, so that runs record it; its
    end is published as a message. `on_change` is called after every change, without a lock, in
    the thread that made it.
    """

    def __init__(self, bus: Bus, on_change: Callable[[], None] | None = None) -> None:
        self._bus = bus
        self.on_change = on_change
        self._lock = threading.Lock()
        self._entries: dict[str, AlarmEntry] = {}
        self._made = 0

    def raise_alarm(self, key: str, severity: Severity, source: str, text: str) -> int:
        """Note that something is wrong and return the alarm's number.

        Said again while it is wrong, it only renews the text, unless it got worse.
        """
        with self._lock:
            former = self._entries.get(key)
            entry = self._renewed(former, key, severity, source, text)
            if entry == former:
                return entry.id
            self._enter(entry)
        begins = former is None or not former.is_active
        got_worse = former is not None and former.severity == "warning" and severity == "alarm"
        if begins or got_worse:
            self._bus.publish(Alarm(source=source, text=text, severity=severity, key=key))
        self._tell()
        return entry.id

    def note(self, event: Alarm) -> None:
        """Enter an alarm that was published without a key: it has no end that could be told."""
        with self._lock:
            key = f"{event.source}: {event.text}"
            entry = self._renewed(
                self._entries.get(key), key, event.severity, event.source, event.text
            )
            self._enter(replace(entry, is_active=False, since_utc=event.utc_ns * 1e-9))
        self._tell()

    def clear(self, key: str) -> None:
        """Note that what was wrong is over; nothing happens where it was not."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not entry.is_active:
                return
            self._entries[key] = replace(entry, is_active=False)
            if entry.is_acknowledged:
                del self._entries[key]
        self._bus.publish(Message(source=entry.source, text=f"over: {entry.text}"))
        self._tell()

    def acknowledge(self, alarm_id: int) -> None:
        """Note that an operator has seen the alarm; one that is over is forgotten.

        Raises:
            ConfigError: there is no such alarm.
        """
        with self._lock:
            entry = next((e for e in self._entries.values() if e.id == alarm_id), None)
            if entry is None:
                known = ", ".join(str(e.id) for e in self._entries.values()) or "none"
                raise ConfigError(f"there is no alarm {alarm_id}; there are: {known}")
            if entry.is_active:
                self._entries[entry.key] = replace(entry, is_acknowledged=True)
            else:
                del self._entries[entry.key]
        self._tell()

    def snapshot(self) -> list[dict[str, Any]]:
        """Return every alarm that is active or not acknowledged, oldest first, as JSON takes it."""
        with self._lock:
            return [asdict(entry) for entry in self._entries.values()]

    def is_active(self, key: str) -> bool:
        """Return whether what `key` names is wrong now."""
        with self._lock:
            return key in self._entries and self._entries[key].is_active

    def _renewed(
        self, former: AlarmEntry | None, key: str, severity: Severity, source: str, text: str
    ) -> AlarmEntry:
        if former is None:
            self._made += 1
            return AlarmEntry(self._made, key, severity, source, text, time.time())
        if former.is_active:
            seen = former.is_acknowledged and not (
                former.severity == "warning" and severity == "alarm"
            )
            return replace(former, severity=severity, text=text, is_acknowledged=seen)
        return replace(
            former,
            severity=severity,
            text=text,
            since_utc=time.time(),
            is_active=True,
            count=former.count + 1,
        )

    def _enter(self, entry: AlarmEntry) -> None:
        self._entries[entry.key] = entry
        if len(self._entries) > _MAX_ENTRIES:
            over = next((k for k, e in self._entries.items() if not e.is_active), None)
            if over is not None and over != entry.key:
                del self._entries[over]

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()
