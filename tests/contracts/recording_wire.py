"""A wire that notes what is written to it, so that a test can say: nothing was."""

from __future__ import annotations

from typing import TypeAlias

from labctl.transport import Wire

__all__ = ["RecordingWire", "Sent"]

Sent: TypeAlias = list[bytes]


class RecordingWire:
    """A wire that notes what is written to it."""

    def __init__(self, wire: Wire, sent: Sent) -> None:
        self._wire = wire
        self._sent = sent

    @property
    def address(self) -> str:
        return self._wire.address

    def write(self, data: bytes) -> None:
        self._sent.append(data)
        self._wire.write(data)

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        return self._wire.read(max_bytes, timeout_s)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        return self._wire.read_until(terminator, timeout_s)

    def discard_input(self) -> None:
        self._wire.discard_input()

    def reopen(self) -> None:
        self._wire.reopen()

    def close(self) -> None:
        self._wire.close()
