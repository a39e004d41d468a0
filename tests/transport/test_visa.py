"""VISA resources of a simulated library, and of pyvisa-py on a real socket."""

from __future__ import annotations

import os
import socket
import threading
import tty
from collections.abc import Callable

import pytest
import pyvisa

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport import Link, WireOptions
from labctl.transport.visa import VisaWire
from simulated_devices.visa import new_library
from simulated_devices.wire import Port

OPTIONS = WireOptions(
    write_termination=b"\r\n", read_termination=b"\r\n", timeout_s=0.05, baud_rate=9600
)
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
SOCKET = "TCPIP0::laser::1998::SOCKET"


class Echo:
    """Repeats every write."""

    def __init__(self) -> None:
        self.port = Port(self._receive)

    def _receive(self, data: bytes) -> None:
        self.port.send(data)


def open_wire(name: str, port: Port) -> VisaWire:
    library = new_library()
    library.add(name, port)
    return VisaWire(name, OPTIONS, library)


@pytest.mark.parametrize("name", [SERIAL, SOCKET, "GPIB0::5::INSTR"])
def test_a_query_over_visa(name: str) -> None:
    with Link(open_wire(name, Echo().port), OPTIONS) as link:
        assert link.address == name
        assert link.query(b"p?") == b"p?"


def test_a_line_may_contain_the_last_byte_of_its_terminator() -> None:
    port = Port(lambda _: None)
    wire = open_wire(SERIAL, port)
    port.send(b"a\nb\r\n")
    assert wire.read_until(b"\r\n", 0.05) == b"a\nb\r\n"


@pytest.mark.parametrize(
    "read", [lambda wire: wire.read(1, 0.02), lambda wire: wire.read_until(b"\r\n", 0.02)]
)
def test_a_silent_resource_is_a_timeout(read: Callable[[VisaWire], bytes]) -> None:
    with pytest.raises(ReplyTimeoutError, match=r"within 0\.02 s"):
        read(open_wire(SERIAL, Port(lambda _: None)))


def test_a_serial_read_returns_what_is_there_and_loses_nothing() -> None:
    """A stream is read in large portions; VISA would throw away a portion that times out."""
    port = Port(lambda _: None)
    wire = open_wire(SERIAL, port)
    sent = bytes(range(256)) * 20
    received = b""
    for start in range(0, len(sent), 100):
        port.send(sent[start : start + 100])
        while len(received) < min(start + 100, len(sent)):
            received += wire.read(65_536, 0.05)
    assert received == sent


def test_an_unknown_resource_lists_what_visa_sees() -> None:
    library = new_library()
    library.add(SERIAL, Port(lambda _: None))
    with pytest.raises(LinkError, match=r"VISA cannot open GPIB0::9::INSTR") as caught:
        VisaWire("GPIB0::9::INSTR", OPTIONS, library)
    assert f"VISA sees: {SERIAL}." in str(caught.value)


def test_a_name_that_is_no_resource_is_a_link_error() -> None:
    with pytest.raises(LinkError, match="VISA cannot open USB0::nonsense"):
        VisaWire("USB0::nonsense", OPTIONS, new_library())


def test_a_resource_without_messages_is_refused() -> None:
    library = new_library()
    library.add("VXI0::1::INSTR", Port(lambda _: None))
    with pytest.raises(LinkError, match="VXI0::1::INSTR"):
        VisaWire("VXI0::1::INSTR", OPTIONS, library)


def test_an_unplugged_cable_is_a_lost_link_and_plugging_it_in_mends_it() -> None:
    echo = Echo()
    with Link(open_wire(SERIAL, echo.port), OPTIONS) as link:
        echo.port.unplug()
        for _ in range(2):
            with pytest.raises(LinkError, match="the link was lost"):
                link.query(b"p?")
            with pytest.raises(LinkError, match="VISA cannot open"):
                link.reconnect()
        echo.port.plug()
        link.reconnect()
        assert link.query(b"p?") == b"p?"


def test_unplugging_ends_a_read_that_waits() -> None:
    port = Port(lambda _: None)
    wire = open_wire(SERIAL, port)
    unplug = threading.Timer(0.02, port.unplug)
    unplug.start()
    with pytest.raises(LinkError, match="the link was lost"):
        wire.read(1, 30.0)
    unplug.join()


def test_a_third_program_sees_the_error_of_real_visa() -> None:
    echo = Echo()
    library = new_library()
    library.add(SERIAL, echo.port)
    manager = pyvisa.ResourceManager(library)
    with manager.open_resource(SERIAL) as resource:
        echo.port.unplug()
        with pytest.raises(pyvisa.VisaIOError) as caught:
            library.read(resource.session, 1)
        assert caught.value.error_code == pyvisa.constants.StatusCode.error_connection_lost


def test_a_closed_wire_is_a_lost_link() -> None:
    wire = open_wire(SERIAL, Echo().port)
    wire.close()
    wire.close()
    for use in (
        lambda: wire.read(1, 0.01),
        lambda: wire.read_until(b"\r\n", 0.01),
        lambda: wire.write(b"x"),
        wire.discard_input,
    ):
        with pytest.raises(LinkError):
            use()


def test_a_query_through_pyvisa_py_on_a_real_serial_port() -> None:
    device, terminal = os.openpty()
    tty.setraw(terminal)
    wire = VisaWire(f"ASRL{os.ttyname(terminal)}::INSTR", OPTIONS)
    with Link(wire, OPTIONS) as link:
        os.write(device, b"0.005\r\n")
        assert link.query(b"p?") == b"0.005"
        assert os.read(device, 100) == b"p?\r\n"
        os.write(device, bytes(range(256)))
        received = b""
        while len(received) < 256:
            received += link.read_available(65_536, 0.05)
        assert received == bytes(range(256))
        for end in (device, terminal):
            os.close(end)
        with pytest.raises(LinkError):
            link.query(b"p?")


def test_a_query_through_pyvisa_py_on_a_real_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Link(VisaWire(f"TCPIP0::127.0.0.1::{port}::SOCKET", OPTIONS), OPTIONS) as link:
            peer = listener.accept()[0]
            with peer:
                peer.sendall(b"0.005\r\n")
                assert link.query(b"p?") == b"0.005"
                assert peer.recv(100) == b"p?\r\n"
                with pytest.raises(ReplyTimeoutError):
                    link.query(b"p?")
