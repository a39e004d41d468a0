"""The commands of the VOA-1, without I/O; invented, in the manner of SCPI-99.

Commands and replies are lines ended by LF. `ATT?` answers the attenuation in decibel with two
decimals; `ATT <decibel>` is silent, and what was wrong with it is in the queue `SYST:ERR?`,
which is read in the same transaction.
"""

from __future__ import annotations

import math

from labctl.device import Request
from labctl.errors import InstrumentError
from labctl.transport import Link, WireOptions

__all__ = ["GET_ATTENUATION_DB", "GET_IDENTITY", "MAX_DB", "WIRE", "set_attenuation_db"]

WIRE = WireOptions(baud_rate=9600, write_termination=b"\n", read_termination=b"\n", timeout_s=1.0)
MAX_DB = 60.0


def _decibel(reply: bytes) -> float:
    value = float(reply)
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _identity(reply: bytes) -> tuple[str, str, str, str]:
    maker, model, serial, firmware = reply.decode("ascii").split(",")
    if model != "VOA-1":
        raise ValueError("not a VOA-1")
    return maker, model, serial, firmware


def _no_error(reply: bytes) -> None:
    code, comma, text = reply.decode("ascii").partition(",")
    if not comma:
        raise ValueError("expected an error's number and text")
    if int(code):
        raise InstrumentError(f"the attenuator refuses: {code} {text}")


def _next_error(link: Link) -> bytes:
    return link.query(b"SYST:ERR?")


GET_IDENTITY = Request(b"*IDN?", _identity)
GET_ATTENUATION_DB = Request(b"ATT?", _decibel)


def set_attenuation_db(attenuation_db: float) -> Request[None]:
    """Put this much loss into the beam."""
    return Request(b"ATT %.2f" % attenuation_db, _no_error, _next_error)
