"""The requests and commands of the WebSQ, without I/O.

The client sends JSON objects to TCP port 12000, one after the other without terminator; the
instrument's messages end with the byte 0x17. Commands are not answered, but the new value of
their label is told to all clients. TCP port 12345 sends the counts, see `counts.py`. Facts: the
manufacturer's public client (QCoDeS_contrib_drivers, drivers/SingleQuantum/SingleQuantum.py,
commit edcb5ea) and its later editions elsewhere, from which the range of the bias
(±90.9 µA) and the shortest measurement period (10 ms) are known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drivers.single_quantum_websq.answer import Answer
from drivers.single_quantum_websq.messages import END
from labctl.device import Request
from labctl.errors import ReplyTimeoutError
from labctl.transport import Link, WireOptions

__all__ = [
    "COUNTS_PORT",
    "COUNTS_WIRE",
    "GET_AUTO_BIAS_RUNNING",
    "GET_BIAS_UA",
    "GET_BIAS_VOLTAGE_MV",
    "GET_DETECTORS_ENABLED",
    "GET_DETECTOR_COUNT",
    "GET_FOUND_BIAS_UA",
    "GET_MEASUREMENT_PERIOD_MS",
    "GET_TRIGGER_LEVEL_MV",
    "MAX_BIAS_UA",
    "MIN_PERIOD_MS",
    "WIRE",
    "reading",
    "set_auto_bias_dark_counts",
    "set_auto_bias_running",
    "set_bias_ua",
    "set_detectors_enabled",
    "set_measurement_period_ms",
    "set_trigger_level_mv",
]

WIRE = WireOptions(write_termination=b"", read_termination=END, timeout_s=2.0)
COUNTS_PORT = 12345
COUNTS_WIRE = WireOptions(write_termination=b"", read_termination=b"\n", timeout_s=2.0)

#: Bound of the bias sources, either sign (client of the Atlas driver, iv_scan_setup).
MAX_BIAS_UA = 90.9
#: "the minimum value can be 10 ms" (client of the Atlas driver, set_measurement_periode).
MIN_PERIOD_MS = 10.0

#: An instrument with more labels, or that never stops talking, is none we know.
_MAX_MESSAGES = 10_000

T = TypeVar("T")


def reading(label: str, convert: Callable[[Any], T], *, is_measured: bool = False) -> Request[T]:
    """Return the request for the present value of `label`.

    `convert` raises ValueError for what the label cannot be. A measured label has a request of
    its own; the others are settings, which the list of all labels tells.
    """
    lists = {"request": "labelProps", "value": "None"}
    command = _json(lists) * 2 + (_json({"request": label}) if is_measured else b"")

    def receive(link: Link) -> bytes:
        answer = Answer(label, is_measured=is_measured)
        frames: list[bytes] = []
        while not answer.is_complete:
            if len(frames) == _MAX_MESSAGES:
                raise ValueError(f"it does not end within {_MAX_MESSAGES} messages")
            try:
                frames.append(link.read_line())
            except ReplyTimeoutError:
                # What it reported is why it does not answer.
                answer.raise_fault()
                raise
            answer.take(frames[-1])
        return END.join(frames)

    def parse(reply: bytes) -> T:
        answer = Answer(label, is_measured=is_measured)
        for frame in reply.split(END):
            answer.take(frame)
        return convert(answer.value())

    return Request(command, parse, receive)


def _json(item: dict[str, Any]) -> bytes:
    return json.dumps(item, allow_nan=False).encode()


def _command(name: str, label: str, value: Any) -> Request[None]:
    return Request(_json({"command": name, "label": label, "value": value}), None)


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a list of numbers, one per detector, got {value!r}")
    return tuple(_number(item) for item in value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected a number, got {value!r}")  # noqa: TRY004  the wire's value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {value!r}")
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")  # noqa: TRY004  see above
    return value


def _detector_count(value: Any) -> int:
    count = _number(value)
    if count < 1 or not count.is_integer():
        raise ValueError(f"expected the number of detectors, got {value!r}")
    return int(count)


GET_DETECTOR_COUNT = reading("NumberOfDetectors", _detector_count)
GET_BIAS_UA = reading("BiasCurrent", _numbers)
GET_TRIGGER_LEVEL_MV = reading("TriggerLevel", _numbers)
GET_DETECTORS_ENABLED = reading("DetectorEnable", _flag)
GET_MEASUREMENT_PERIOD_MS = reading("InptMeasurementPeriod", _number)
GET_BIAS_VOLTAGE_MV = reading("BiasVoltage", _numbers, is_measured=True)
GET_AUTO_BIAS_RUNNING = reading("StartAutoIV", _flag, is_measured=True)
GET_FOUND_BIAS_UA = reading("BiasCurrentAutoIV", _numbers)


def set_bias_ua(bias_ua: Sequence[float]) -> Request[None]:
    """Set the bias currents of all detectors at once."""
    return _command("SetAllBiasCurrents", "BiasCurrent", list(bias_ua))


def set_trigger_level_mv(level_mv: Sequence[float]) -> Request[None]:
    """Set the levels that a pulse must cross to be counted."""
    return _command("SetAllTriggerLevels", "TriggerLevel", list(level_mv))


def set_detectors_enabled(is_on: bool) -> Request[None]:  # noqa: FBT001  the value of the switch
    """Switch the bias sources of all detectors on or off; their set-points stay."""
    return _command("DetectorEnable", "DetectorEnable", is_on)


def set_measurement_period_ms(period_ms: float) -> Request[None]:
    """Set how long each line of counts counts; the client sends whole milliseconds as such."""
    value = int(period_ms) if float(period_ms).is_integer() else period_ms
    return _command("SetMeasurementPeriod", "InptMeasurementPeriod", value)


def set_auto_bias_dark_counts(dark_counts: Sequence[float]) -> Request[None]:
    """Set the dark counts at which the search for the bias ends."""
    return _command("DarkCountsAutoIV", "DarkCountsAutoIV", list(dark_counts))


def set_auto_bias_running(is_on: bool) -> Request[None]:  # noqa: FBT001  the value of the switch
    """Start or end the search for the bias; the client sends no label with this command."""
    return Request(_json({"command": "AutoCaliBiasCurrents", "value": is_on}), None)
