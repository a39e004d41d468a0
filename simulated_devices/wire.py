"""One simulated wire: bytes in, bytes out, and who waits for them. It knows no VISA."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport import BufferedReads, StreamBuffer

__all__ = ["Port", "PortWire"]

#: A host that asks for nothing this long in wall-clock time has no reader on the port.
_NO_READER_S = 1.0


class Port:
    """The instrument's end of a wire.

    `receive` is called with what the host writes, in the host's thread; the instrument
    answers with `send`. Sending never waits.
    """

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._output: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._readers = 0
        self._is_read = False
        self._is_unplugged = False
        self._is_held = False
        #: Held while the instrument takes a command; the laboratory puts its own lock here, so
        #: that no command falls into the middle of a slice of world time.
        self.guard: AbstractContextManager[Any] = threading.RLock()

    def host_write(self, data: bytes) -> None:
        """Carry `data` to the instrument."""
        self._refuse_unplugged()
        with self.guard:
            self._receive(data)

    def send(self, data: bytes) -> None:
        """Carry `data` to the host's input buffer; into an unplugged cable it is lost."""
        with self._changed:
            if not self._is_unplugged:
                self._output.append(data)
                self._changed.notify_all()

    def host_read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return 1 to `max_bytes` bytes, or nothing after `timeout_s` of wall-clock time."""
        with self._changed:
            if not self._wait_for_output(timeout_s):
                return b""
            data = self._output.popleft()
            while self._output and len(data) + len(self._output[0]) <= max_bytes:
                data += self._output.popleft()
            if len(data) > max_bytes:
                self._output.appendleft(data[max_bytes:])
                data = data[:max_bytes]
            return data

    def host_read_message(self, max_bytes: int, timeout_s: float) -> tuple[bytes, bool]:
        """Return (part of) one message and whether it ends there; nothing after `timeout_s`."""
        with self._changed:
            if not self._wait_for_output(timeout_s):
                return b"", False
            message = self._output.popleft()
            if len(message) > max_bytes:
                self._output.appendleft(message[max_bytes:])
                return message[:max_bytes], False
            return message, True

    @property
    def waiting(self) -> int:
        """Bytes that were sent and not read."""
        with self._changed:
            return sum(len(data) for data in self._output)

    @property
    def is_unplugged(self) -> bool:
        """True between `unplug` and `plug`."""
        return self._is_unplugged

    def discard(self) -> None:
        """Forget what was sent and not read."""
        with self._changed:
            self._output.clear()
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep what is sent from now on until `release`, which lets the host have it at once."""
        with self._changed:
            self._is_held = True

    def release(self) -> None:
        """Let the host read what was held."""
        with self._changed:
            self._is_held = False
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until the host has read everything and asks for more.

        This is what makes a stepped clock repeatable: the world goes on only when the host
        has dealt with what it was sent. Returns at once on a port that nobody reads.
        """
        deadline = time.monotonic() + _NO_READER_S
        with self._changed:
            while self._is_read and (self._output or not self._readers):
                if not self._changed.wait(deadline - time.monotonic()):
                    self._is_read = False

    def unplug(self) -> None:
        """Pull the cable: every use of the wire fails until `plug`."""
        with self._changed:
            self._is_unplugged = True
            self._output.clear()
            self._changed.notify_all()

    def plug(self) -> None:
        """Put the cable back."""
        with self._changed:
            self._is_unplugged = False

    def _has_output(self) -> bool:
        return bool(self._output) and not self._is_held

    def _wait_for_output(self, timeout_s: float) -> bool:
        if not self._has_output():
            self._readers += 1
            self._is_read = True
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._has_output() or self._is_unplugged, timeout_s)
            finally:
                self._readers -= 1
        self._refuse_unplugged()
        return self._has_output()

    def _refuse_unplugged(self) -> None:
        if self._is_unplugged:
            raise LinkError("the simulated cable is unplugged")


class PortWire(BufferedReads):
    """The host's end of a port, in process: what a serial port or a socket is elsewhere."""

    def __init__(self, port: Port, address: str) -> None:
        self._port = port
        self._address = address
        self._buffer = StreamBuffer(self._receive, address)

    @property
    def address(self) -> str:
        """The address in instruments.toml that this wire stands in for."""
        return self._address

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._port.host_write(data)

    def discard_input(self) -> None:
        """Forget what has arrived and was not read."""
        self._buffer.clear()
        self._port.discard()

    def reopen(self) -> None:
        """Forget what has arrived; an unplugged cable stays unplugged."""
        self.discard_input()
        self._port.host_write(b"")

    def close(self) -> None:
        """Forget what has arrived."""
        self.discard_input()

    def _receive(self, max_bytes: int, timeout_s: float) -> bytes:
        data = self._port.host_read(max_bytes, timeout_s)
        if not data:
            raise ReplyTimeoutError(
                f"nothing arrived within {timeout_s:g} s", address=self._address
            )
        return data
