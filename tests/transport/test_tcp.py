"""Real sockets on loopback; the test is the instrument."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport import Link, WireOptions
from labctl.transport.tcp import TcpWire

OPTIONS = WireOptions(timeout_s=0.5)


class Instrument:
    """A listening socket, and the connection that the wire made to it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.wire = TcpWire("127.0.0.1", self.port, OPTIONS)
        self.accept()

    def accept(self) -> None:
        self.peer = self._listener.accept()[0]

    def receive(self, count: int) -> bytes:
        self.peer.settimeout(5.0)
        data = b""
        while len(data) < count:
            data += self.peer.recv(count - len(data))
        return data

    def stop_listening(self) -> None:
        self._listener.close()

    def close(self) -> None:
        self.wire.close()
        self.peer.close()
        self._listener.close()


@pytest.fixture
def instrument() -> Iterator[Instrument]:
    instrument = Instrument()
    yield instrument
    instrument.close()


def test_bytes_go_out_and_come_back(instrument: Instrument) -> None:
    instrument.wire.write(b"*IDN?\n")
    assert instrument.receive(6) == b"*IDN?\n"
    instrument.peer.sendall(b"laser\nrest")
    assert instrument.wire.read_until(b"\n", 1.0) == b"laser\n"
    assert instrument.wire.read(100, 1.0) == b"rest"


def test_the_address_is_written_as_in_the_configuration(instrument: Instrument) -> None:
    assert instrument.wire.address == f"tcp://127.0.0.1:{instrument.port}"


@pytest.mark.parametrize("timeout_s", [0.02, 0.0])
def test_a_silent_instrument_is_a_timeout(instrument: Instrument, timeout_s: float) -> None:
    with pytest.raises(ReplyTimeoutError):
        instrument.wire.read(1, timeout_s)


def test_a_command_can_be_sent_after_a_read_timed_out(instrument: Instrument) -> None:
    """Timeouts of reads must not become those of writes."""
    with pytest.raises(ReplyTimeoutError):
        instrument.wire.read(1, 0.0)
    instrument.wire.write(b"x" * 100_000)
    assert len(instrument.receive(100_000)) == 100_000


@pytest.mark.parametrize(
    "use",
    [
        lambda wire: wire.read(1, 0.5),
        lambda wire: wire.read_until(b"\n", 0.5),
        lambda wire: wire.discard_input(),
    ],
)
def test_a_peer_that_closes_is_a_lost_link_at_once(
    instrument: Instrument, use: Callable[[TcpWire], None]
) -> None:
    instrument.peer.close()
    with pytest.raises(LinkError, match="the connection was closed"):
        use(instrument.wire)


def test_a_reset_connection_is_a_lost_link(instrument: Instrument) -> None:
    # Closing with unread input makes the kernel send RST.
    instrument.wire.write(b"never read")
    instrument.peer.close()
    with pytest.raises(LinkError, match="the connection was closed"):
        instrument.wire.read(1, 0.5)
    with pytest.raises(LinkError, match="the connection was closed"):
        instrument.wire.write(b"x")


def test_an_instrument_that_takes_no_data_is_a_timeout(instrument: Instrument) -> None:
    more_than_any_socket_buffer = bytes(1 << 28)
    with pytest.raises(ReplyTimeoutError, match="does not accept data"):
        instrument.wire.write(more_than_any_socket_buffer)


def test_input_that_waited_is_forgotten(instrument: Instrument) -> None:
    instrument.peer.sendall(b"old\n" * 3)
    assert instrument.wire.read_until(b"\n", 1.0) == b"old\n"
    instrument.wire.discard_input()
    instrument.peer.sendall(b"new\n")
    assert instrument.wire.read_until(b"\n", 1.0) == b"new\n"


def test_a_reopened_connection_is_a_new_one(instrument: Instrument) -> None:
    instrument.peer.sendall(b"old\n")
    instrument.peer.close()
    instrument.wire.reopen()
    instrument.accept()
    instrument.peer.sendall(b"new\n")
    assert instrument.wire.read_until(b"\n", 1.0) == b"new\n"


def test_a_refused_connection_names_host_and_port(instrument: Instrument) -> None:
    instrument.stop_listening()
    with pytest.raises(
        LinkError, match=f"no connection to 127.0.0.1 port {instrument.port}.*switched on"
    ):
        TcpWire("127.0.0.1", instrument.port, OPTIONS)


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(LinkError, match=r"no connection to no-such-host\.invalid port 5025"):
        TcpWire("no-such-host.invalid", 5025, OPTIONS)


def test_a_link_stays_lost_after_a_failed_reconnect(instrument: Instrument) -> None:
    link = Link(instrument.wire, OPTIONS)
    instrument.stop_listening()
    instrument.peer.close()
    for use in (lambda: link.query(b"p?"), link.reconnect, lambda: link.query(b"p?")):
        with pytest.raises(LinkError):
            use()


def test_closing_twice_is_allowed_and_a_closed_wire_is_lost(instrument: Instrument) -> None:
    instrument.wire.close()
    instrument.wire.close()
    for use in (
        lambda: instrument.wire.read(1, 0.1),
        lambda: instrument.wire.write(b"x"),
        instrument.wire.discard_input,
    ):
        with pytest.raises(LinkError):
            use()
