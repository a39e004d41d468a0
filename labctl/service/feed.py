"""The client's end of the push plane: one thread that listens, any number of consumers."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from labctl.errors import LabError
from labctl.service.subscription import Subscription, Update
from labctl.service.topics import SNAPSHOT, TOPICS
from labctl.transport.plain_json import decode_object, encode_object
from labctl.transport.publishing import SubscribingSocket

__all__ = ["SERVICE", "Attachment", "Feed", "Line"]

_log = logging.getLogger(__name__)

#: The topic of the connection itself: {"state": "connected"} or {"state": "gone"}.
SERVICE = "service"
_BEAT_S = 2.0
#: So many signs of life in the time after which a silent client is lost.
_BEATS = 5
#: Signs of life without an answer for so long, and the service is taken for gone.
_GONE_AFTER_S = 6.0
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a client is known to one service.

    Attributes:
        push_endpoint: where the service publishes.
        client: the id that the service gave the client.
        beat_within_s: a client that is silent for longer is taken for lost.
    """

    push_endpoint: str
    token: str
    client: str
    beat_within_s: float


class Line(Protocol):
    """How the client is attached, now and again after the service was gone."""

    @property
    def attachment(self) -> Attachment:
        """The present attachment."""
        ...

    def attach(self, known_client: str) -> Attachment:
        """Attach again; raises LabError while there is no service."""
        ...


class Feed:
    """Listens to a service in a thread of its own; its signs of life keep the client known.

    When the service is gone, it says so and looks until there is one again.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._newest: dict[str, Update] = {}
        self._needs_snapshot = False
        self._is_closing = threading.Event()
        self._is_connected = threading.Event()
        self._is_connected.set()
        self._socket: SubscribingSocket | None = None
        self._thread = threading.Thread(target=self._main, name="control subscription", daemon=True)
        self._thread.start()

    @property
    def is_gone(self) -> bool:
        """True while no service answers."""
        return not self._is_connected.is_set()

    def wait_for_service(self, timeout_s: float) -> bool:
        """Return True as soon as a service answers, False when none does within `timeout_s`."""
        return self._is_connected.wait(timeout_s)

    def newest(self) -> dict[str, Update]:
        """Return the newest update of every topic that somebody subscribed to."""
        with self._lock:
            return dict(self._newest)

    def subscribe(
        self, topics: frozenset[str], on_update: Callable[[Update], None] | None
    ) -> Subscription:
        """Return a consumer of `topics`, the snapshots and the state of the connection."""
        subscription = Subscription(
            topics | {SNAPSHOT, SERVICE}, on_update=on_update, on_close=self._remove
        )
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
            self._needs_snapshot = True
            if self._socket is not None:
                self._socket.wake()
        return subscription

    def stop(self) -> None:
        """Give no more signs of life; returns at once."""
        self._is_closing.set()
        with self._lock:
            if self._socket is not None:
                self._socket.wake()

    def close(self) -> None:
        """Listen no more; all subscriptions end."""
        self.stop()
        self._thread.join()
        for subscription in self._subscriptions:
            subscription._end()  # noqa: SLF001  the two classes are one mechanism

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

    def _main(self) -> None:
        while not self._is_closing.is_set():
            attachment = self._line.attachment
            self._listen(attachment)
            if self._is_closing.is_set():
                return
            self._is_connected.clear()
            self._give(Update(SERVICE, {"state": "gone"}, utc_ns=time.time_ns()))
            self._look_for_service(attachment.client)
            if self._is_closing.is_set():
                return
            self._is_connected.set()
            self._give(Update(SERVICE, {"state": "connected"}, utc_ns=time.time_ns()))

    def _look_for_service(self, known_client: str) -> None:
        while not self._is_closing.wait(_LOOK_AGAIN_S):
            with contextlib.suppress(LabError):
                self._line.attach(known_client)
                return

    def _listen(self, attachment: Attachment) -> None:
        """Receive until the service is gone, or this feed is closed."""
        socket = SubscribingSocket(attachment.push_endpoint, password=attachment.token)
        with self._lock:
            self._socket = socket
            self._needs_snapshot = bool(self._subscriptions)
        n_unanswered, next_beat_s = 0, 0.0
        beat_s = min(_BEAT_S, attachment.beat_within_s / _BEATS)
        # Counted, not timed: whoever was frozen itself must not take the service for gone.
        max_unanswered = round(_GONE_AFTER_S / beat_s)
        try:
            while not (self._is_closing.is_set() or socket.is_lost):
                is_due = time.monotonic() >= next_beat_s
                if is_due:
                    if n_unanswered >= max_unanswered:
                        return
                    n_unanswered += 1
                    next_beat_s = time.monotonic() + beat_s
                if is_due or self._needs_snapshot:
                    self._beat(socket, attachment)
                data = socket.receive(next_beat_s - time.monotonic())
                if data is not None:
                    n_unanswered = 0
                    if not self._take(data):
                        return
        finally:
            with self._lock:
                self._socket = None
            socket.close()

    def _beat(self, socket: SubscribingSocket, attachment: Attachment) -> None:
        with self._lock:
            needs_snapshot, self._needs_snapshot = self._needs_snapshot, False
            wanted = {t for s in self._subscriptions for t in s.topics} & TOPICS
        message = {
            "version": 1,
            "token": attachment.token,
            "client": attachment.client,
            "topics": sorted(wanted),
            "is_new": needs_snapshot,
        }
        socket.send(encode_object(message))

    def _take(self, data: bytes) -> bool:
        """Give an update to those who want it; return False where the service refuses us."""
        try:
            fields = decode_object(data)
            topic, sequence, utc_ns = fields["topic"], fields["sequence"], fields["utc_ns"]
            update = Update(
                str(topic),
                dict(fields["data"]),
                int(sequence),
                int(fields["missed"]),
                int(utc_ns),
                dict(fields.get("missed_of", {})),
            )
        except (LabError, KeyError, TypeError, ValueError):
            _log.warning("the service sent something that is no update of this version")
            return True
        if update.topic == "refused":
            _log.warning("the service refused the subscription: %s", update.data.get("error"))
            return False
        self._give(update)
        return True

    def _give(self, update: Update) -> None:
        with self._lock:
            subscriptions = self._subscriptions
            if update.topic in TOPICS | {SNAPSHOT, SERVICE}:
                self._newest[update.topic] = update
        for subscription in subscriptions:
            subscription._put(update)  # noqa: SLF001  the two classes are one mechanism
