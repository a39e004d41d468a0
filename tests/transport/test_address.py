from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError
from labctl.transport import parse_address


@pytest.mark.parametrize(
    ("text", "kind", "target", "port"),
    [
        ("serial:///dev/ttyUSB0", "serial", "/dev/ttyUSB0", 0),
        ("serial://COM3", "serial", "COM3", 0),
        ("tcp://192.168.1.20:5025", "tcp", "192.168.1.20", 5025),
        ("tcp://laser.lab:1998/", "tcp", "laser.lab", 1998),
        ("tcp://[fe80::1]:5025", "tcp", "fe80::1", 5025),
        ("ASRL/dev/ttyUSB0::INSTR", "visa", "ASRL/dev/ttyUSB0::INSTR", 0),
        ("GPIB0::5::INSTR", "visa", "GPIB0::5::INSTR", 0),
        ("USB0::0x1313::0x8078::P0001::INSTR", "visa", "USB0::0x1313::0x8078::P0001::INSTR", 0),
    ],
)
def test_the_forms_of_an_address(text: str, kind: str, target: str, port: int) -> None:
    address = parse_address(text)
    assert (address.text, address.kind, address.target, address.port) == (text, kind, target, port)


@pytest.mark.parametrize(
    "spellings",
    [
        ["serial:///dev/ttyUSB0", "ASRL/dev/ttyUSB0::INSTR", "asrl/dev/ttyUSB0::instr"],
        ["serial:///dev/ttyUSB0", "ASRL/dev/ttyUSB0"],
        ["serial://COM3", "ASRLCOM3::INSTR", "serial://com3"],
        ["tcp://laser:1998", "tcp://LASER:1998/", "tcp://laser:01998"],
        ["tcp://laser:1998", "TCPIP::laser::1998::SOCKET", "TCPIP0::LASER::1998::socket"],
        ["tcp://[FE80::1]:5025", "tcp://[fe80::1]:5025"],
        ["GPIB0::5::INSTR", "gpib0::5::instr", "GPIB::5::INSTR", "GPIB::5"],
        ["TCPIP::10.0.0.5::INSTR", "TCPIP0::10.0.0.5::inst0::INSTR", "TCPIP::10.0.0.5"],
        ["USB::0x1313::0x8078::P1::INSTR", "USB0::0x1313::0x8078::P1"],
    ],
)
def test_every_spelling_of_one_wire_has_the_same_canonical_form(spellings: list[str]) -> None:
    """Defaults of the parts of a resource name: VPP-4.3, section 4.3.1."""
    assert len({parse_address(text).canonical for text in spellings}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("serial:///dev/ttyUSB0", "serial:///dev/ttyUSB1"),
        ("serial:///dev/ttyusb0", "serial:///dev/ttyUSB0"),
        ("tcp://laser:1998", "tcp://laser:1999"),
        ("tcp://laser:1998", "tcp://laser2:1998"),
        ("GPIB0::5::INSTR", "GPIB1::5::INSTR"),
        ("TCPIP::laser::INSTR", "TCPIP::laser::5025::SOCKET"),
        ("TCPIP::laser::inst0::INSTR", "TCPIP::laser::inst1::INSTR"),
    ],
)
def test_different_wires_have_different_canonical_forms(one: str, other: str) -> None:
    assert parse_address(one).canonical != parse_address(other).canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "serial://",
        "ttyUSB0",
        "http://laser:80",
        "tcp://laser",
        "tcp://laser:",
        "tcp://laser:x",
        "tcp://:5025",
        "tcp://a b:5025",
        "tcp://laser:5025/path",
        "USBstick",
    ],
)
def test_what_is_no_address_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(ConfigError, match=r"has no known form; write serial:///dev/ttyUSB0"):
        parse_address(text)


@pytest.mark.parametrize("port", [0, 65_536, 99_999])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match=f"port {port} is outside 1 to 65535"):
        parse_address(f"tcp://laser:{port}")


def test_a_companion_is_at_the_same_host() -> None:
    address = parse_address("tcp://Laser:1998").at_port(1999)
    assert (address.kind, address.target, address.port) == ("tcp", "Laser", 1999)
    assert address.canonical == parse_address("tcp://laser:1999").canonical


def test_a_companion_of_an_ipv6_host_can_be_parsed_again() -> None:
    address = parse_address("tcp://[fe80::1]:1998").at_port(1999)
    assert parse_address(address.text) == address


def test_only_a_tcp_instrument_has_companions() -> None:
    with pytest.raises(ConfigError, match=r'"serial://COM3" must be tcp://HOST:PORT'):
        parse_address("serial://COM3").at_port(1999)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_configuration_error(text: str) -> None:
    try:
        address = parse_address(text)
    except ConfigError:
        return
    assert address.text == text
    assert address.canonical
