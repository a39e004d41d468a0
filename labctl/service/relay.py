"""From the laboratory's bus to the clients: run status, points, messages and alarms."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from labctl.bus import Alarm, Bus, Message, ParameterChanged
from labctl.runs.plan import Point
from labctl.runs.status import RunStatus

__all__ = ["BusRelay"]

_POLL_S: Final = 0.05
#: What a client that comes late still sees of the log and of the points of the present run.
_LOG_LINES: Final = 500
_POINTS: Final = 2000


class BusRelay:
    """Publishes what happens on the bus; keeps the newest of it for those who come later.

    Args:
        bus: of the open laboratory.
        publish: takes (topic, data) and never waits.
        on_value: takes (instrument, setting, value) of every setting that was set.
        on_run: takes the status of the run, whenever it is told.
    """

    def __init__(
        self,
        bus: Bus,
        publish: Callable[[str, Mapping[str, Any]], object],
        *,
        on_value: Callable[[str, str, Any], None],
        on_run: Callable[[RunStatus], None],
    ) -> None:
        self._events = bus.subscribe()
        self._publish = publish
        self._on_value = on_value
        self._on_run = on_run
        self._lock = threading.Lock()
        self._log: deque[dict[str, Any]] = deque(maxlen=_LOG_LINES)
        self._points: deque[dict[str, Any]] = deque(maxlen=_POINTS)
        self._uid = ""
        self._fresh: list[dict[str, Any]] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus relay", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Pass on what waits, then end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._events.close()

    def log(self) -> list[dict[str, Any]]:
        """Return the newest lines of the log, oldest first."""
        with self._lock:
            return list(self._log)

    def points(self) -> dict[str, Any]:
        """Return the newest points of the present or last run: uid and rows."""
        with self._lock:
            return {"uid": self._uid, "rows": list(self._points)}

    def _run(self) -> None:
        while not self._stopping.is_set():
            event = self._events.get(_POLL_S)
            if event is not None:
                self._take(event)
            for event in self._events.drain():
                self._take(event)
            self._tell_points()

    def _take(self, event: object) -> None:
        if isinstance(event, RunStatus):
            self._enter_run(event)
        elif isinstance(event, Point):
            self._fresh.append({"number": event.number, "total": event.total, **event.values})
        elif isinstance(event, ParameterChanged):
            self._on_value(event.instrument, event.setting, event.value)
            value = f"{event.value} {event.unit}".strip()
            self._line("info", event.instrument, f"{event.setting} = {value}", event.utc_ns)
        elif isinstance(event, Message):
            self._line(event.level.name.lower(), event.source, event.text, event.utc_ns)
        elif isinstance(event, Alarm):
            self._line(event.severity, event.source, event.text, event.utc_ns)

    def _enter_run(self, status: RunStatus) -> None:
        self._on_run(status)
        self._tell_points()
        if status.uid and status.uid != self._uid:
            with self._lock:
                self._uid = status.uid
                self._points.clear()
        self._publish("run", status.to_dict())

    def _tell_points(self) -> None:
        fresh, self._fresh = self._fresh, []
        if fresh:
            with self._lock:
                self._points.extend(fresh)
            self._publish("points", {"uid": self._uid, "rows": fresh[-_POINTS:]})

    def _line(self, level: str, source: str, text: str, utc_ns: int) -> None:
        line = {"level": level, "source": source, "text": text, "utc_ns": utc_ns}
        with self._lock:
            self._log.append(line)
        self._publish("log", line)
