"""A served instrument that talks as much as it is told to, and how its clients look at it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest
import serial

from simulated_devices.serve import LabServer, ServedInstrument
from simulated_devices.wire import Port
from simulated_devices.world import Slice

MESSAGE_BYTES = 10_000


class Talker:
    """An instrument that answers `N` with N messages of 10 kB at once, and `?` with `!`.

    Each message is its number in four bytes, little end first, again and again.
    """

    is_streaming = False

    def __init__(self, *companion_ports: int) -> None:
        self.received = b""
        self.port = Port(self._receive)
        self.companion_ports: Mapping[int, Port] = MappingProxyType(
            {number: Port(lambda _: None) for number in companion_ports}
        )

    def advance(self, slice_: Slice) -> None:
        """Nothing happens to it."""

    def _receive(self, data: bytes) -> None:
        self.received += data
        if data == b"?\n":
            self.port.send(b"!")
        elif data.strip().isdigit():
            for number in range(int(data)):
                self.port.send(number.to_bytes(4, "little") * (MESSAGE_BYTES // 4))


@dataclass(frozen=True)
class Served:
    """A talker and the server that it is behind."""

    talker: Talker
    server: LabServer
    at: ServedInstrument

    def connect(self) -> socket.socket:
        return socket.create_connection((self.at.host, self.at.port), timeout=5.0)

    def open(self, baud_rate: int = 115_200) -> serial.Serial:
        return serial.Serial(self.at.pty, baud_rate, timeout=5.0)


@pytest.fixture
def talker() -> type[Talker]:
    """Return the class of instruments that talk; its arguments are companion ports."""
    return Talker


@pytest.fixture
def served() -> Iterator[Served]:
    """Return a talker, served on TCP and on a pty."""
    instrument = Talker()
    server = LabServer({"talker": instrument})
    yield Served(instrument, server, server.serve("talker", has_serial=True))
    server.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Return a wait on a condition, which fails after five seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 5.0
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.002)

    return wait


@pytest.fixture
def has_ended() -> Callable[[socket.socket], bool]:
    """Return whether the other side closes a connection; a reset is an end too."""

    def look(connection: socket.socket) -> bool:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True

    return look
