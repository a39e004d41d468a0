"""One instrument's link: exchanges that cannot interleave and replies that cannot shift.

The lock is held for one exchange or one declared transaction, never across a settle or a
move, so that `safe` from another thread gets in between at once. After an exchange that
failed, the input is emptied before the next command; what the instrument is late with is told
from what it answers next (labctl.transport.lateness).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self, TypeVar

from labctl.errors import (
    InterlockError,
    LabError,
    LinkError,
    ProtocolError,
    ReplyTimeoutError,
)
from labctl.transport.lateness import LateReplies
from labctl.transport.wire import Wire, WireOptions

__all__ = ["Link"]

T = TypeVar("T")

#: A reply without terminator longer than this is not a line of any instrument we know.
MAX_LINE_BYTES = 65_536
#: A stream that was told to end is over when nothing arrived for this long.
_QUIET_S = 0.03
#: ... and is broken when it still sends after this much.
_MAX_DRAIN_BYTES = 64 * 1024 * 1024
#: ... or for so long: a slow wire whose rest would take longer is better opened anew.
_MAX_DRAIN_S = 3.0
#: More lines than this are not late replies.
_MAX_LATE_LINES = 16
#: Awaiting late messages, the link lets others send this often.
_PIECE_S = 0.02


class Link:
    """Owns one wire and one lock; every exchange with the instrument goes through it."""

    def __init__(self, wire: Wire, options: WireOptions | None = None) -> None:
        self.options = options or WireOptions()
        self._wire = wire
        self._lock = threading.RLock()
        self._write_end = self.options.write_termination
        self._read_end = self.options.read_termination
        self._timeout_s = self.options.timeout_s
        self._is_suspect = False
        self._late = LateReplies(self._timeout_s)
        self._is_closed = False
        self._is_streaming = False
        self._stranger: str | None = None

    @property
    def address(self) -> str:
        """Where the link leads."""
        return self._wire.address

    def query(self, command: bytes) -> bytes:
        """Send `command` with its terminator and return the reply line without its own."""
        with self._lock:
            self._begin()
            if self._is_streaming:
                self.refuse_while_streaming(command.decode("ascii", "replace"), "answered")
            sent_s = time.monotonic()
            try:
                self._wire.write(command + self._write_end)
                reply = self._wire.read_until(self._read_end, self._timeout_s)
                if self._late.is_line_due:
                    reply = self._last_line(reply, sent_s)
            except BaseException as error:
                self._is_suspect = True
                if isinstance(error, ReplyTimeoutError):
                    self._late.miss_line(sent_s)
                raise
            return reply[: -len(self._read_end)]

    def _last_line(self, line: bytes, sent_s: float) -> bytes:
        """Return the reply to the command sent at `sent_s`, of which `line` may be a former's."""
        for lines in range(1, _MAX_LATE_LINES + 1):
            try:
                line = self._wire.read_until(self._read_end, self._late.wait_s(lines, sent_s))
            except ReplyTimeoutError:
                self._late.catch_up()
                return line
        raise ProtocolError("the instrument sends lines unasked", address=self.address)

    def write(self, command: bytes) -> None:
        """Send `command` with its terminator; no reply is expected."""
        self.write_raw(command + self._write_end)

    def write_raw(self, data: bytes) -> None:
        """Send `data` as it is."""
        with self._lock:
            self._begin()
            try:
                self._wire.write(data)
            except BaseException:
                self._is_suspect = True
                raise

    def read_line(self) -> bytes:
        """Return the next line without its terminator."""
        with self._lock:
            self._refuse_closed()
            try:
                reply = self._wire.read_until(self._read_end, self._timeout_s)
            except BaseException as error:
                self._note_broken_message(error)
                raise
            return reply[: -len(self._read_end)]

    def read_exactly(self, count: int) -> bytes:
        """Return exactly `count` bytes."""
        received = bytearray()
        with self._lock:
            self._refuse_closed()
            try:
                while len(received) < count:
                    received += self._wire.read(count - len(received), self._timeout_s)
            except BaseException as error:
                self._note_broken_message(error)
                raise
        return bytes(received)

    def read_available(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return what has arrived, at most `max_bytes`; for streams.

        Takes no lock: a stream has one reader, and commands may be sent while it waits.

        Raises:
            ReplyTimeoutError: nothing arrived within `timeout_s`.
        """
        self._refuse_closed()
        return self._wire.read(max_bytes, timeout_s)

    def call(self, function: Callable[[Any, Any], T]) -> T:
        """Return what `function` makes of a vendor's library and its open instrument.

        Raises:
            LinkError: the wire carries bytes, or is lost.
            InstrumentError: the library refused.
        """
        with self._lock:
            return self.call_alongside(function)

    def call_alongside(self, function: Callable[[Any, Any], T]) -> T:
        """Do as `call`, without the lock: a stream has one reader, and others may call meanwhile.

        Raises:
            LinkError: the wire carries bytes, or is lost.
            InstrumentError: the library refused.
        """
        self._refuse_closed()
        carry: Callable[[Callable[[Any, Any], T]], T] | None = getattr(self._wire, "call", None)
        if carry is None:
            raise LinkError(
                "the driver calls its vendor's library, and this wire carries bytes",
                address=self.address,
                hint="The address of its instrument is library://VENDOR/SERIAL.",
            )
        return carry(function)

    def read_block(self) -> bytes:
        """Return the payload of an IEEE 488.2 definite-length block (`#<n><length><data>`).

        Raises:
            ProtocolError: the reply does not begin like a block (IEEE 488.2, 8.7.9).
        """
        with self._lock:
            head = self.read_exactly(2)
            if head[:1] != b"#" or not head[1:].isdigit() or head == b"#0":
                self._is_suspect = True
                raise ProtocolError(
                    f"expected a block beginning with # and a digit, got {head!r}",
                    address=self.address,
                )
            length_text = self.read_exactly(int(head[1:]))
            if not length_text.isdigit():
                self._is_suspect = True
                raise ProtocolError(
                    f"the length of a block must be digits, got {length_text!r}",
                    address=self.address,
                )
            return self.read_exactly(int(length_text))

    def await_late_messages(self) -> None:
        """Read and forget what may still come of a message that did not come in time.

        Does nothing where all came. Others may use the link meanwhile.
        """
        while (left_s := self._late.messages_left_s) > 0.0:
            with self._lock:
                self._refuse_closed()
                with suppress(ReplyTimeoutError):
                    self._wire.read(MAX_LINE_BYTES, min(left_s, _PIECE_S))

    def _note_broken_message(self, error: BaseException) -> None:
        self._is_suspect = True
        if isinstance(error, ReplyTimeoutError):
            self._late.miss_message()

    @contextmanager
    def transaction(self) -> Iterator[Link]:
        """Hold the link for several exchanges that must not be interleaved; never to wait."""
        with self._lock:
            yield self

    def discard_input(self) -> None:
        """Forget what has arrived and was not read."""
        with self._lock:
            self._wire.discard_input()

    def begin_stream(self) -> None:
        """Refuse replies until `end_stream`: what arrives now belongs to the stream's reader."""
        self._is_streaming = True

    def end_stream(self) -> None:
        """Allow commands with replies again."""
        self._is_streaming = False

    def refuse_while_streaming(self, what: str, action: str) -> None:
        """Refuse that `what` is answered, or set, while the input belongs to a stream.

        Raises:
            InterlockError: between `begin_stream` and `end_stream`.
        """
        if self._is_streaming:
            raise InterlockError(
                f"{what} cannot be {action} while the instrument streams",
                address=self.address,
                hint="Its settings can be read and set once the run or the watch has ended.",
            )

    def discard_until_quiet(self) -> None:
        """Read and forget until nothing arrives for 30 ms.

        Raises:
            ProtocolError: the instrument goes on sending.
        """
        drained = 0
        deadline_s = time.monotonic() + _MAX_DRAIN_S
        with self._lock:
            try:
                while drained < _MAX_DRAIN_BYTES and time.monotonic() < deadline_s:
                    drained += len(self._wire.read(MAX_LINE_BYTES, _QUIET_S))
            except ReplyTimeoutError:
                return
        raise ProtocolError(
            f"the stream was told to end and went on for {drained} bytes", address=self.address
        )

    def reconnect(self) -> None:
        """Open the wire anew after it was lost."""
        with self._lock:
            self._stranger = None
            self._refuse_closed()
            self._wire.reopen()
            # What a serial instrument is late with comes to the new connection too.
            self._is_suspect = self._is_streaming = False

    def disown(self, why: str) -> None:
        """Refuse every use until `reconnect`: what is at the other end is not the instrument."""
        self._stranger = why

    def close(self) -> None:
        """Release the wire; closing twice is allowed."""
        self._is_closed = True
        with self._lock:
            self._wire.close()

    def suspect(self) -> None:
        """Note that the last reply made no sense: empty the input before the next exchange."""
        self._is_suspect = True

    def _begin(self) -> None:
        self._refuse_closed()
        if self._is_suspect:
            self._wire.discard_input()
            self._is_suspect = False

    def _refuse_closed(self) -> None:
        if self._is_closed or self._stranger is not None:
            raise LinkError(self._stranger or "the link is closed", address=self.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.close()
        except LabError as error:
            raise LinkError(f"closing failed: {error}", address=self.address) from error
