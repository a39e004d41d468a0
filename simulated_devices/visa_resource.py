"""What VISA sessions of one resource share: the bytes that arrived, and the connection.

Rules and section numbers are those of VPP-4.3, the VISA library's specification.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

from pyvisa.constants import StatusCode

from labctl.errors import LinkError
from simulated_devices.visa_lock import ResourceLock
from simulated_devices.wire import Port

__all__ = ["Incoming", "ReadRules", "SimulatedResource"]

#: More than any message: a message is taken from its port in one piece.
_WHOLE = 1 << 62
#: The longest single wait; what is to wait longer waits again.
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ReadRules:
    """What ends a read besides its byte count (VPP-4.3, 6.1.1), from a session's attributes.

    Attributes:
        timeout_s: how long a read waits; 0 takes only what is there, infinity never gives up.
        terminator: the byte that ends a read.
        last_bit: matches the bytes that end a read of a serial line by their highest bit.
        ends_with_message: whether the instrument's END ends a read.
    """

    timeout_s: float = 2.0
    terminator: bytes | None = None
    last_bit: re.Pattern[bytes] | None = None
    ends_with_message: bool = True

    def end_in(self, data: bytes, start: int, stop: int) -> int:
        """Return the position after the first byte that ends a read, -1 without one."""
        if self.terminator is not None:
            return data.find(self.terminator, start, stop) + 1 or -1
        if self.last_bit is not None and (match := self.last_bit.search(data, start, stop)):
            return match.end()
        return -1


class Incoming:
    """The bytes that a port has sent to the host, for the reads of any number of sessions.

    Reads take turns, so that no byte is handed out twice or out of order; a second reader waits
    for its turn no longer than for its bytes.
    """

    def __init__(self, port: Port) -> None:
        self._port = port
        self._turn = threading.Lock()
        self._mutex = threading.Lock()
        self._message: bytes | None = None
        self._start = 0
        self._has_end = False

    @property
    def waiting(self) -> int:
        """Bytes that were sent and not read."""
        with self._mutex:
            held = 0 if self._message is None else len(self._message) - self._start
        return held + self._port.waiting

    def read(self, count: int, rules: ReadRules) -> tuple[bytes, StatusCode]:
        """Return up to `count` bytes and why they end there.

        What a read took before its time was over is gone, as it is with pyvisa, whose `read`
        gives bytes or an error.

        Raises:
            LinkError: the cable is unplugged.
        """
        deadline = time.monotonic() + rules.timeout_s
        if not self._turn.acquire(timeout=min(rules.timeout_s, _DAY_S)):
            return b"", StatusCode.error_timeout
        try:
            return self._read(count, rules, deadline)
        finally:
            self._turn.release()

    def discard(self) -> None:
        """Forget what was sent and not read."""
        with self._mutex:
            self._message = None
        self._port.discard()

    def _read(self, count: int, rules: ReadRules, deadline: float) -> tuple[bytes, StatusCode]:
        pieces: list[bytes] = []
        while True:
            taken = self._take(count, rules)
            if taken is None:
                if not self._fetch(deadline):
                    return b"", StatusCode.error_timeout
                continue
            piece, status = taken
            if status is not None and not pieces:
                return piece, status
            pieces.append(piece)
            count -= len(piece)
            if status is not None:
                return b"".join(pieces), status

    def _take(self, count: int, rules: ReadRules) -> tuple[bytes, StatusCode | None] | None:
        """Return bytes of the present message, and why the read ends after them if it does."""
        if self._port.is_unplugged:
            self.discard()
            raise LinkError("the simulated cable is unplugged")
        with self._mutex:
            message, start = self._message, self._start
            if message is None:
                return None
            size = len(message)
            stop = min(size, start + count)
            end = rules.end_in(message, start, stop)
            stop = end if end >= 0 else stop
            # 6.1.1 to 6.1.3: END goes before the termination character, that before the count.
            status = None
            if stop == size and self._has_end and rules.ends_with_message:
                status = StatusCode.success
            elif end >= 0:
                status = StatusCode.success_termination_character_read
            elif stop - start == count:
                status = StatusCode.success_max_count_read
            self._start = stop
            if stop == size:
                self._message = None
            return message[start:stop], status

    def _fetch(self, deadline: float) -> bool:
        """Take the next message from the port; False when none came in time."""
        while True:
            left_s = deadline - time.monotonic()
            data, is_end = self._port.host_read_message(_WHOLE, min(max(left_s, 0.0), _DAY_S))
            if data or is_end:
                with self._mutex:
                    self._message, self._start, self._has_end = data, 0, is_end
                return True
            if time.monotonic() >= deadline:
                return False


class SimulatedResource:
    """One resource of a simulated VISA library, and who uses it.

    Attributes:
        port: the wire to the instrument.
        instrument: what is asked for its status byte and told of a device clear, where it has
            `status_byte` (IEEE 488.2, 11.2; without MAV, which the library knows) and
            `device_clear`.
        incoming: what arrived from the port.
        lock: who has locked the resource.
    """

    def __init__(self, port: Port, instrument: object = None) -> None:
        self.port = port
        self.instrument = instrument
        self.incoming = Incoming(port)
        self.lock = ResourceLock()
        self._users: set[int] = set()
        self._was_used = False

    def connect(self, session: int) -> None:
        """Let a session use the resource.

        The first one finds what the instrument has sent so far. Later, when nobody uses it any
        more, the connection is made anew and what had arrived on the old one is gone.

        Raises:
            LinkError: the cable is unplugged.
        """
        if self.port.is_unplugged or (self._was_used and not self._users):
            self.port.connect()
            self.incoming.discard()
        self._was_used = True
        self._users.add(session)

    def has(self, session: int) -> bool:
        """Return whether the connection is still the one that the session was opened on."""
        return session in self._users and not self.port.is_unplugged

    def lose(self, session: int) -> None:
        """End the connection that a session was opened on, for all sessions on it.

        What is plugged in again is to be opened anew.
        """
        if session in self._users:
            self._users.clear()
            self.incoming.discard()

    def leave(self, session: int) -> None:
        """End a session, with its locks."""
        self._users.discard(session)
        self.lock.release_all(session)
