"""Wires that tell what was written, and wires that lead to the wrong instrument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

from labctl.errors import ReplyTimeoutError
from labctl.transport import StreamBuffer, Wire
from labctl.transport.library import LibraryWire

__all__ = ["RecordingWire", "Sent", "StrangerWire"]

Sent: TypeAlias = list[bytes]
T = TypeVar("T")


class RecordingWire:
    """A wire that notes what is written to it, so that a test can say: nothing was."""

    def __init__(self, wire: Wire, sent: Sent) -> None:
        self._wire = wire
        self._sent = sent

    @property
    def address(self) -> str:
        """Where the wire leads."""
        return self._wire.address

    def write(self, data: bytes) -> None:
        """Note `data` and send it."""
        self._sent.append(data)
        self._wire.write(data)

    def call(self, function: Callable[[Any, Any], T]) -> T:
        """Note that a vendor's library is called, and call it."""
        self._sent.append(b"call")
        return cast("LibraryWire", self._wire).call(function)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return what the wire has."""
        return self._wire.read(max_bytes, timeout_s)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the bytes up to and including `terminator`."""
        return self._wire.read_until(terminator, timeout_s)

    def discard_input(self) -> None:
        """Forget what has arrived."""
        self._wire.discard_input()

    def reopen(self) -> None:
        """Close and open again."""
        self._wire.reopen()

    def close(self) -> None:
        """Release the wire."""
        self._wire.close()


class StrangerWire:
    """A wire to an instrument that has one answer to everything, or none."""

    address = "serial://stranger"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._waiting = bytearray()
        self._buffer = StreamBuffer(self._receive, self.address)

    def write(self, data: bytes) -> None:
        """Answer, whatever `data` is."""
        del data
        self._waiting += self._answer

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return bytes of the answer."""
        return self._buffer.read(max_bytes, timeout_s)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the bytes up to and including `terminator`."""
        return self._buffer.read_until(terminator, timeout_s)

    def discard_input(self) -> None:
        """Forget the answers given so far."""
        self._waiting.clear()
        self._buffer.clear()

    def reopen(self) -> None:
        """Forget the answers given so far."""
        self.discard_input()

    def close(self) -> None:
        """Forget the answers given so far."""
        self.discard_input()

    def _receive(self, max_bytes: int, timeout_s: float) -> bytes:
        data = bytes(self._waiting[:max_bytes])
        del self._waiting[:max_bytes]
        if not data:
            # Nothing will ever come, so nobody has to wait for it.
            raise ReplyTimeoutError(f"nothing arrived within {timeout_s:g} s", address=self.address)
        return data
