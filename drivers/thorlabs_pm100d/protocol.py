"""The SCPI commands of the PM100D and its relatives, without I/O.

Commands are lines ended by LF, over USB test and measurement class. Powers travel in watt,
wavelengths in nm. Setters are silent; what was wrong with them is in the error queue. Facts:
PM100D manual, 6.4 "SCPI commands" (pages 47 to 49), and the public clients qmi 0.54
(thorlabs/pm100d.py) and PyMeasure (ThorlabsPM400, for the same commands).

Two rules follow. A setter reads the error queue in the same transaction, until it is empty,
so that an error is told to who caused it. And a reading sets the unit first: whoever pressed
dBm on the meter would otherwise change what `MEAS:POW?` answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError
from labctl.transport import Link, WireOptions

__all__ = [
    "CLEAR_ERRORS",
    "GET_AUTO_RANGE",
    "GET_IDENTITY",
    "GET_POWER_MW",
    "GET_RANGE_MW",
    "GET_SENSOR",
    "GET_SENSOR_CALIBRATION",
    "GET_SENSOR_MODEL",
    "GET_SENSOR_SERIAL",
    "GET_WAVELENGTH_MAX_NM",
    "GET_WAVELENGTH_MIN_NM",
    "GET_WAVELENGTH_NM",
    "WIRE",
    "MeterInfo",
    "SensorInfo",
    "set_auto_range",
    "set_range_mw",
    "set_wavelength_nm",
]

#: A reading may average for seconds (qmi waits 5 s).
WIRE = WireOptions(write_termination=b"\n", read_termination=b"\n", timeout_s=5.0)

#: SCPI-99, 7.2.1.5: 9.9E37 stands for infinity, 9.91E37 for not a number.
_SCPI_INFINITY = 9.9e37
#: More errors than any queue of this series holds.
_MAX_ERRORS = 64
_ASK_ERROR = b"SYST:ERR?"


@dataclass(frozen=True, slots=True)
class MeterInfo:
    """What `*IDN?` says."""

    manufacturer: str
    model: str
    serial: str
    firmware: str


@dataclass(frozen=True, slots=True)
class SensorInfo:
    """What `SYST:SENS:IDN?` says of the sensor head (PM100D manual, page 49)."""

    model: str
    serial: str
    calibration: str
    measures_power: bool
    has_wavelength: bool


def _texts(reply: bytes, count: int) -> list[str]:
    fields = [field.strip().strip('"') for field in reply.decode("ascii").split(",")]
    if len(fields) != count:
        raise ValueError(f"expected {count} values separated by commas")
    return fields


def _meter(reply: bytes) -> MeterInfo:
    manufacturer, model, serial, firmware = _texts(reply, 4)
    if manufacturer.upper() != "THORLABS" or not model.upper().startswith("PM"):
        raise ValueError("expected a power meter of Thorlabs")
    return MeterInfo("Thorlabs", model, serial, firmware)


def _sensor(reply: bytes) -> SensorInfo:
    if b"no sensor" in reply.lower():
        raise InstrumentError("no sensor head is connected to the power meter")
    model, serial, calibration, _, _, flags_text = _texts(reply, 6)
    flags = int(flags_text)
    return SensorInfo(model, serial, calibration, bool(flags & 1), bool(flags & 32))


def _sensor_model(reply: bytes) -> str:
    return _sensor(reply).model


def _sensor_serial(reply: bytes) -> str:
    return _sensor(reply).serial


def _sensor_calibration(reply: bytes) -> str:
    return _sensor(reply).calibration


def _number(reply: bytes) -> float:
    value = float(reply.decode("ascii"))
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _watt_as_mw(reply: bytes) -> float:
    value = _number(reply)
    if abs(value) >= _SCPI_INFINITY:
        raise InstrumentError(
            "the power is outside the measuring range",
            hint="Set auto_range on or a larger range_mw, or weaken the light.",
        )
    return value * 1e3


def _flag(reply: bytes) -> bool:
    text = reply.strip()
    if text not in {b"0", b"1"}:
        raise ValueError("expected 0 or 1")
    return text == b"1"


def _error(line: bytes) -> tuple[int, str]:
    code, comma, text = line.decode("ascii").partition(",")
    if not comma:
        raise ValueError("expected an error's number and text")
    return int(code), text.strip().strip('"')


def _no_errors(reply: bytes) -> None:
    errors = [f"{code} {text}" for code, text in map(_error, reply.split(b"\n")) if code]
    if errors:
        raise InstrumentError(f"the power meter refuses: {'; '.join(errors)}")


def _error_queue(link: Link) -> bytes:
    """Return the lines of the error queue, up to the one that says it is empty."""
    lines: list[bytes] = []
    while len(lines) < _MAX_ERRORS:
        lines.append(link.query(_ASK_ERROR))
        if not _error(lines[-1])[0]:
            return b"\n".join(lines)
    raise ProtocolError(f"the error queue does not end: {lines[-1]!r}", address=link.address)


def _power(link: Link) -> bytes:
    return link.query(b"MEAS:POW?")


def _setter(command: bytes) -> Request[None]:
    return Request(command, _no_errors, _error_queue)


GET_IDENTITY = Request(b"*IDN?", _meter)
CLEAR_ERRORS: Request[None] = Request(b"*CLS", None)
GET_SENSOR = Request(b"SYST:SENS:IDN?", _sensor)
GET_SENSOR_MODEL = Request(b"SYST:SENS:IDN?", _sensor_model)
GET_SENSOR_SERIAL = Request(b"SYST:SENS:IDN?", _sensor_serial)
GET_SENSOR_CALIBRATION = Request(b"SYST:SENS:IDN?", _sensor_calibration)
GET_POWER_MW = Request(b"SENS:POW:UNIT W", _watt_as_mw, _power)
GET_WAVELENGTH_NM = Request(b"SENS:CORR:WAV?", _number)
GET_WAVELENGTH_MIN_NM = Request(b"SENS:CORR:WAV? MIN", _number)
GET_WAVELENGTH_MAX_NM = Request(b"SENS:CORR:WAV? MAX", _number)
GET_RANGE_MW = Request(b"SENS:POW:RANG?", _watt_as_mw)
GET_AUTO_RANGE = Request(b"SENS:POW:RANG:AUTO?", _flag)


def set_wavelength_nm(wavelength_nm: float) -> Request[None]:
    """Choose the calibration for light of this wavelength."""
    return _setter(b"SENS:CORR:WAV %.3f" % wavelength_nm)


def set_range_mw(range_mw: float) -> Request[None]:
    """Choose the smallest range that can measure this power; ends auto-ranging."""
    return _setter(b"SENS:POW:RANG %.6e" % (range_mw * 1e-3))


def set_auto_range(is_on: bool) -> Request[None]:  # noqa: FBT001  the value of the switch
    """Let the meter choose its range, or keep the present one."""
    return _setter(b"SENS:POW:RANG:AUTO %d" % is_on)
