"""A thread that waits for the disk while another one goes on writing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

__all__ = ["SyncThread"]


class SyncThread:
    """Runs one call at a time. Its methods belong to the thread that writes.

    concurrent.futures would refuse work from the moment that the interpreter begins to exit, when
    a recorder that was not closed still has to write its queue.

    Args:
        name: of the thread, for who looks at a process.
        on_idle: called in it after each call.
    """

    def __init__(self, name: str, on_idle: Callable[[], None]) -> None:
        self._on_idle = on_idle
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._is_idle = threading.Event()
        self._is_idle.set()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """True from `begin` until the call has ended."""
        return not self._is_idle.is_set()

    def begin(self, call: Callable[[], None]) -> None:
        """Run the call, after the end of the one before."""
        self._is_idle.wait()
        self._is_idle.clear()
        self._calls.put(call)

    def wait(self) -> Exception | None:
        """Wait for the end of the latest call; return the first error that any call raised."""
        self._is_idle.wait()
        return self._error

    def close(self) -> None:
        """End the thread, after the end of the latest call."""
        self._calls.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - a thread has no caller: `wait` tells it
                self._error = self._error or error
            self._is_idle.set()
            self._on_idle()
