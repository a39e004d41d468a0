"""The window's link to the service: updates come as Qt signals, requests never block the window."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import shiboken6
from PySide6.QtCore import QObject, QTimer, Signal

from labctl.errors import LabError, LinkError
from labctl.service import LabClient, Subscription, connect
from labctl.service.topics import TOPICS

__all__ = ["ServiceLink"]

#: How often the window takes what has come; a frame at 30 frames per second.
_TICK_MS: Final = 33
_SEARCH_EVERY_S: Final = 1.0
#: Topics of which only the newest matters; of the others every update is handed on, in order.
_NEWEST_WINS: Final = frozenset({"rates", "matrix", "histogram", "health", "run", "queue"})
#: So many updates are taken in one tick, so that a flood cannot hold the window.
_PER_TICK: Final = 400

Done = Callable[[Any], None]
Failed = Callable[[LabError], None]


class ServiceLink(QObject):
    """Everything the window knows of the laboratory, and the only way it acts on it.

    Lives in the window's thread. Two threads of its own do what may wait: one asks in order, one
    looks for the service. What switches off has a thread per call, so that it waits for nothing.

    Attributes:
        updated: (topic, data) of every update; topics as the service publishes them.
        state_changed: "waiting" (no service yet), "connected" or "gone".
        failed: (what was tried, LabError) of a request whose caller did not ask for its error.
    """

    updated = Signal(str, object)
    state_changed = Signal(str)
    failed = Signal(str, object)

    def __init__(
        self, config: Path | None = None, *, simulated: bool | None = None, name: str = "window"
    ) -> None:
        super().__init__()
        self.state = "waiting"
        #: Newest data of every topic; empty before the first.
        self.latest: dict[str, Any] = {}
        #: Updates that the service dropped because this window did not keep up.
        self.missed = 0
        #: How often everything was ordered off here; what was asked for before is over.
        self.safe_orders = 0
        self._config, self._simulated, self._name = config, simulated, name
        self._client: LabClient | None = None
        self._subscription: Subscription | None = None
        self._found: queue.SimpleQueue[LabClient] = queue.SimpleQueue()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._answers: deque[Callable[[], object]] = deque()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._search, name="service search", daemon=True),
            threading.Thread(target=self._ask_in_order, name="service requests", daemon=True),
        ]
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Begin to look for the service and to take its updates."""
        for thread in self._threads:
            thread.start()
        self._timer.start(_TICK_MS)

    def close(self) -> None:
        """Let go of the service; nothing that it does is touched."""
        self._timer.stop()
        self._stopping.set()
        self._work.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        if self._subscription is not None:
            self._subscription.close()
        if self._client is not None:
            self._client.close()
        while not self._found.empty():
            self._found.get().close()

    @property
    def client(self) -> LabClient | None:
        """The client, once a service was found; use it in a request's own function only."""
        return self._client

    @property
    def is_operator(self) -> bool:
        """Whether this window holds control."""
        control = self.latest.get("control") or {}
        client = self._client
        return client is not None and control.get("operator") == client.client_id

    def ask(
        self,
        what: str,
        act: Callable[[LabClient], Any],
        done: Done | None = None,
        failed: Failed | None = None,
    ) -> None:
        """Do `act` with the client in the thread of requests; tell its end in this thread.

        `what` says what was tried, as "set pump.power_mw", for messages. Requests keep their
        order. Without `failed` an error goes to the signal `failed`.
        """
        self._work.put(lambda: self._attempt(what, act, done, failed))

    def make_safe(self, done: Done | None = None, failed: Failed | None = None) -> None:
        """Switch everything off that could do harm, at once, whatever else is being asked."""
        self.safe_orders += 1
        self.ask_at_once("all safe", lambda client: client.make_safe(), done, failed)

    def ask_at_once(
        self,
        what: str,
        act: Callable[[LabClient], Any],
        done: Done | None = None,
        failed: Failed | None = None,
    ) -> None:
        """Do `act` in a thread of its own: what switches off waits for no other request."""
        threading.Thread(
            target=self._attempt, args=(what, act, done, failed), name=what, daemon=True
        ).start()

    def _attempt(
        self, what: str, act: Callable[[LabClient], Any], done: Done | None, failed: Failed | None
    ) -> None:
        try:
            if self._client is None:
                raise LinkError("no service is running", hint="Start one: labctl serve")
            found = act(self._client)
        except LabError as error:
            kept = error
            if failed is not None:
                self._answers.append(lambda: _is_gone(failed) or failed(kept))
            else:
                self._answers.append(lambda: self.failed.emit(what, kept))
        else:
            if done is not None:
                self._answers.append(lambda: _is_gone(done) or done(found))

    def _ask_in_order(self) -> None:
        while (act := self._work.get()) is not None:
            act()
            # What waits for the next request keeps no window alive that asked the last one.
            del act

    def _search(self) -> None:
        while not self._stopping.is_set():
            try:
                client = connect(self._config, simulated=self._simulated, name=self._name)
            except LabError:
                self._stopping.wait(_SEARCH_EVERY_S)
                continue
            self._found.put(client)
            return

    def _tick(self) -> None:
        if self._client is None and not self._found.empty():
            self._client = self._found.get()
            self._subscription = self._client.subscribe(*TOPICS)
        for _ in range(len(self._answers)):
            self._answers.popleft()()
        self._take_updates()

    def _take_updates(self) -> None:
        if self._subscription is None:
            return
        newest: dict[str, Any] = {}
        for _ in range(_PER_TICK):
            update = self._subscription.get(0)
            if update is None:
                break
            self.missed = self._subscription.missed
            if update.topic in _NEWEST_WINS:
                newest[update.topic] = update.data
            else:
                self._hand_on(update.topic, update.data)
        for topic, data in newest.items():
            self._hand_on(topic, data)

    def _hand_on(self, topic: str, data: Any) -> None:
        if topic == "service":
            self._enter(str(data["state"]))
            return
        if topic == "snapshot":
            self._enter("connected")
            self._take_snapshot(data)
            return
        if topic == "instruments":
            known = self.latest.setdefault("instruments", {})
            for name, settings in data.items():
                known.setdefault(name, {}).update(settings)
        else:
            self.latest[topic] = data
        self.updated.emit(topic, data)

    def _take_snapshot(self, snapshot: dict[str, Any]) -> None:
        """Hand a snapshot on as one update per topic, so that panels need to know one way only."""
        self.latest["snapshot"] = snapshot
        self.latest["service"] = snapshot.get("service", {})
        self.latest["instruments"] = {}
        self.updated.emit("snapshot", snapshot)
        alarms = {"alarms": snapshot.get("alarms", []), "rules": snapshot.get("rules", [])}
        self._hand_on("alarms", alarms)
        for line in snapshot.get("log", []):
            self._hand_on("log", line)
        for topic in ("instruments", "control", "queue", "health", "run", "points"):
            if snapshot.get(topic):
                self._hand_on(topic, snapshot[topic])

    def _enter(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)


def _is_gone(told: Done | Failed) -> bool:
    """Return whether the widget that asked is gone: its window was closed before the answer."""
    asker = getattr(told, "__self__", None)
    return isinstance(asker, QObject) and not shiboken6.isValid(asker)
