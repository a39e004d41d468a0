"""The two ends of one simulated wire, the instrument's and the host's. It knows no VISA."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from labctl.errors import LinkError
from simulated_devices.wire_faults import Part, WireFaults

__all__ = ["Port"]

#: A host that asks for nothing this long in wall-clock time has no reader on the port.
_NO_READER_S = 1.0


class Port:
    """The instrument's end of a wire, and the host's.

    `receive` is called with what the host writes, in the host's thread; the instrument
    answers with `send`. Sending never waits. After `swap` the host's end of this port leads to
    another instrument.

    Attributes:
        faults: what is wrong with the wire.
        now_s: bench time, which says how long a fault lasts.
        guard: held while the instrument takes a command; the laboratory puts its own lock here,
            so that no command falls into the middle of a slice of world time.
    """

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        #: The port whose instrument hears this host, and the one whose host hears this instrument.
        self._instrument = self._host = self
        self._output: deque[bytes] = deque()
        #: Bytes of the first output that were read.
        self._taken = 0
        self._changed = threading.Condition()
        self._readers = 0
        self._is_read = False
        self._is_unplugged = False
        self._is_lost = False
        self._is_held = False
        self.now_s: Callable[[], float] = time.monotonic
        self.faults = WireFaults(self._bench_s, self._changed)
        self.guard: AbstractContextManager[Any] = threading.RLock()

    def host_write(self, data: bytes) -> None:
        """Carry `data` to the instrument.

        Raises:
            LinkError: the cable is unplugged or the connection was lost.
        """
        if self._is_unplugged or self._is_lost:
            self._refuse_lost()
        if self.faults.is_active and not self._gets_through():
            return
        port = self._instrument
        with port.guard:
            port._receive(data)  # noqa: SLF001  a port too

    def send(self, data: bytes) -> None:
        """Carry `data` to the host's input buffer; into an unplugged cable it is lost."""
        port = self._host
        with port._changed:  # noqa: SLF001  a port too
            port._arrive(data)  # noqa: SLF001

    def host_read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return 1 to `max_bytes` bytes, or nothing after `timeout_s` of wall-clock time.

        Raises:
            LinkError: the cable is unplugged or the connection was lost.
        """
        with self._changed:
            if not self._wait_for_output(timeout_s):
                return b""
            data = self._take(max_bytes)
            if not self._output or self._taken:
                return data
            pieces, room = [data], max_bytes - len(data)
            while self._output and len(self._output[0]) <= room:
                pieces.append(self._output.popleft())
                room -= len(pieces[-1])
            return b"".join(pieces)

    def host_read_message(self, max_bytes: int, timeout_s: float) -> tuple[bytes, bool]:
        """Return (part of) one message and whether it ends there; nothing after `timeout_s`.

        Raises:
            LinkError: the cable is unplugged or the connection was lost.
        """
        with self._changed:
            if not self._wait_for_output(timeout_s):
                return b"", False
            message = self._output[0]
            data = self._take(max_bytes)
            return data, not self._taken and not isinstance(message, Part)

    @property
    def waiting(self) -> int:
        """Bytes that have arrived and were not read."""
        with self._changed:
            self._let_arrive()
            return sum(len(data) for data in self._output) - self._taken

    @property
    def is_unplugged(self) -> bool:
        """True between `unplug` and `plug`."""
        return self._is_unplugged

    def connect(self) -> None:
        """Open the host's end anew: what has arrived is gone, a lost connection is there again.

        What an instrument is late with still arrives, as on a serial line.

        Raises:
            LinkError: the cable is unplugged.
        """
        if self._is_unplugged:
            self._refuse_lost()
        with self._changed:
            self._is_lost = False
            self.faults.connect()
        self.discard()

    def discard(self) -> None:
        """Forget what has arrived and was not read; what is late is still to come."""
        with self._changed:
            self._let_arrive()
            self._output.clear()
            self._taken = 0
            self._changed.notify_all()

    def hold(self) -> None:
        """Keep what is sent from now on until `release`, which lets the host have it at once."""
        with self._host._changed:  # noqa: SLF001  a port too
            self._host._is_held = True  # noqa: SLF001

    def release(self) -> None:
        """Let the host read what was held."""
        with self._host._changed:  # noqa: SLF001  a port too
            self._host._is_held = False  # noqa: SLF001
            self._host._changed.notify_all()  # noqa: SLF001

    def settle(self) -> None:
        """Wait until the host has read everything and asks for more.

        This is what makes a stepped clock repeatable: the world goes on only when the host
        has dealt with what it was sent. Returns at once on a port that nobody reads.
        """
        self._host._wait_for_reader()  # noqa: SLF001  a port too

    def unplug(self) -> None:
        """Pull the cable: every use of the wire fails until `plug`, what is on its way is lost."""
        with self._changed:
            self._is_unplugged = True
            self._lose_all()

    def plug(self) -> None:
        """Put the cable back."""
        with self._changed:
            self._is_unplugged = False

    def hang_up(self) -> None:
        """Lose the connection: every use fails until the host connects anew."""
        with self._changed:
            self._is_lost = True
            self._lose_all()

    def swap(self, other: Port) -> None:
        """Let this host's end lead to what the other's led to, and the other's to this one's.

        Both connections are lost. Swapping again puts things right.
        """
        self._instrument, other._instrument = other._instrument, self._instrument
        for port in (self, other):
            port._instrument._host = port  # noqa: SLF001  a port too
            port.hang_up()

    def _bench_s(self) -> float:
        return self.now_s()

    def _arrive(self, data: bytes) -> None:
        if self._is_unplugged or self._is_lost:
            return
        if self.faults.is_active or self.faults.on_the_way:
            self.faults.carry(data)
            self._let_arrive()
        else:
            self._output.append(data)
        self._changed.notify_all()

    def _gets_through(self) -> bool:
        with self._changed:
            gets_through, released = self.faults.take_command()
            self._let_arrive()
            self._output.extend(released)
            self._changed.notify_all()
            if self._is_lost:
                self._refuse_lost()
            return gets_through

    def _let_arrive(self) -> None:
        """Put what has come by now behind what came before."""
        self._output.extend(self.faults.arrived())
        if self.faults.is_hung_up and not self.faults.on_the_way:
            self._is_lost = True

    def _take(self, max_bytes: int) -> bytes:
        """Return bytes of the first output, which is copied once however small the portions."""
        first = self._output[0]
        if not self._taken and len(first) <= max_bytes:
            return self._output.popleft()
        data = bytes(first[self._taken : self._taken + max_bytes])
        self._taken += len(data)
        if self._taken == len(first):
            self._output.popleft()
            self._taken = 0
        return data

    def _lose_all(self) -> None:
        self._output.clear()
        self._taken = 0
        self._is_read = False
        self.faults.lose_all()
        self._changed.notify_all()

    def _has_output(self) -> bool:
        if self.faults.on_the_way or self.faults.is_hung_up:
            self._let_arrive()
        return bool(self._output) and not self._is_held

    def _wait_for_output(self, timeout_s: float) -> bool:
        if self._has_output():
            return True
        self._refuse_lost()
        self._readers += 1
        self._is_read = True
        self._changed.notify_all()
        try:
            self._wait(time.monotonic() + timeout_s)
        finally:
            self._readers -= 1
        if self._has_output():
            return True
        self._refuse_lost()
        return False

    def _wait(self, deadline_s: float) -> None:
        """Wait until there is something to read, the wire is lost, or the time is over."""
        while not (self._has_output() or self._is_unplugged or self._is_lost):
            now_s = time.monotonic()
            if now_s >= deadline_s:
                return
            coming = self.faults.on_the_way
            next_s = coming[0][0] if coming else deadline_s
            self._changed.wait(max(0.0, min(deadline_s, next_s) - now_s))

    def _wait_for_reader(self) -> None:
        with self._changed:
            while self._is_read and (self._output or self.faults.on_the_way or not self._readers):
                coming = self.faults.on_the_way
                last_s = coming[-1][0] if coming else time.monotonic()
                if not self._changed.wait(last_s + _NO_READER_S - time.monotonic()):
                    self._is_read = False

    def _refuse_lost(self) -> None:
        if self._is_unplugged:
            raise LinkError("the simulated cable is unplugged")
        if self._is_lost:
            raise LinkError("the simulated connection was lost")
