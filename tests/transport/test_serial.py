"""Real serial ports: a pseudo-terminal is one to pyserial, and its other end is the device."""

from __future__ import annotations

import errno
import grp
import os
import tty
from collections.abc import Callable, Iterator

import pytest

from labctl.errors import LinkError, ReplyTimeoutError
from labctl.transport import Link, WireOptions
from labctl.transport import serial as serial_module
from labctl.transport.serial import SerialWire

OPTIONS = WireOptions(read_termination=b"\r\n", timeout_s=0.2)


class Device:
    """The instrument's end of a pseudo-terminal."""

    def __init__(self) -> None:
        self._end, self.terminal = os.openpty()
        self.port = os.ttyname(self.terminal)
        tty.setraw(self.terminal)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._end, data) :]

    def receive(self) -> bytes:
        return os.read(self._end, 65_536)

    def vanish(self) -> None:
        """Do what unplugging a USB adapter does: reads end, writes fail."""
        for end in (self.terminal, self._end):
            if end >= 0:
                os.close(end)
        self._end = self.terminal = -1


@pytest.fixture
def device() -> Iterator[Device]:
    device = Device()
    yield device
    device.vanish()


@pytest.fixture
def wire(device: Device) -> Iterator[SerialWire]:
    wire = SerialWire(device.port, OPTIONS)
    yield wire
    wire.close()


def test_bytes_go_out_and_come_back_unchanged(device: Device, wire: SerialWire) -> None:
    every_byte = bytes(range(256))
    wire.write(every_byte)
    assert device.receive() == every_byte
    device.send(every_byte)
    received = b""
    while len(received) < 256:
        received += wire.read(256, 1.0)
    assert received == every_byte


def test_a_query_over_a_pty(device: Device, wire: SerialWire) -> None:
    link = Link(wire, OPTIONS)
    device.send(b"0.005000\r\nrest")
    assert link.query(b"p?") == b"0.005000"
    assert device.receive() == b"p?\n"
    assert link.read_exactly(4) == b"rest"


def test_a_silent_device_is_a_timeout(device: Device, wire: SerialWire) -> None:
    with pytest.raises(ReplyTimeoutError, match=r"within 0\.02 s"):
        wire.read(10, 0.02)
    device.send(b"half")
    with pytest.raises(ReplyTimeoutError, match="got only b'half'"):
        wire.read_until(b"\r\n", 0.02)


def test_input_that_waited_is_forgotten(device: Device, wire: SerialWire) -> None:
    device.send(b"one\r\ntwo\r\n")
    assert wire.read_until(b"\r\n", 1.0) == b"one\r\n"
    device.send(b"three\r\n")
    wire.discard_input()
    with pytest.raises(ReplyTimeoutError):
        wire.read(1, 0.02)


@pytest.mark.parametrize(
    "use",
    [
        lambda wire: wire.read(1, 0.2),
        lambda wire: wire.read_until(b"\n", 0.2),
        lambda wire: wire.write(b"p?\n"),
        lambda wire: wire.discard_input(),
        lambda wire: wire.reopen(),
    ],
)
def test_a_device_that_vanishes_is_a_lost_link(
    device: Device, wire: SerialWire, use: Callable[[SerialWire], None]
) -> None:
    device.vanish()
    with pytest.raises(LinkError, match=device.port):
        use(wire)


@pytest.mark.parametrize(
    "use",
    [
        lambda wire: wire.read(1, 0.2),
        lambda wire: wire.write(b"p?\n"),
        lambda wire: wire.discard_input(),
    ],
)
def test_a_closed_port_is_a_lost_link(wire: SerialWire, use: Callable[[SerialWire], None]) -> None:
    wire.close()
    wire.close()
    with pytest.raises(LinkError):
        use(wire)


def test_a_link_whose_device_vanished_stays_lost_after_a_failed_reconnect(device: Device) -> None:
    with Link(SerialWire(device.port, OPTIONS), OPTIONS) as link:
        device.vanish()
        for use in (link.reconnect, lambda: link.query(b"p?"), link.reconnect):
            with pytest.raises(LinkError):
                use()


def test_a_reopened_port_works_and_has_forgotten_its_input(
    device: Device, wire: SerialWire
) -> None:
    device.send(b"old\r\n")
    wire.reopen()
    device.send(b"new\r\n")
    assert wire.read_until(b"\r\n", 1.0) == b"new\r\n"


def test_a_port_is_opened_by_one_only(device: Device, wire: SerialWire) -> None:
    del wire
    with pytest.raises(LinkError, match=f"{device.port} is in use by another program"):
        SerialWire(device.port, OPTIONS)


def test_a_missing_port_names_the_ports_that_are_there(device: Device) -> None:
    with pytest.raises(LinkError, match=r"there is no serial port /dev/ttyNONE.*Ports here: ") as e:
        SerialWire("/dev/ttyNONE", OPTIONS)
    assert e.value.address == "serial:///dev/ttyNONE"
    assert device.port


def test_a_file_that_is_no_port_is_refused() -> None:
    with pytest.raises(LinkError, match="/dev/null cannot be opened"):
        SerialWire("/dev/null", OPTIONS)


def test_a_denied_permission_names_the_group_to_join(device: Device) -> None:
    """Root is denied nothing, so the translation itself is asked, with a real PermissionError."""
    group = grp.getgrgid(os.fstat(device.terminal).st_gid).gr_name
    denied = PermissionError(errno.EACCES, "Permission denied", device.port)
    error = serial_module._open_failed(device.port, denied)
    assert f"permission to open {device.port} is denied: it belongs to group {group}" in str(error)
    assert f"sudo usermod -aG {group} $USER" in str(error)


def test_a_denied_permission_on_a_port_without_known_group_names_dialout() -> None:
    error = serial_module._open_failed("/dev/ttyNONE", PermissionError(errno.EACCES, "denied"))
    assert "group dialout" in str(error)
