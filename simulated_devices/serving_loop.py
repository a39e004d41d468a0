"""One thread that waits for every socket and pty of a served laboratory at once."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

__all__ = ["HAS_ROOM", "READABLE", "ServingLoop"]

_log = logging.getLogger(__name__)

READABLE = selectors.EVENT_READ
HAS_ROOM = selectors.EVENT_WRITE

T = TypeVar("T")


class ServingLoop:
    """Its thread owns every file that it watches: they are read, watched and closed there.

    Other threads ask for something to be done there with `call`.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._calls: deque[Callable[[], None]] = deque()
        self._ear, self._mouth = socket.socketpair()
        for end in (self._ear, self._mouth):
            end.setblocking(False)
        self._is_ended = False
        self.watch(self._ear.fileno(), self._take_calls)
        self._thread = threading.Thread(target=self._run, name="simulated lab server", daemon=True)
        self._thread.start()

    def watch(self, descriptor: int, on_event: Callable[[int], None]) -> None:
        """Call `on_event` in the loop's thread with READABLE in it when the file can be read.

        After `want_room` it is called with HAS_ROOM in it when the file takes more.
        """
        self._selector.register(descriptor, READABLE, on_event)

    def unwatch(self, descriptor: int) -> None:
        """Look at the file no longer; to be called before it is closed."""
        self._selector.unregister(descriptor)

    def want_room(self, descriptor: int, *, is_wanted: bool) -> None:
        """Say whether it matters that the file takes more."""
        events = READABLE | HAS_ROOM if is_wanted else READABLE
        key = self._selector.get_key(descriptor)
        if key.events != events:
            self._selector.modify(descriptor, events, key.data)

    def call(self, action: Callable[[], None]) -> None:
        """Have `action` carried out in the loop's thread, soon and in order."""
        self._calls.append(action)
        with contextlib.suppress(BlockingIOError):  # it is awake when its ear is full
            self._mouth.send(b"\0")

    def call_and_wait(self, action: Callable[[], T]) -> T:
        """Have `action` carried out in the loop's thread; return and raise what it does."""
        outcome: Future[T] = Future()

        def carry_out() -> None:
            try:
                outcome.set_result(action())
            except Exception as error:  # noqa: BLE001  raised again in the caller's thread
                outcome.set_exception(error)

        self.call(carry_out)
        return outcome.result()

    def close(self) -> None:
        """End the thread; calls made before are carried out. Files still watched stay open."""
        self.call(self._end)
        self._thread.join()
        self._selector.close()
        self._ear.close()
        self._mouth.close()

    def _run(self) -> None:
        while not self._is_ended:
            for key, events in self._selector.select():
                self._guarded(partial(key.data, events))

    def _take_calls(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ear.recv(4096)
        while self._calls:
            self._guarded(self._calls.popleft())

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:  # noqa: BLE001  one bad exchange must not end all others
            _log.exception("serving a simulated instrument failed")

    def _end(self) -> None:
        self._is_ended = True
