"""A first-in first-out queue bounded by bytes: many threads put, one takes."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Items with a size in bytes, at most `limit_bytes` together. Any thread may call it.

    An item larger than the limit is accepted when nothing else waits.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._items: list[T] = []
        self._size_bytes = 0
        self._is_closed = False
        self._is_woken = False
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @property
    def size_bytes(self) -> int:
        """Bytes that wait."""
        return self._size_bytes

    @property
    def is_exhausted(self) -> bool:
        """True when it is closed and empty: nothing will ever come out again."""
        with self._lock:
            return self._is_closed and not self._items

    def put(self, item: T, size_bytes: int, *, wait_s: float, reserve_bytes: int = 0) -> bool:
        """Append the item; return False if there is no room for `wait_s` or it is closed.

        `reserve_bytes` widens the limit for this item.
        """
        most_before = self._limit_bytes + reserve_bytes - size_bytes
        with self._lock:
            # The usual case first: a scan puts many small items, and there is room.
            if self._size_bytes > most_before and self._size_bytes:
                has_room = self._changed.wait_for(
                    lambda: self._is_closed or self._size_bytes <= max(0, most_before),
                    max(0.0, wait_s),
                )
                if not has_room:
                    return False
            return self._append(item, size_bytes)

    def put_beyond_limit(self, item: T, size_bytes: int) -> bool:
        """Append the item at once, room or not; return False if it is closed."""
        with self._lock:
            return self._append(item, size_bytes)

    def take_all(self, timeout_s: float | None) -> list[T]:
        """Return everything that waits, oldest first; empty if nothing comes in time, or `wake`.

        Taking all at once costs one exchange of the lock however many items came. What was
        taken no longer counts against the limit, so twice the limit can be in memory.
        """
        with self._lock:
            if not self._items:
                self._changed.wait_for(
                    lambda: self._items or self._is_closed or self._is_woken, timeout_s
                )
            self._is_woken = False
            items, self._items = self._items, []
            self._size_bytes = 0
            self._changed.notify_all()
            return items

    def wake(self) -> None:
        """Let the present or the next `take_all` return, even with nothing."""
        with self._lock:
            self._is_woken = True
            self._changed.notify_all()

    def close(self) -> None:
        """Accept nothing more; what waits can still be taken."""
        with self._lock:
            self._is_closed = True
            self._changed.notify_all()

    def _append(self, item: T, size_bytes: int) -> bool:
        if self._is_closed:
            return False
        self._items.append(item)
        self._size_bytes += size_bytes
        if len(self._items) == 1:
            # Who takes waits for the first item only.
            self._changed.notify_all()
        return True
