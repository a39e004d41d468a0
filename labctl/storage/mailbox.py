"""A first-in first-out queue bounded by bytes: many threads put, one takes."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Items with a size in bytes, at most `limit_bytes` together. Any thread may call it.

    An item larger than the limit is accepted when nothing else waits.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._items: deque[tuple[T, int]] = deque()
        self._size_bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()

    @property
    def size_bytes(self) -> int:
        """Bytes that wait."""
        return self._size_bytes

    @property
    def is_exhausted(self) -> bool:
        """True when it is closed and empty: nothing will ever come out again."""
        with self._changed:
            return self._is_closed and not self._items

    def put(self, item: T, size_bytes: int, *, deadline: float, reserve_bytes: int = 0) -> bool:
        """Append the item; return False if there is no room until `deadline` or it is closed.

        `deadline` is on time.monotonic(); `reserve_bytes` widens the limit for this item.
        """
        with self._changed:
            # The usual case first: a scan puts many small items, and there is room.
            if self._is_closed or self._has_room(size_bytes, reserve_bytes):
                return self._append(item, size_bytes)
            has_room = self._changed.wait_for(
                lambda: self._is_closed or self._has_room(size_bytes, reserve_bytes),
                max(0.0, deadline - time.monotonic()),
            )
            return has_room and self._append(item, size_bytes)

    def put_beyond_limit(self, item: T, size_bytes: int) -> bool:
        """Append the item at once, room or not; return False if it is closed."""
        with self._changed:
            return self._append(item, size_bytes)

    def take_all(self, timeout_s: float | None) -> list[T]:
        """Return everything that waits, oldest first; empty if nothing comes in time.

        Taking all at once costs one exchange of the lock however many items came. What was
        taken no longer counts against the limit, so twice the limit can be in memory.
        """
        with self._changed:
            if not self._items:
                self._changed.wait_for(lambda: self._items or self._is_closed, timeout_s)
            items = [item for item, _ in self._items]
            self._items.clear()
            self._size_bytes = 0
            self._changed.notify_all()
            return items

    def close(self) -> None:
        """Accept nothing more; what waits can still be taken."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_room(self, size_bytes: int, reserve_bytes: int) -> bool:
        waiting = self._size_bytes
        return waiting == 0 or waiting + size_bytes <= self._limit_bytes + reserve_bytes

    def _append(self, item: T, size_bytes: int) -> bool:
        if self._is_closed:
            return False
        self._items.append((item, size_bytes))
        self._size_bytes += size_bytes
        if len(self._items) == 1:
            # Who takes waits for the first item only.
            self._changed.notify_all()
        return True
