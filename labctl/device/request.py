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
        parse: turns the reply into a value; raises ValueError for what the manual does not
            allow. None for a command that the instrument does not answer.
        receive: takes the reply from the link, in one transaction with the command, where it
            is not a line: a binary message, or the answer to a query that must follow. It may
            read and exchange, never wait; it raises ValueError for what the manual does not
            allow.
    """

    command: bytes
    parse: Callable[[bytes], T] | None
    receive: Callable[[Link], bytes] | None = None

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
        reply = link.query(self.command) if self.receive is None else self._exchange(link)
        try:
            return self.parse(reply)
        except ValueError as error:
            link.suspect()
            raise ProtocolError(
                f"{self.command!r} was answered {reply!r}: {error}", address=link.address
            ) from error

    def _exchange(self, link: Link) -> bytes:
        assert self.receive is not None  # noqa: S101  perform has looked
        link.await_late_messages()
        with link.transaction():
            link.write(self.command)
            try:
                return self.receive(link)
            except ValueError as error:
                link.suspect()
                raise ProtocolError(
                    f"the answer to {self.command!r} is not one: {error}", address=link.address
                ) from error
            except BaseException:
                link.suspect()
                raise
