"""What every wire can do, whatever carries the bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Wire", "WireOptions"]


@dataclass(frozen=True, slots=True)
class WireOptions:
    """How an instrument's wire is set up, from its manual; declared by the driver.

    Attributes:
        baud_rate: bits per second on a serial line; ignored elsewhere.
        write_termination: bytes that end a command.
        read_termination: bytes that end a reply.
        rts_cts: whether the serial line has hardware flow control.
        timeout_s: how long a reply may take, in wall-clock time.
    """

    baud_rate: int = 115_200
    write_termination: bytes = b"\n"
    read_termination: bytes = b"\n"
    rts_cts: bool = False
    timeout_s: float = 2.0


class Wire(Protocol):
    """A byte stream to one instrument.

    Every method raises LinkError when the wire is lost and ReplyTimeoutError when nothing
    arrives in time; no other exception of the carrier gets out.
    """

    @property
    def address(self) -> str:
        """Where the wire leads, for messages."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        ...

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return 1 to `max_bytes` bytes as soon as any are there."""
        ...

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the bytes up to and including `terminator`."""
        ...

    def discard_input(self) -> None:
        """Forget what has arrived and was not read."""
        ...

    def reopen(self) -> None:
        """Close and open again; input that waited is gone."""
        ...

    def close(self) -> None:
        """Release the wire; closing twice is allowed."""
        ...
