from __future__ import annotations

import os
import pty
import socket

import pytest

from labctl.errors import LinkError
from labctl.transport import SIMULATED_ONLY, WireOptions, open_wire, parse_address
from labctl.transport.serial import SerialWire
from labctl.transport.tcp import TcpWire
from labctl.transport.visa import VisaWire

OPTIONS = WireOptions(timeout_s=0.5)


@pytest.mark.parametrize(
    "address", ["serial:///dev/ttyUSB0", "tcp://127.0.0.1:5025", "ASRL/dev/ttyUSB0::INSTR"]
)
def test_no_real_instrument_is_opened_where_only_simulated_ones_are_allowed(address: str) -> None:
    assert os.environ[SIMULATED_ONLY] == "1"
    with pytest.raises(LinkError, match=f"because {SIMULATED_ONLY}=1.*--simulated") as caught:
        open_wire(parse_address(address), OPTIONS)
    assert caught.value.address == address


@pytest.mark.usefixtures("real_wires_allowed")
def test_the_address_chooses_the_wire() -> None:
    instrument, terminal = pty.openpty()
    port = os.ttyname(terminal)
    serial = open_wire(parse_address(f"serial://{port}"), OPTIONS)
    assert isinstance(serial, SerialWire)
    serial.close()
    visa = open_wire(parse_address(f"ASRL{port}::INSTR"), OPTIONS)
    assert isinstance(visa, VisaWire)
    visa.close()
    for end in (instrument, terminal):
        os.close(end)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = parse_address(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        tcp = open_wire(address, OPTIONS)
        assert isinstance(tcp, TcpWire)
        assert tcp.address == address.text
        tcp.close()
