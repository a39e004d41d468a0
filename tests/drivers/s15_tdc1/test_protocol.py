"""The commands as the manufacturer's public client (pyS15 ba5faee) sends and reads them."""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.s15_tdc1 import protocol
from drivers.s15_tdc1.protocol import ClockSource, Mode
from labctl.device import Request
from labctl.errors import ProtocolError

QUERIES = {
    b"*IDN?": protocol.GET_IDENTITY,
    b"mode?": protocol.GET_MODE,
    b"level?": protocol.GET_THRESHOLD_V,
    b"REFCLK?": protocol.GET_CLOCK_SOURCE,
    b"ECLOCK?": protocol.GET_EXTERNAL_CLOCK,
}
COMMANDS = {
    b"timestamp": protocol.ENTER_TIMESTAMP_MODE,
    b"INPKT;time 0;counts?": protocol.START_STREAM,
    b"abort": protocol.ABORT,
    b"NEG -0.500": protocol.set_threshold_v(-0.5),
    b"POS 1.250": protocol.set_threshold_v(1.25),
    b"POS 0.000": protocol.set_threshold_v(0.0),
    b"REFCLK 0": protocol.set_clock_source(ClockSource.AUTOMATIC),
    b"REFCLK 1": protocol.set_clock_source(ClockSource.EXTERNAL),
    b"REFCLK 2": protocol.set_clock_source(ClockSource.INTERNAL),
}


def test_lines_end_with_carriage_return_and_line_feed() -> None:
    assert protocol.WIRE.write_termination == protocol.WIRE.read_termination == b"\r\n"


@pytest.mark.parametrize(("command", "request_"), (QUERIES | COMMANDS).items())
def test_a_request_sends_the_bytes_of_the_public_client(
    command: bytes, request_: Request[Any]
) -> None:
    assert request_.command == command


@pytest.mark.parametrize("request_", COMMANDS.values())
def test_setters_are_not_answered(request_: Request[Any]) -> None:
    assert request_.parse is None


@pytest.mark.parametrize(
    ("request_", "reply", "value"),
    [
        (protocol.GET_MODE, b"0", Mode.SINGLES),
        (protocol.GET_MODE, b"1", Mode.PAIRS),
        (protocol.GET_MODE, b"3", Mode.TIMESTAMP),
        (protocol.GET_THRESHOLD_V, b"-0.500 V", -0.5),
        (protocol.GET_THRESHOLD_V, b"+2.0 V", 2.0),
        (protocol.GET_THRESHOLD_V, b"1", 1.0),
        (protocol.GET_CLOCK_SOURCE, b"1", ClockSource.EXTERNAL),
        (protocol.GET_EXTERNAL_CLOCK, b"0", False),
        (protocol.GET_EXTERNAL_CLOCK, b"1", True),
    ],
)
def test_a_reply_means_what_the_client_reads(
    request_: Request[Any], reply: bytes, value: object
) -> None:
    decoded = request_.decode(reply)
    assert (decoded, type(decoded)) == (value, type(value))


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (protocol.GET_IDENTITY, b"Cobolt 26417"),
        (protocol.GET_MODE, b"2"),
        (protocol.GET_MODE, b""),
        (protocol.GET_CLOCK_SOURCE, b"3"),
        (protocol.GET_THRESHOLD_V, b"high"),
        (protocol.GET_THRESHOLD_V, b"9" * 400),
        (protocol.GET_EXTERNAL_CLOCK, b"yes"),
    ],
)
def test_another_reply_is_a_protocol_error(request_: Request[Any], reply: bytes) -> None:
    with pytest.raises(ProtocolError):
        request_.decode(reply)


@given(
    st.sampled_from(list(QUERIES.values())), st.binary(max_size=40) | st.from_regex(rb"-?\d+ V?")
)
def test_any_bytes_have_a_meaning_or_are_refused(request_: Request[Any], reply: bytes) -> None:
    try:
        value = request_.decode(reply)
    except ProtocolError:
        return
    assert isinstance(value, (bool, str, Enum)) or math.isfinite(value)


@given(st.floats(-2.0, 3.3))
def test_a_threshold_survives_the_way_out_and_back_to_a_millivolt(threshold_v: float) -> None:
    polarity, value = protocol.set_threshold_v(threshold_v).command.split()
    assert polarity == (b"NEG" if threshold_v < 0 else b"POS")
    assert protocol.GET_THRESHOLD_V.decode(value) == pytest.approx(threshold_v, abs=0.5e-3)
