"""The commands of the S-Fifteen TDC1, without I/O.

Commands are ASCII, ended by CR LF or `;`, replies end with CR LF; setters are silent.
Facts: the public client pyS15 (S15lib/instruments/usb_counter_fpga.py, commit ba5faee) by
the manufacturer.
"""

from __future__ import annotations

import math
import re
from enum import Enum

from labctl.device import Request
from labctl.transport import WireOptions

__all__ = [
    "ABORT",
    "ENTER_TIMESTAMP_MODE",
    "GET_CLOCK_SOURCE",
    "GET_EXTERNAL_CLOCK",
    "GET_IDENTITY",
    "GET_MODE",
    "GET_THRESHOLD_V",
    "START_STREAM",
    "WIRE",
    "ClockSource",
    "Mode",
    "set_clock_source",
    "set_threshold_v",
]

#: The port is a USB virtual one; its baud rate has no effect.
WIRE = WireOptions(
    baud_rate=115_200, write_termination=b"\r\n", read_termination=b"\r\n", timeout_s=1.0
)

_VOLT = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*V?\s*", re.ASCII | re.IGNORECASE)


class Mode(Enum):
    """What the counter does with clicks (`mode?`)."""

    SINGLES = "singles"
    PAIRS = "pairs"
    TIMESTAMP = "timestamp"


class ClockSource(Enum):
    """Where the time base comes from (`REFCLK`)."""

    AUTOMATIC = "automatic"
    EXTERNAL = "external"
    INTERNAL = "internal"


_MODES = {0: Mode.SINGLES, 1: Mode.PAIRS, 3: Mode.TIMESTAMP}
_SOURCES = dict(enumerate(ClockSource))


def _identity(reply: bytes) -> str:
    text = reply.decode("ascii").strip()
    if "TDC1" not in text:
        raise ValueError("expected an identification that contains TDC1")
    return text


def _mode(reply: bytes) -> Mode:
    code = int(reply)
    if code not in _MODES:
        raise ValueError(f"expected one of {sorted(_MODES)}")
    return _MODES[code]


def _clock_source(reply: bytes) -> ClockSource:
    code = int(reply)
    if code not in _SOURCES:
        raise ValueError(f"expected one of {sorted(_SOURCES)}")
    return _SOURCES[code]


def _threshold(reply: bytes) -> float:
    match = _VOLT.fullmatch(reply.decode("ascii"))
    if match is None:
        raise ValueError("expected a voltage")
    threshold_v = float(match[1])
    if not math.isfinite(threshold_v):
        raise ValueError("expected a voltage")
    return threshold_v


def _is_present(reply: bytes) -> bool:
    return int(reply) != 0


GET_IDENTITY = Request(b"*IDN?", _identity)
GET_MODE = Request(b"mode?", _mode)
GET_THRESHOLD_V = Request(b"level?", _threshold)
GET_CLOCK_SOURCE = Request(b"REFCLK?", _clock_source)
GET_EXTERNAL_CLOCK = Request(b"ECLOCK?", _is_present)
ENTER_TIMESTAMP_MODE: Request[None] = Request(b"timestamp", None)
#: An acquisition time of 0 streams until `abort`; `counts?` in timestamp mode starts.
START_STREAM: Request[None] = Request(b"INPKT;time 0;counts?", None)
ABORT: Request[None] = Request(b"abort", None)


def set_threshold_v(threshold_v: float) -> Request[None]:
    """Set the voltage that a pulse must cross; its sign chooses the polarity."""
    polarity = b"NEG" if threshold_v < 0 else b"POS"
    return Request(b"%s %.3f" % (polarity, threshold_v), None)


def set_clock_source(source: ClockSource) -> Request[None]:
    """Choose the time base."""
    return Request(b"REFCLK %d" % list(ClockSource).index(source), None)
