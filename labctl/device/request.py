"""A request is a value: the bytes that go out and the meaning of the bytes that come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from labctl.errors import ProtocolError
from labctl.transport import Link

__all__ = ["Request"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One exchange with an instrument, without I/O.

    Attributes:
        command: bytes to send, without terminator.
        parse: turns the reply line into a value; raises ValueError for what the manual does
            not allow. None for a command that the instrument does not answer.
    """

    command: bytes
    parse: Callable[[bytes], T] | None

    def decode(self, reply: bytes) -> T:
        """Return the value of `reply`.

        Raises:
            ProtocolError: the reply is not what the manual allows; both sides are named.
        """
        if self.parse is None:
            raise ProtocolError(f"{self.command!r} has no reply, yet {reply!r} was given")
        try:
            return self.parse(reply)
        except ValueError as error:
            raise ProtocolError(f"{self.command!r} was answered {reply!r}: {error}") from error

    def perform(self, link: Link) -> T:
        """Exchange the request over `link` and return the value of the reply."""
        if self.parse is None:
            link.write(self.command)
            return None  # type: ignore[return-value]  # a request without reply is Request[None]
        reply = link.query(self.command)
        try:
            return self.parse(reply)
        except ValueError as error:
            link.suspect()
            raise ProtocolError(
                f"{self.command!r} was answered {reply!r}: {error}", address=link.address
            ) from error
