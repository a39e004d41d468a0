"""The PM100D's requests against the lines of its manual and of public clients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.thorlabs_pm100d import protocol
from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError

Scripted = Callable[..., Any]

SENSOR = b"S120C,1100701,07-Jul-2026,1,18,289"
NO_ERROR = b'+0,"No error"'
SENT = [
    (protocol.GET_IDENTITY, b"*IDN?"),
    (protocol.GET_SENSOR, b"SYST:SENS:IDN?"),
    (protocol.GET_WAVELENGTH_NM, b"SENS:CORR:WAV?"),
    (protocol.GET_WAVELENGTH_MIN_NM, b"SENS:CORR:WAV? MIN"),
    (protocol.GET_RANGE_MW, b"SENS:POW:RANG?"),
    (protocol.GET_AUTO_RANGE, b"SENS:POW:RANG:AUTO?"),
    (protocol.set_wavelength_nm(405.0), b"SENS:CORR:WAV 405.000"),
    (protocol.set_range_mw(0.19), b"SENS:POW:RANG 1.900000e-04"),
    (protocol.set_auto_range(True), b"SENS:POW:RANG:AUTO 1"),
]
REPLIES = [
    (protocol.GET_WAVELENGTH_NM, b"4.05000000E+02", 405.0),
    (protocol.GET_POWER_MW, b"5.00000000E-05", 0.05),
    (protocol.GET_POWER_MW, b"-1.2E-09", -1.2e-6),
    (protocol.GET_RANGE_MW, b"1.914E-04", 0.1914),
    (protocol.GET_AUTO_RANGE, b"1", True),
    (protocol.GET_SENSOR_MODEL, SENSOR, "S120C"),
    (protocol.GET_SENSOR_MODEL, b'"S130C","14081234","01-JAN-2026",1,18,33', "S130C"),
    (protocol.GET_SENSOR_SERIAL, SENSOR, "1100701"),
    (protocol.GET_SENSOR_CALIBRATION, SENSOR, "07-Jul-2026"),
]
REQUESTS = [
    *(request for request, _, _ in REPLIES),
    protocol.GET_IDENTITY,
    protocol.GET_SENSOR,
    protocol.set_auto_range(True),
]


@pytest.mark.parametrize(("request_", "sent"), SENT)
def test_requests_are_the_commands_of_the_manual(request_: Request[Any], sent: bytes) -> None:
    assert request_.command == sent


@pytest.mark.parametrize(("request_", "reply", "value"), REPLIES)
def test_replies_mean_what_the_manual_says(
    request_: Request[Any], reply: bytes, value: object
) -> None:
    assert request_.decode(reply) == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize("maker", ["Thorlabs", "THORLABS"])
def test_the_identity_has_four_parts(maker: str) -> None:
    info = protocol.GET_IDENTITY.decode(f"{maker},PM100D,P0000001,2.4.0".encode())
    assert info == protocol.MeterInfo("Thorlabs", "PM100D", "P0000001", "2.4.0")


def test_the_flags_of_the_sensor_are_those_of_the_manual() -> None:
    # Is power sensor 1, wavelength settable 32, has temperature sensor 256.
    sensor = protocol.GET_SENSOR.decode(SENSOR)
    assert sensor.measures_power
    assert sensor.has_wavelength
    assert not protocol.GET_SENSOR.decode(b"ES111C,1,x,3,1,2").measures_power


@pytest.mark.parametrize("reply", [b"Thorlabs,DC2200,M1,1.0", b"Thorlabs,PM100D", b"", b"\xff,,,"])
def test_another_instrument_is_not_taken_for_a_power_meter(reply: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.GET_IDENTITY.decode(reply)


@pytest.mark.parametrize("reply", [b"9.9E+37", b"-9.9E37", b"9.91E37"])
def test_the_infinity_of_scpi_is_no_power(reply: bytes) -> None:
    with pytest.raises(InstrumentError, match=r"outside the measuring range.*range_mw"):
        protocol.GET_POWER_MW.decode(reply)


def test_a_missing_sensor_is_said() -> None:
    with pytest.raises(InstrumentError, match="no sensor head"):
        protocol.GET_SENSOR_MODEL.decode(b'"no sensor",,,0,0,0')


@pytest.mark.parametrize("reply", [b"nan", b"inf", b"five", b"", b"1,2"])
def test_no_number_is_no_reading(reply: bytes) -> None:
    with pytest.raises(ProtocolError):
        protocol.GET_POWER_MW.decode(reply)


@given(st.sampled_from(REQUESTS), st.binary(max_size=60))
def test_any_line_is_a_value_or_an_error_of_ours(request_: Request[Any], line: bytes) -> None:
    with contextlib.suppress(ProtocolError, InstrumentError):
        request_.decode(line)


def test_a_reading_sets_the_unit_first(scripted: Scripted) -> None:
    link, instrument = scripted({b"MEAS:POW?\n": b"5.0E-05\n"})
    assert protocol.GET_POWER_MW.perform(link) == pytest.approx(0.05)
    assert instrument.received == [b"SENS:POW:UNIT W\n", b"MEAS:POW?\n"]


def test_a_setter_asks_for_errors_in_the_same_exchange(scripted: Scripted) -> None:
    link, instrument = scripted({b"SYST:ERR?\n": NO_ERROR + b"\n"})
    protocol.set_wavelength_nm(405.0).perform(link)
    assert instrument.received == [b"SENS:CORR:WAV 405.000\n", b"SYST:ERR?\n"]


def test_all_errors_are_told_and_none_is_left() -> None:
    lines = b'-222,"Data out of range"\n-113,"Undefined header"\n' + NO_ERROR
    with pytest.raises(InstrumentError, match=r"-222 Data out of range; -113 Undefined header"):
        protocol.set_auto_range(True).decode(lines)


def test_an_error_queue_without_end_is_refused(scripted: Scripted) -> None:
    link, instrument = scripted({b"SYST:ERR?\n": b'-350,"Queue overflow"\n'})
    with pytest.raises(ProtocolError, match="does not end"):
        protocol.set_auto_range(True).perform(link)
    assert len(instrument.received) < 100
