"""What a client was told by a service, and who in the client wants to know it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["Subscription", "Update"]

_log = logging.getLogger(__name__)

_CAPACITY = 2000


@dataclass(frozen=True, slots=True)
class Update:
    """Something that a service told.

    Attributes:
        missed: updates of this topic that did not come through since the last one.
        missed_of: the same by topic, where a snapshot makes up for them.
    """

    topic: str
    data: Mapping[str, Any]
    sequence: int = 0
    missed: int = 0
    utc_ns: int = 0
    missed_of: Mapping[str, int] = field(default_factory=dict)


class Subscription:
    """One consumer's updates; iterate over it, or `get` one at a time, in any one thread.

    A consumer that does not keep up loses its oldest updates and is told how many. With
    `on_update` nothing is queued: it is called in the listening thread instead.
    """

    def __init__(
        self,
        topics: frozenset[str],
        *,
        on_update: Callable[[Update], None] | None,
        on_close: Callable[[Subscription], None],
    ) -> None:
        self.topics = topics
        self._on_update = on_update
        self._on_close = on_close
        self._updates: deque[Update] = deque()
        self._changed = threading.Condition()
        self._missed = 0
        self._is_open = True

    @property
    def missed(self) -> int:
        """Updates that did not come through so far."""
        return self._missed

    def get(self, timeout_s: float | None = None) -> Update | None:
        """Return the oldest update, or None when none comes within `timeout_s` or it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._updates or not self._is_open, timeout_s)
            return self._updates.popleft() if self._updates else None

    def close(self) -> None:
        """Receive no more; whoever waits for an update gets None."""
        self._end()
        self._on_close(self)

    def __iter__(self) -> Iterator[Update]:
        while (update := self.get()) is not None:
            yield update

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, update: Update) -> None:
        if update.topic not in self.topics:
            return
        missed_of = sum(n for topic, n in update.missed_of.items() if topic in self.topics)
        with self._changed:
            self._missed += update.missed + missed_of
            if self._on_update is None and self._is_open:
                if len(self._updates) == _CAPACITY:
                    self._updates.popleft()
                    self._missed += 1
                self._updates.append(update)
                self._changed.notify()
        if self._on_update is not None and self._is_open:
            try:
                self._on_update(update)
            except Exception:  # noqa: BLE001  one consumer's mistake is not the others'
                _log.exception("a consumer of %s failed", update.topic)

    def _end(self) -> None:
        with self._changed:
            self._is_open = False
            self._changed.notify_all()
