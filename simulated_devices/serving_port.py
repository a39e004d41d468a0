"""One port of a simulated instrument, carried to the programs that are connected to it."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from labctl.errors import LinkError
from simulated_devices.serving_loop import ServingLoop
from simulated_devices.wire import Port

__all__ = ["HostEnd", "ServedPort", "Traffic"]

#: What an instrument keeps for a host that is late, besides the buffers of the operating system:
#: half a second of a tagger at 500 000 clicks/s, longer than a busy desktop pauses a program.
BUFFER_BYTES = 1 << 20
#: An instrument sends one message per slice of world time; each is taken as a whole.
_WHOLE_MESSAGE = 1 << 30
#: How long the carrying thread sleeps at most: the longest that closing waits for it.
_LOOK_S = 0.1
#: How often it is looked whether a lost wire is there again.
_LOST_LOOK_S = 0.02


class HostEnd(Protocol):
    """Where a program is connected, or may be: a TCP connection or a pty.

    `is_shy` says that it cannot tell whether a program is there before it has spoken.
    """

    is_shy: bool

    def send(self, data: memoryview) -> int:
        """Take what there is room for and return how much; never waits.

        Raises:
            OSError: there is no room (BlockingIOError), or nobody is there any more.
        """
        ...

    def want_room(self, *, is_wanted: bool) -> None:
        """Say whether `ServedPort.carry_on` is to be called when there is room; loop's thread."""
        ...

    def hang_up(self) -> None:
        """Break the connection, as a pulled cable does; loop's thread."""
        ...

    def restore(self) -> None:
        """Be there again after `hang_up`; loop's thread."""
        ...


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where the bytes went that an instrument sent on one wire.

    sent = delivered + dropped + unheard + waiting.

    Attributes:
        sent_bytes: what the instrument sent.
        delivered_bytes: what the operating system took for a connected program.
        dropped_bytes: lost because the program did not read, or went away before it did.
        unheard_bytes: sent while no program was connected.
        waiting_bytes: in the instrument's buffer now.
    """

    sent_bytes: int
    delivered_bytes: int
    dropped_bytes: int
    unheard_bytes: int
    waiting_bytes: int


class ServedPort:
    """Carries bytes between a port and its host ends.

    A wire has one instrument and several sockets on the wall: what the instrument sends goes
    to the program that spoke last, before any spoke to the connected one. Its own thread takes
    what the instrument sends, always at once, so the world never waits for a reader: what finds
    no room in the buffer is dropped by whole messages and counted.
    """

    def __init__(self, port: Port, name: str, loop: ServingLoop) -> None:
        self._port = port
        self._loop = loop
        self._lock = threading.Lock()
        self._ends: list[HostEnd] = []
        self._listener: HostEnd | None = None
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._sent = self._delivered = self._dropped = self._unheard = 0
        self._is_blocked = False
        #: Counts the connections made, so that a loss is not blamed on a newer one.
        self._connections = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._carry, name=f"simulated lab port {name}", daemon=True
        )

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def stop(self) -> None:
        """Carry no longer; the host ends are closed by who opened them."""
        self._closing.set()

    def join(self) -> None:
        """Wait for the end of the carrying thread, after `stop`."""
        if self._thread.is_alive():
            self._thread.join()

    @property
    def traffic(self) -> Traffic:
        """What went where until now."""
        with self._lock:
            return Traffic(
                self._sent, self._delivered, self._dropped, self._unheard, self._waiting_bytes
            )

    @property
    def is_unplugged(self) -> bool:
        """True while the cable is pulled: nobody can connect."""
        return self._port.is_unplugged

    def attach(self, end: HostEnd) -> None:
        """Add a socket on the wall."""
        self._ends.append(end)

    def detach(self, end: HostEnd) -> None:
        """Take a socket off the wall."""
        self._ends.remove(end)

    def connect(self, end: HostEnd) -> None:
        """Let `end` have what the instrument sends, unless another end has it already.

        A wire that was lost is there again; one that is unplugged is not.
        """
        with self._lock:
            is_first = self._listener is None
            if is_first and not end.is_shy:
                self._listener = end
        if is_first:
            with contextlib.suppress(LinkError):  # felt by the carrying thread too
                self._port.connect()
                self._connections += 1

    def leave(self, end: HostEnd) -> None:
        """Send `end` nothing more; what waits for it is dropped."""
        with self._lock:
            if self._listener is end:
                self._drop_waiting()
                self._listener = None

    def empty(self, end: HostEnd) -> None:
        """Forget what waits for `end`: it emptied its input, of which our buffer is a part."""
        with self._lock:
            if self._listener is end:
                self._drop_waiting()
            elif self._listener is None:
                self._listener = end

    def receive(self, end: HostEnd, data: bytes) -> None:
        """Carry what a program wrote to the instrument; what comes back is for that program."""
        with self._lock:
            if self._listener is not end:
                self._drop_waiting()
                self._listener = end
        try:
            self._port.host_write(data)
        except LinkError:
            end.hang_up()
            if not self._port.is_unplugged:
                end.restore()

    def carry_on(self, end: HostEnd) -> None:
        """Hand over what waits, now that `end` has room."""
        with self._lock:
            if self._listener is end:
                self._is_blocked = not self._hand_over()
            end.want_room(is_wanted=self._listener is end and self._is_blocked)

    def _carry(self) -> None:
        while not self._closing.is_set():
            connections = self._connections
            try:
                message, _ = self._port.host_read_message(_WHOLE_MESSAGE, _LOOK_S)
            except LinkError:
                self._sit_out(connections)
                continue
            if message:
                self._deliver(message)

    def _sit_out(self, connections: int) -> None:
        """Let everybody feel that the wire was lost, and wait until it may be there again."""
        self._loop.call(partial(self._hang_up, connections))
        while not self._closing.wait(_LOST_LOOK_S) and self._port.is_unplugged:
            pass
        self._loop.call(self._restore)

    def _hang_up(self, connections: int) -> None:
        # Whoever connected since a connection was lost has found it again.
        if self._port.is_unplugged or connections == self._connections:
            for end in self._ends:
                end.hang_up()

    def _restore(self) -> None:
        for end in self._ends:
            end.restore()

    def _deliver(self, message: bytes) -> None:
        with self._lock:
            self._sent += len(message)
            if self._listener is None:
                self._unheard += len(message)
            elif self._waiting and self._waiting_bytes + len(message) > BUFFER_BYTES:
                self._dropped += len(message)
            else:
                self._waiting.append(memoryview(message))
                self._waiting_bytes += len(message)
                if not self._is_blocked and not self._hand_over():
                    self._is_blocked = True
                    self._loop.call(partial(self.carry_on, self._listener))

    def _hand_over(self) -> bool:
        """Give the listener what it takes; false when it has no room for the rest."""
        while self._waiting and self._listener is not None:
            head = self._waiting[0]
            try:
                taken = self._listener.send(head)
            except BlockingIOError:
                taken = 0
            except OSError:
                # The loop finds out by itself that the program is gone.
                self._drop_waiting()
                break
            self._delivered += taken
            self._waiting_bytes -= taken
            if taken < len(head):
                self._waiting[0] = head[taken:]
                return False
            self._waiting.popleft()
        return True

    def _drop_waiting(self) -> None:
        self._dropped += self._waiting_bytes
        self._waiting_bytes = 0
        self._waiting.clear()
        self._is_blocked = False
