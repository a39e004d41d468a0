"""What a simulated WebSQ understands: JSON objects cut from a stream, labels, commands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

__all__ = ["COMMANDS", "PROPERTIES", "RefusedError", "cut_objects", "flag"]

_MAX_PENDING = 1 << 20
_MAX_BIAS_UA = 90.9
_MAX_LEVEL_MV = 1000.0
_MIN_PERIOD_MS, _MAX_PERIOD_MS = 10, 60_000
_MAX_DARK_COUNTS = 1e6

#: What `labelProps` says about each label besides its value.
PROPERTIES: dict[str, dict[str, Any]] = {
    "NumberOfDetectors": {"bounds": [1, 24], "unit": ""},
    "BiasCurrent": {"bounds": [-_MAX_BIAS_UA, _MAX_BIAS_UA], "unit": "uA"},
    "TriggerLevel": {"bounds": [-_MAX_LEVEL_MV, _MAX_LEVEL_MV], "unit": "mV"},
    "DetectorEnable": {"bounds": [False, True], "unit": ""},
    "InptMeasurementPeriod": {"bounds": [_MIN_PERIOD_MS, _MAX_PERIOD_MS], "unit": "ms"},
    "BiasVoltage": {"bounds": [], "unit": "mV"},
    "DarkCountsAutoIV": {"bounds": [0, _MAX_DARK_COUNTS], "unit": "Hz"},
    "StartAutoIV": {"bounds": [False, True], "unit": ""},
    "BiasCurrentAutoIV": {"bounds": [-_MAX_BIAS_UA, _MAX_BIAS_UA], "unit": "uA"},
}


class RefusedError(Exception):
    """A command is not carried out; says why."""


def cut_objects(text: str) -> tuple[list[str], str]:
    """Return the complete JSON objects in `text` and the beginning of the next.

    What stands between objects is passed over, as is an object that never ends.
    """
    objects: list[str] = []
    start = depth = 0
    is_string = is_escaped = False
    for position, character in enumerate(text):
        if is_string:
            is_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_string = depth > 0
        elif character == "{":
            start = start if depth else position
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if not depth:
                objects.append(text[start : position + 1])
    rest = text[start:] if depth else ""
    return objects, rest if len(rest) <= _MAX_PENDING else ""


def flag(value: Any) -> bool:
    """Return a switch's position.

    Raises:
        RefusedError: it is not true or false.
    """
    if not isinstance(value, bool):
        raise RefusedError("true or false is expected")
    return value


def _number(value: Any, low: float, high: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and low <= value <= high):
        raise RefusedError(f"a number from {low:g} to {high:g} is expected")
    number: float = value
    return number


def _numbers(low: float, high: float) -> Callable[[Any, int], list[float]]:
    def check(value: Any, count: int) -> list[float]:
        if not isinstance(value, list) or len(value) != count:
            raise RefusedError(f"{count} values are expected")
        return [_number(item, low, high) for item in value]

    return check


#: Command -> the label it sets, and what makes its value one for that many detectors.
COMMANDS: dict[str, tuple[str, Callable[[Any, int], Any]]] = {
    "SetAllBiasCurrents": ("BiasCurrent", _numbers(-_MAX_BIAS_UA, _MAX_BIAS_UA)),
    "SetAllTriggerLevels": ("TriggerLevel", _numbers(-_MAX_LEVEL_MV, _MAX_LEVEL_MV)),
    "DetectorEnable": ("DetectorEnable", lambda value, _: flag(value)),
    "SetMeasurementPeriod": (
        "InptMeasurementPeriod",
        lambda value, _: _number(value, _MIN_PERIOD_MS, _MAX_PERIOD_MS),
    ),
    "DarkCountsAutoIV": ("DarkCountsAutoIV", _numbers(0.0, _MAX_DARK_COUNTS)),
}
