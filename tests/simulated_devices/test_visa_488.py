"""What IEEE 488.2 and SCPI ask of a bus: status byte, triggers, clears, ends, compound commands.

The instrument is a YAML dialogue as the simulated instruments have it, behind PyVISA.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from pyvisa.constants import (
    BufferOperation,
    IOProtocol,
    SerialTermination,
    StatusCode,
    TriggerProtocol,
)

from simulated_devices.dialogue import DialogueDevice
from simulated_devices.visa import new_library
from simulated_devices.wire import Port

BUS = "GPIB0::5::INSTR"
SOCKET = "TCPIP0::10.0.0.3::5025::SOCKET"
SERIAL = "ASRL3::INSTR"
OPERATIONS = BufferOperation
MAV, ERROR_AVAILABLE = 16, 4

METER = """
spec: "1.1"
devices:
  meter:
    eom: {GPIB INSTR: {q: "\\n", r: "\\n"}}
    syntax: scpi
    error:
      error_queue:
        - {q: "SYST:ERR?", default: '+0,"No error"', command_error: '-113,"Undefined header"',
           range_error: '-222,"Data out of range"'}
    dialogues:
      - {q: "*IDN?", r: "labctl,meter"}
      - {q: "*CLS", call: clear_errors}
      - {q: "*TRG", call: trigger}
      - {q: "*STB?", call: status}
      - {q: "DISP:TEXT 'a;b'"}
    properties:
      wavelength:
        default: 635
        getter: {q: "SENS:CORR:WAV?", r: "{:.0f}"}
        setter: {q: "SENS:CORR:WAV {}"}
        specs: {type: float, min: 400, max: 1100, bind: wavelength_nm}
      attenuation:
        default: 0
        getter: {q: "SENS:CORR:LOSS?", r: "{:.1f}"}
        setter: {q: "SENS:CORR:LOSS {}"}
        specs: {type: float, bind: loss_db}
      power:
        default: 0
        getter: {q: "MEAS:POW?", r: "{:.2f}"}
        specs: {type: float, bind: power_mw}
resources:
  GPIB0::5::INSTR: {device: meter}
"""


class Meter:
    """A meter behind a dialogue, as instruments on a bus offer themselves to the library."""

    def __init__(self, path: Path) -> None:
        self.wavelength_nm = 635.0
        self.loss_db = 0.5
        self.power_mw = 1.25
        self.triggers = 0
        self.port = Port(self._receive)
        self._dialogue: Any = DialogueDevice(path, self, self.port.send)
        self.device_clear: Callable[[], None] = self._dialogue.device_clear

    def _receive(self, data: bytes) -> None:
        self._dialogue.receive(data)

    @property
    def status_byte(self) -> int:
        return int(self._dialogue.status_byte)

    def clear_errors(self) -> None:
        self._dialogue.clear_error_queues()

    def trigger(self) -> None:
        self.triggers += 1

    def status(self) -> str:
        return f"+{self.status_byte}"


Opened = tuple[Any, Meter]


@pytest.fixture
def open_meter(tmp_path: Path) -> Callable[..., Opened]:
    """Return an opener of a new meter on a resource of a name."""
    path = tmp_path / "meter.yaml"
    path.write_text(METER, encoding="utf-8")

    def open_it(name: str = BUS, **settings: Any) -> Opened:
        meter, library = Meter(path), new_library()
        library.add(name, meter.port, meter)
        ends: dict[str, Any] = {"write_termination": "\n", "read_termination": "\n", "timeout": 0}
        manager = pyvisa.ResourceManager(library)
        return manager.open_resource(name, **(ends | settings)), meter

    return open_it


def error_of(call: Callable[[], object]) -> StatusCode:
    with pytest.raises(pyvisa.VisaIOError) as caught:
        call()
    return StatusCode(caught.value.error_code)


def test_the_status_byte_tells_of_replies_and_errors(open_meter: Callable[..., Opened]) -> None:
    resource, _ = open_meter()
    assert resource.read_stb() == 0
    resource.write("*IDN?")
    assert resource.read_stb() == MAV
    assert resource.read_bytes(3) == b"lab"
    assert resource.stb == MAV
    resource.write("NONSENSE")
    assert resource.stb == MAV | ERROR_AVAILABLE
    assert resource.read() == "ctl,meter"
    assert resource.stb == ERROR_AVAILABLE
    assert resource.query("SYST:ERR?") == '-113,"Undefined header"'
    assert resource.stb == 0


def test_an_instrument_without_status_byte_says_so(open_meter: Callable[..., Opened]) -> None:
    library = new_library()
    library.add(BUS, open_meter()[1].port)
    resource: Any = pyvisa.ResourceManager(library).open_resource(BUS)
    assert error_of(resource.read_stb) == StatusCode.error_nonsupported_operation


@pytest.mark.parametrize("name", [SOCKET, SERIAL])
def test_a_stream_is_polled_and_triggered_by_strings_once_that_is_agreed(
    open_meter: Callable[..., Opened], name: str
) -> None:
    resource, meter = open_meter(name)
    for call in (resource.read_stb, resource.assert_trigger):
        assert error_of(call) == StatusCode.error_nonsupported_operation
    resource.io_protocol = IOProtocol.protocol4882_strs
    resource.write("NONSENSE")
    assert resource.read_stb() == ERROR_AVAILABLE
    resource.assert_trigger()
    assert meter.triggers == 1
    resource.clear()
    assert resource.read_stb() == 0


def test_a_trigger_reaches_the_instrument(open_meter: Callable[..., Opened]) -> None:
    resource, meter = open_meter()
    resource.assert_trigger()
    assert meter.triggers == 1
    invalid = StatusCode.error_invalid_protocol
    trigger = resource.visalib.assert_trigger
    assert error_of(lambda: trigger(resource.session, TriggerProtocol.on)) == invalid


def test_a_device_clear_forgets_unread_replies_and_half_commands(
    open_meter: Callable[..., Opened],
) -> None:
    resource, _ = open_meter(send_end=False)
    resource.write("*IDN?")
    resource.write_raw(b"MEAS:")
    resource.clear()
    assert resource.read_stb() == 0
    assert resource.query("SENS:CORR:WAV?") == "635"


def test_half_a_command_without_a_clear_spoils_the_next(open_meter: Callable[..., Opened]) -> None:
    resource, _ = open_meter(send_end=False)
    resource.write_raw(b"MEAS:")
    resource.write("*CLS")
    assert resource.query("SYST:ERR?") == '-113,"Undefined header"'


def test_end_ends_a_command_on_a_bus_as_a_line_feed_does(
    open_meter: Callable[..., Opened],
) -> None:
    resource, _ = open_meter(write_termination="")
    assert resource.write("*IDN?") == 5
    assert resource.read() == "labctl,meter"
    resource.send_end = False
    resource.write("*ID")
    resource.send_end = True
    assert resource.query("N?") == "labctl,meter"


@pytest.mark.parametrize("name", [SOCKET, SERIAL])
def test_a_stream_has_no_end_but_its_bytes(open_meter: Callable[..., Opened], name: str) -> None:
    resource, _ = open_meter(name, write_termination="")
    resource.write("*IDN?")
    assert error_of(resource.read) == StatusCode.error_timeout
    assert resource.query("\n") == "labctl,meter"


def test_a_serial_line_may_add_the_end_by_itself(open_meter: Callable[..., Opened]) -> None:
    resource, _ = open_meter(SERIAL, write_termination="")
    resource.end_output = SerialTermination.termination_char
    assert resource.query("*IDN?") == "labctl,meter"
    resource.send_end = False
    resource.write("*IDN?")
    assert error_of(resource.read) == StatusCode.error_timeout


def test_the_last_bit_marks_the_end_of_what_a_serial_line_writes() -> None:
    received: list[bytes] = []
    library = new_library()
    library.add(SERIAL, Port(received.append))
    resource: Any = pyvisa.ResourceManager(library).open_resource(SERIAL)
    resource.end_output = SerialTermination.last_bit
    resource.write_raw(bytes([0x81, 0x02, 0x03]))
    assert received == [bytes([0x01, 0x02, 0x83])]


def test_flushing_forgets_what_has_arrived_on_a_stream(open_meter: Callable[..., Opened]) -> None:
    resource, _ = open_meter(SERIAL)
    resource.write("*IDN?")
    resource.flush(OPERATIONS.flush_write_buffer)
    assert resource.bytes_in_buffer == len("labctl,meter\n")
    resource.flush(OPERATIONS.discard_receive_buffer)
    assert resource.bytes_in_buffer == 0
    assert resource.query("SENS:CORR:WAV?") == "635"


def test_flushing_leaves_the_reply_in_an_instrument_on_a_bus(
    open_meter: Callable[..., Opened],
) -> None:
    resource, _ = open_meter()
    resource.write("*IDN?")
    resource.flush(OPERATIONS.discard_read_buffer)
    assert resource.read() == "labctl,meter"


@pytest.mark.parametrize(
    "mask",
    [
        0,
        0x100,
        OPERATIONS.discard_read_buffer | OPERATIONS.discard_read_buffer_no_io,
        OPERATIONS.flush_transmit_buffer | OPERATIONS.discard_transmit_buffer,
    ],
)
def test_flushing_what_is_no_buffer_or_twice_is_refused(
    open_meter: Callable[..., Opened], mask: int
) -> None:
    resource, _ = open_meter()
    assert error_of(lambda: resource.flush(mask)) == StatusCode.error_invalid_mask


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MEAS:POW?;*IDN?", "1.25;labctl,meter"),
        ("SENS:CORR:WAV?;LOSS?", "635;0.5"),
        ("SENS:CORR:WAV 405; LOSS 2; WAV?;LOSS?", "405;2.0"),
        ("SENS:CORR:WAV?;*CLS;LOSS?", "635;0.5"),
        ("SENS:CORR:WAV?;:MEAS:POW?", "635;1.25"),
        (":MEAS:POW?", "1.25"),
        (";;MEAS:POW?;", "1.25"),
        ("DISP:TEXT 'a;b';:MEAS:POW?", "1.25"),
        ("SENS:CORR:WAV 5000;:SYST:ERR?", '-222,"Data out of range"'),
    ],
)
def test_a_line_of_several_commands_is_answered_by_one_message(
    open_meter: Callable[..., Opened], line: str, reply: str
) -> None:
    resource, _ = open_meter()
    assert resource.query(line) == reply
    assert resource.stb == 0


def test_another_subsystem_needs_the_colon(open_meter: Callable[..., Opened]) -> None:
    """PM100D manual, page 46: without it an error is generated."""
    resource, _ = open_meter()
    assert resource.query("SENS:CORR:WAV?;MEAS:POW?") == "635"
    assert resource.query("SYST:ERR?") == '-113,"Undefined header"'
    assert resource.query("SYST:ERR?") == '+0,"No error"'
