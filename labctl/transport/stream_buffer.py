"""Turns a wire that reads chunks into one that reads lines, for carriers without framing."""

from __future__ import annotations

import time
from collections.abc import Callable

from labctl.errors import ProtocolError, ReplyTimeoutError
from labctl.transport.link import MAX_LINE_BYTES

__all__ = ["BufferedReads", "StreamBuffer"]

_CHUNK = 4096


class StreamBuffer:
    """Keeps the bytes that arrived after a line's end for the next read.

    `receive(max_bytes, timeout_s)` is the carrier's read: 1 to max_bytes bytes, or
    ReplyTimeoutError.
    """

    def __init__(self, receive: Callable[[int, float], bytes], address: str) -> None:
        self._receive = receive
        self._address = address
        self._pending = bytearray()

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return 1 to `max_bytes` bytes, what is pending first."""
        if self._pending:
            data = bytes(self._pending[:max_bytes])
            del self._pending[:max_bytes]
            return data
        return self._receive(max_bytes, timeout_s)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the bytes up to and including `terminator`, all within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        searched = 0
        while True:
            end = self._pending.find(terminator, searched)
            if end >= 0:
                end += len(terminator)
                line = bytes(self._pending[:end])
                del self._pending[:end]
                return line
            searched = max(0, len(self._pending) - len(terminator) + 1)
            if len(self._pending) > MAX_LINE_BYTES:
                raise ProtocolError(
                    f"no end of line within {MAX_LINE_BYTES} bytes", address=self._address
                )
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise self._timed_out(timeout_s)
            try:
                self._pending += self._receive(_CHUNK, remaining)
            except ReplyTimeoutError:
                raise self._timed_out(timeout_s) from None

    def clear(self) -> None:
        """Forget the pending bytes."""
        self._pending.clear()

    def _timed_out(self, timeout_s: float) -> ReplyTimeoutError:
        got = f"; got only {bytes(self._pending[:40])!r}" if self._pending else ""
        return ReplyTimeoutError(
            f"no complete reply within {timeout_s:g} s{got}", address=self._address
        )


class BufferedReads:
    """The reads of a wire that has a `StreamBuffer`."""

    _buffer: StreamBuffer

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return 1 to `max_bytes` bytes as soon as any are there."""
        return self._buffer.read(max_bytes, timeout_s)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the bytes up to and including `terminator`."""
        return self._buffer.read_until(terminator, timeout_s)
