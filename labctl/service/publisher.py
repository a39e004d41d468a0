"""The push plane: tells every subscriber what changed, and waits for none of them.

An update on the wire is `{"version": 1, "topic": ..., "sequence": n, "missed": k, "utc_ns": ...,
"data": {...}}`. The first one after a subscription is the topic `snapshot` with everything.
`missed` says how many updates of this topic the subscriber did not get since the last one.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labctl.errors import LabError, LimitError
from labctl.service.requests import check
from labctl.service.subscribers import Encoded, Subscribe, Subscriber
from labctl.service.topics import AT_ONCE, IN_PARTS, SNAPSHOT, TOPICS
from labctl.transport.plain_json import check_bounds, decode_object
from labctl.transport.publishing import MAX_UPDATE_BYTES, Delivery, PublishingSocket

__all__ = ["Publisher"]

_log = logging.getLogger(__name__)

#: Shortest time between two updates of a topic whose newest value is all that matters.
_INTERVAL_S = 0.05
#: How often a subscriber that takes no updates is tried again.
_RETRY_S = 0.25
_MAX_SUBSCRIBERS = 64
#: Updates that wait for the publisher's thread, where every one counts.
_MAX_WAITING = 2000


class Publisher:
    """Publishes on loopback, to whoever has the laboratory's token; has a thread of its own.

    Args:
        is_token: says whether a text is the token, in constant time.
        admit: notes a sign of life of a client; raises LabError for one that it does not know.
        snapshot: returns everything that subscribers need to begin with, from memory.
    """

    def __init__(
        self,
        *,
        is_token: Callable[[str], bool],
        admit: Callable[[str], object],
        snapshot: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._is_token = is_token
        self._admit = admit
        self._snapshot = snapshot
        self._lock = threading.Lock()
        self._at_once: deque[tuple[str, int, Mapping[str, Any]]] = deque()
        self._newest: dict[str, tuple[int, Mapping[str, Any]]] = {}
        self._dropped: Counter[str] = Counter()
        self._run_state: object = None
        self._is_open = True
        # What follows belongs to the publisher's thread.
        self._subscribers: dict[bytes, Subscriber] = {}
        self._sequences: Counter[str] = Counter()
        self._latest: dict[str, Encoded] = {}
        self._due_s: dict[str, float] = {}
        self._socket = PublishingSocket(is_password=is_token)
        self.endpoint = self._socket.endpoint
        self._thread = threading.Thread(target=self._main, name="control publisher", daemon=True)
        self._thread.start()

    def publish(self, topic: str, data: Mapping[str, Any]) -> None:
        """Tell `data` to all who subscribed to `topic`; for any thread, and never waits.

        `data` must not be changed afterwards. It is told at once and in order for topics where
        every update counts; of others the newest, at most 20 times a second.

        Raises:
            ValueError: there is no such topic.
        """
        if topic not in TOPICS:
            raise ValueError(f'there is no topic "{topic}"; there are: {", ".join(sorted(TOPICS))}')
        utc_ns = time.time_ns()
        with self._lock:
            is_awaited = topic not in self._newest
            if topic in AT_ONCE or self._is_new_state(topic, data):
                is_awaited = not self._at_once
                self._newest.pop(topic, None)
                self._at_once.append((topic, utc_ns, data))
                if len(self._at_once) > _MAX_WAITING:
                    self._dropped[self._at_once.popleft()[0]] += 1
            elif topic in IN_PARTS and topic in self._newest:
                self._newest[topic] = (utc_ns, _merged(self._newest[topic][1], data))
            else:
                self._newest[topic] = (utc_ns, data)
        if is_awaited:
            self._socket.wake()

    def close(self) -> None:
        """Tell what still waits, and end; closing twice is allowed."""
        self._is_open = False
        self._socket.wake()
        self._thread.join()

    def _is_new_state(self, topic: str, data: Mapping[str, Any]) -> bool:
        if topic != "run" or data.get("state") == self._run_state:
            return False
        self._run_state = data.get("state")
        return True

    def _main(self) -> None:
        while self._is_open:
            self._socket.wait(self._timeout_s())
            try:
                self._hear()
                self._tell(time.monotonic())
                self._catch_up(time.monotonic())
            except Exception:  # noqa: BLE001  one bad round must not silence all others
                _log.exception("the publisher could not do one of its rounds")
        self._tell(float("inf"))
        self._socket.close()

    def _timeout_s(self) -> float | None:
        """Return how long nothing will be due, None for as long as nothing happens."""
        with self._lock:
            due_s = [self._due_s.get(topic, 0.0) for topic in self._newest]
            if self._at_once:
                return 0.0
        due_s += [s.next_try_s for s in self._subscribers.values() if s.behind]
        return max(0.0, min(due_s) - time.monotonic()) if due_s else None

    def _hear(self) -> None:
        """Take the subscriptions that have come; strangers get no answer."""
        while (heard := self._socket.receive()) is not None:
            address, data = heard
            try:
                message = decode_object(data)
                token = message.get("token")
                if not isinstance(token, str) or not self._is_token(token):
                    continue
            except LimitError:
                continue
            subscriber = self._subscribers.get(address) or self._new_subscriber(address)
            try:
                self._subscribe(address, subscriber, message)
            except LabError as error:
                refusal = {"error": str(error), "kind": type(error).__name__}
                subscriber.say(Encoded("refused", 0, time.time_ns(), refusal))

    def _new_subscriber(self, address: bytes) -> Subscriber:
        return Subscriber(functools.partial(self._socket.send, address))

    def _subscribe(self, address: bytes, subscriber: Subscriber, message: dict[str, Any]) -> None:
        check_bounds(message)
        wanted = check(Subscribe, message, "the subscription")
        if unknown := set(wanted.topics) - TOPICS:
            raise LimitError(f"there is no topic {', '.join(sorted(unknown))}")
        self._admit(wanted.client)
        if address not in self._subscribers:
            self._make_room()
            self._subscribers[address] = subscriber
        subscriber.topics = frozenset(wanted.topics)
        if wanted.is_new:
            subscriber.tell_everything(self._everything())
        else:
            subscriber.say(self._encoded("alive", time.time_ns(), {}))

    def _make_room(self) -> None:
        if len(self._subscribers) < _MAX_SUBSCRIBERS:
            return
        alive = self._encoded("alive", time.time_ns(), {})
        for address, subscriber in list(self._subscribers.items()):
            if subscriber.say(alive) is Delivery.GONE:
                del self._subscribers[address]
        if len(self._subscribers) >= _MAX_SUBSCRIBERS:
            raise LimitError(f"{_MAX_SUBSCRIBERS} clients have subscribed, which is the most")

    def _tell(self, now_s: float) -> None:
        for topic, utc_ns, data in self._due(now_s):
            self._sequences[topic] += 1
            wanting = [(a, s) for a, s in self._subscribers.items() if topic in s.topics]
            if not wanting:
                self._latest.pop(topic, None)
                continue
            try:
                update = self._latest[topic] = self._encoded(topic, utc_ns, data)
            except (LimitError, TypeError, RecursionError):
                _log.exception("an update of %s could not be encoded", topic)
                continue
            for address, subscriber in wanting:
                if subscriber.tell(update) is Delivery.GONE:
                    del self._subscribers[address]

    def _due(self, now_s: float) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
        """Yield what is to be told now, in order."""
        with self._lock:
            due = list(self._at_once)
            self._at_once.clear()
            for topic in list(self._newest):
                if self._due_s.get(topic, 0.0) <= now_s:
                    self._due_s[topic] = now_s + _INTERVAL_S
                    due.append((topic, *self._newest.pop(topic)))
            dropped, self._dropped = self._dropped, Counter()
        for topic in dropped.elements():
            self._sequences[topic] += 1
            for subscriber in self._subscribers.values():
                if topic in subscriber.topics:
                    subscriber.miss(topic)
        yield from due

    def _catch_up(self, now_s: float) -> None:
        """Give those who missed something how things are now, as soon as they take it."""
        for address, subscriber in list(self._subscribers.items()):
            if not subscriber.behind or subscriber.next_try_s > now_s:
                continue
            subscriber.next_try_s = now_s + _RETRY_S
            # Whether it takes anything at all is asked with something cheap.
            delivery = subscriber.say(self._encoded("alive", time.time_ns(), {}))
            if delivery is Delivery.SENT and subscriber.behind & {SNAPSHOT, *IN_PARTS}:
                delivery = subscriber.tell_everything(self._everything())
            for topic in sorted(subscriber.behind - {SNAPSHOT, *IN_PARTS}):
                if delivery is not Delivery.SENT:
                    break
                delivery = self._tell_latest(subscriber, topic)
            if delivery is Delivery.GONE:
                del self._subscribers[address]

    def _tell_latest(self, subscriber: Subscriber, topic: str) -> Delivery:
        if topic in subscriber.topics and topic in self._latest:
            return subscriber.tell_again(self._latest[topic])
        subscriber.behind.discard(topic)
        return Delivery.SENT

    def _everything(self) -> Encoded:
        self._sequences[SNAPSHOT] += 1
        return self._encoded(SNAPSHOT, time.time_ns(), self._snapshot())

    def _encoded(self, topic: str, utc_ns: int, data: Mapping[str, Any]) -> Encoded:
        update = Encoded(topic, self._sequences[topic], utc_ns, data)
        if len(update.message(0)) > MAX_UPDATE_BYTES:
            raise LimitError(f"an update of {topic} is larger than {MAX_UPDATE_BYTES} bytes")
        return update


def _merged(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what changed in both: {instrument: {setting: ...}}, the later value where in both."""
    both = {name: {**earlier.get(name, {}), **settings} for name, settings in later.items()}
    return {**earlier, **both}
