"""The counts as they arrive: read from the link, kept until somebody takes them."""

from __future__ import annotations

import threading
from collections import deque

from drivers.single_quantum_websq.counts import CountsDecoder, CountsLine
from labctl.errors import LinkError, ProtocolError, ReplyTimeoutError
from labctl.transport import Link

__all__ = ["CountsStream"]

_READ_BYTES = 65_536
#: Wall-clock time to look whether more has arrived; 0 means "do not block" to a socket.
_LOOK_S = 0.001
#: One call reads no more than this, so that it ends however fast the instrument sends.
_MAX_CALL_BYTES = 16 * _READ_BYTES
#: Lines that nobody takes are kept for 11 minutes of the shortest period.
_KEPT_LINES = 65_536


class CountsStream:
    """Reads the counts port of one instrument; may be used from any thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._decoder = CountsDecoder()
        self._lines: deque[CountsLine] = deque(maxlen=_KEPT_LINES)
        self._latest: CountsLine | None = None

    def take(self, timeout_s: float) -> list[CountsLine]:
        """Return the lines that have come since the last call, waiting `timeout_s` for the first.

        Raises:
            ProtocolError: a line is damaged; those before it are returned by the next call.
            LinkError: the connection was lost.
        """
        with self._lock:
            # Lines behind a damaged one have arrived already.
            self._decode(b"")
            self._receive(_LOOK_S if self._lines else max(timeout_s, _LOOK_S))
            lines = list(self._lines)
            self._lines.clear()
            return lines

    def latest(self) -> CountsLine | None:
        """Return the newest line that has arrived; `take` still returns it."""
        with self._lock:
            self._receive(_LOOK_S)
            return self._latest

    def _receive(self, timeout_s: float) -> None:
        received = 0
        try:
            while received < _MAX_CALL_BYTES:
                data = self._link.read_available(_READ_BYTES, timeout_s)
                received += len(data)
                timeout_s = _LOOK_S
                self._decode(data)
        except ReplyTimeoutError:
            return
        except LinkError:
            # A new connection begins with a whole line.
            self._decoder = CountsDecoder()
            raise

    def _decode(self, data: bytes) -> None:
        try:
            while lines := self._decoder.feed(data):
                self._lines.extend(lines)
                self._latest = lines[-1]
                data = b""
        except ProtocolError as error:
            error.address = self._link.address
            raise
