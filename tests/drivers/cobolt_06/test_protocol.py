"""The serial commands as the manual and two public clients (qmi, pylablib) have them."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.cobolt_06 import protocol
from drivers.cobolt_06.protocol import Fault, Mode
from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError

QUERIES = {
    b"gsn?": protocol.GET_SERIAL,
    b"l?": protocol.GET_EMISSION,
    b"p?": protocol.GET_POWER_MW,
    b"pa?": protocol.GET_OUTPUT_MW,
    b"i?": protocol.GET_DRIVE_CURRENT_MA,
    b"ilk?": protocol.GET_INTERLOCK_OPEN,
    b"@cobasks?": protocol.GET_KEY_ON,
    b"@cobas?": protocol.GET_AUTOSTART,
    b"gom?": protocol.GET_MODE,
    b"f?": protocol.GET_FAULT,
    b"hrs?": protocol.GET_HOURS,
    b"rbpt?": protocol.GET_TEMPERATURE_DEGC,
}
COMMANDS = {
    b"l0": protocol.OFF,
    b"@cob0": protocol.FORCE_OFF,
    b"cf": protocol.CLEAR_FAULT,
    b"cp": protocol.ENTER_CONSTANT_POWER,
    b"p 0.060000": protocol.set_power_mw(60.0),
    b"p 0.000001": protocol.set_power_mw(0.001),
    b"p 0.000000": protocol.set_power_mw(0.0),
    b"l1": protocol.set_emission(True),
    b"@cobas 1": protocol.set_autostart(True),
    b"@cobas 0": protocol.set_autostart(False),
}
ALL = list(QUERIES.values()) + list(COMMANDS.values())


def test_the_line_is_that_of_the_manual() -> None:
    wire = protocol.WIRE
    assert (wire.baud_rate, wire.write_termination, wire.read_termination) == (
        115_200,
        b"\r\n",
        b"\r\n",
    )


@pytest.mark.parametrize(("command", "request_"), (QUERIES | COMMANDS).items())
def test_a_request_sends_the_bytes_of_the_manual(command: bytes, request_: Request[Any]) -> None:
    assert request_.command == command


def test_switching_off_is_the_same_command_everywhere() -> None:
    assert protocol.set_emission(False) == protocol.OFF


@pytest.mark.parametrize(
    ("request_", "reply", "value"),
    [
        (protocol.GET_SERIAL, b"26417", "26417"),
        (protocol.GET_EMISSION, b"0", False),
        (protocol.GET_EMISSION, b"1", True),
        (protocol.GET_POWER_MW, b"0.060000", 60.0),
        (protocol.GET_OUTPUT_MW, b"0.0000", 0.0),
        (protocol.GET_DRIVE_CURRENT_MA, b"112.5", 112.5),
        (protocol.GET_INTERLOCK_OPEN, b"0", False),
        (protocol.GET_INTERLOCK_OPEN, b"1", True),
        (protocol.GET_KEY_ON, b"1", True),
        (protocol.GET_MODE, b"0", Mode.OFF),
        (protocol.GET_MODE, b"1", Mode.WAITING_FOR_KEY),
        (protocol.GET_MODE, b"2", Mode.CONTINUOUS),
        (protocol.GET_MODE, b"3", Mode.ON_OFF_MODULATION),
        (protocol.GET_MODE, b"4", Mode.MODULATION),
        (protocol.GET_MODE, b"5", Mode.FAULT),
        (protocol.GET_MODE, b"6", Mode.ABORTED),
        (protocol.GET_FAULT, b"0", Fault.NONE),
        (protocol.GET_FAULT, b"1", Fault.TEMPERATURE),
        (protocol.GET_FAULT, b"3", Fault.INTERLOCK),
        (protocol.GET_FAULT, b"4", Fault.CONSTANT_POWER_TIMEOUT),
        (protocol.GET_HOURS, b"812.25", 812.25),
        (protocol.OFF, b"OK", None),
    ],
)
def test_a_reply_means_what_the_manual_says(
    request_: Request[Any], reply: bytes, value: object
) -> None:
    decoded = request_.decode(reply)
    assert (decoded, type(decoded)) == (value, type(value))


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (protocol.GET_FAULT, b"2"),
        (protocol.GET_MODE, b"7"),
        (protocol.GET_EMISSION, b"2"),
        (protocol.GET_EMISSION, b""),
        (protocol.GET_SERIAL, b""),
        (protocol.GET_POWER_MW, b"OK"),
        (protocol.GET_POWER_MW, b"nan"),
        (protocol.GET_POWER_MW, b"1e308"),
        (protocol.OFF, b"0.060000"),
        (protocol.OFF, b"ok"),
    ],
)
def test_a_reply_that_the_manual_does_not_know_is_a_protocol_error(
    request_: Request[Any], reply: bytes
) -> None:
    with pytest.raises(ProtocolError):
        request_.decode(reply)


@pytest.mark.parametrize("request_", ALL)
def test_a_refusal_is_an_error_of_the_instrument(request_: Request[Any]) -> None:
    with pytest.raises(InstrumentError, match="Syntax error: illegal command"):
        request_.decode(b"Syntax error: illegal command")


@given(st.sampled_from(ALL), st.binary(max_size=30) | st.text(max_size=10).map(str.encode))
def test_any_bytes_have_a_meaning_or_are_refused(request_: Request[Any], reply: bytes) -> None:
    try:
        value = request_.decode(reply)
    except (ProtocolError, InstrumentError):
        return
    assert value is None or isinstance(value, (bool, str, Enum)) or math.isfinite(value)


@given(st.floats(0, 500))
def test_a_power_survives_the_way_out_and_back_to_a_microwatt(power_mw: float) -> None:
    command = protocol.set_power_mw(power_mw).command
    assert protocol.GET_POWER_MW.decode(command.removeprefix(b"p ")) == pytest.approx(
        power_mw, abs=0.5e-3
    )
