"""The serial commands of the Cobolt 06-01 series, without I/O.

Commands and replies are lines of ASCII ended by CR LF, at 115200 baud. Powers travel in
watt. A command that is accepted is answered `OK`; one that is unknown or not allowed is
answered `Syntax error: ...`. Facts: the manufacturer's command list (operator's manual,
"Serial communication"), the public clients qmi 0.54 (cobolt/laser_06_01.py) and pylablib
1.4 (Hubner/Cobolt.py), which agree on every command used here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from labctl.device import Request
from labctl.errors import InstrumentError
from labctl.transport import WireOptions

__all__ = [
    "CLEAR_FAULT",
    "ENTER_CONSTANT_POWER",
    "FORCE_OFF",
    "GET_AUTOSTART",
    "GET_DRIVE_CURRENT_MA",
    "GET_EMISSION",
    "GET_FAULT",
    "GET_HOURS",
    "GET_INTERLOCK_OPEN",
    "GET_KEY_ON",
    "GET_MODE",
    "GET_OUTPUT_MW",
    "GET_POWER_MW",
    "GET_SERIAL",
    "GET_TEMPERATURE_DEGC",
    "OFF",
    "WIRE",
    "Fault",
    "Mode",
    "set_autostart",
    "set_emission",
    "set_power_mw",
]

WIRE = WireOptions(
    baud_rate=115_200, write_termination=b"\r\n", read_termination=b"\r\n", timeout_s=2.0
)

T = TypeVar("T")


class Mode(Enum):
    """What the controller is doing (`gom?`)."""

    OFF = "off"
    WAITING_FOR_KEY = "waiting for key"
    CONTINUOUS = "continuous"
    ON_OFF_MODULATION = "on/off modulation"
    MODULATION = "modulation"
    FAULT = "fault"
    ABORTED = "aborted"


class Fault(Enum):
    """Why the controller stopped (`f?`)."""

    NONE = "none"
    TEMPERATURE = "temperature error"
    INTERLOCK = "interlock error"
    CONSTANT_POWER_TIMEOUT = "constant power timeout"


_MODES = dict(enumerate(Mode))
_FAULTS = {
    0: Fault.NONE,
    1: Fault.TEMPERATURE,
    3: Fault.INTERLOCK,
    4: Fault.CONSTANT_POWER_TIMEOUT,
}


def _text(reply: bytes) -> str:
    text = reply.decode("ascii", errors="strict").strip()
    if text.lower().startswith("syntax error"):
        raise InstrumentError(f'the laser refuses the command: "{text}"')
    return text


def _number(reply: bytes) -> float:
    value = float(_text(reply))
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _watt_as_mw(reply: bytes) -> float:
    power_mw = _number(reply) * 1e3
    if not math.isfinite(power_mw):
        raise ValueError("not a power")
    return power_mw


def _flag(reply: bytes) -> bool:
    text = _text(reply)
    if text not in {"0", "1"}:
        raise ValueError("expected 0 or 1")
    return text == "1"


def _coded(codes: dict[int, T]) -> Callable[[bytes], T]:
    def parse(reply: bytes) -> T:
        code = int(_text(reply))
        if code not in codes:
            raise ValueError(f"expected one of {sorted(codes)}")
        return codes[code]

    return parse


def _acknowledged(reply: bytes) -> None:
    if _text(reply) != "OK":
        raise ValueError("expected OK")


def _serial(reply: bytes) -> str:
    text = _text(reply)
    if not text:
        raise ValueError("expected a serial number")
    return text


GET_SERIAL = Request(b"gsn?", _serial)
GET_EMISSION = Request(b"l?", _flag)
GET_POWER_MW = Request(b"p?", _watt_as_mw)
GET_OUTPUT_MW = Request(b"pa?", _watt_as_mw)
GET_DRIVE_CURRENT_MA = Request(b"i?", _number)
GET_INTERLOCK_OPEN = Request(b"ilk?", _flag)
GET_KEY_ON = Request(b"@cobasks?", _flag)
GET_AUTOSTART = Request(b"@cobas?", _flag)
GET_MODE = Request(b"gom?", _coded(_MODES))
GET_FAULT = Request(b"f?", _coded(_FAULTS))
GET_HOURS = Request(b"hrs?", _number)
GET_TEMPERATURE_DEGC = Request(b"rbpt?", _number)

OFF = Request(b"l0", _acknowledged)
FORCE_OFF = Request(b"@cob0", _acknowledged)
CLEAR_FAULT = Request(b"cf", _acknowledged)
ENTER_CONSTANT_POWER = Request(b"cp", _acknowledged)


def set_power_mw(power_mw: float) -> Request[None]:
    """Set the output power held in constant-power mode."""
    return Request(b"p %.6f" % (power_mw * 1e-3), _acknowledged)


def set_emission(is_on: bool) -> Request[None]:  # noqa: FBT001  the value of the switch
    """Switch the light on or off; with autostart enabled the laser refuses `l1`."""
    return Request(b"l1", _acknowledged) if is_on else OFF


def set_autostart(is_on: bool) -> Request[None]:  # noqa: FBT001  the value of the switch
    """Choose whether the laser starts by itself when the key is turned."""
    return Request(b"@cobas %d" % is_on, _acknowledged)
