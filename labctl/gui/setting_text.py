"""Settings in words: labels, values, limits, steps, and what scripts call them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any, Final

from labctl.errors import LimitError
from labctl.units import format_quantity, unit_of

__all__ = [
    "command_line",
    "label_of",
    "limits_text",
    "parse_number",
    "read_at",
    "script_line",
    "state_word",
    "step_of",
    "value_text",
]

#: Wider limits say nothing about how far one step should go.
_WIDE: Final = 1e4
_STEPS_PER_RANGE: Final = 200
_STATE_WORDS: Final = {"stale": "stale", "held": "held", "error": "✖ error"}


def label_of(setting: str) -> str:
    """Return the name as people read it: `trigger_level_mv` is "Trigger level"."""
    stem = setting.rpartition("_")[0] if unit_of(setting) else setting
    words = stem.replace("_", " ")
    return words[:1].upper() + words[1:]


def value_text(value: Any, unit: str) -> str:
    """Return a value with its unit; flags as yes or no, nothing as "no value"."""
    if value is None:
        return "no value"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_quantity(value, unit)


def state_word(entry: Mapping[str, Any] | None, *, is_connected: bool) -> str:
    """Return how far a read-back can be trusted, "fresh" if entirely."""
    if not entry:
        return "not read yet"
    if entry["state"] == "error":
        return _STATE_WORDS["error"]
    if not is_connected:
        return "old"
    return _STATE_WORDS.get(entry["state"], str(entry["state"]))


def read_at(entry: Mapping[str, Any] | None) -> str:
    """Return when a value was read, by the clock on the wall."""
    if not entry or not entry.get("utc_ns"):
        return "never read"
    return time.strftime("read at %H:%M:%S", time.localtime(entry["utc_ns"] / 1e9))


def limits_text(described: Mapping[str, Any]) -> str:
    """Return what is allowed, an empty text where everything is."""
    if described["choices"] is not None:
        return " or ".join(format_quantity(choice, "") for choice in described["choices"])
    if described["limits"] is None:
        return ""
    low, high = described["limits"]
    return f"{low:g} to {format_quantity(float(high), described['unit'])}"


def parse_number(text: str, unit: str) -> float:
    """Return the number that an operator typed, with or without its unit.

    Raises:
        LimitError: it is none, or carries another unit.
    """
    stripped = text.strip().replace("−", "-")
    if unit and stripped.endswith(unit):
        stripped = stripped.removesuffix(unit).strip()
    if "," in stripped:
        raise LimitError(f'"{text}" has a comma; write decimals with a point, as in 1.5')
    try:
        number = int(stripped) if stripped.lstrip("+-").isdigit() else float(stripped)
    except ValueError:
        wanted = f"a number in {unit}" if unit else "a number"
        raise LimitError(f'"{text}" is not {wanted}') from None
    if not math.isfinite(number):
        raise LimitError(f'"{text}" is not a finite number')
    return number


def step_of(limits: tuple[float, float] | None, value: float | None) -> float:
    """Return how far one step goes: 1, 2 or 5 times a power of ten.

    It is a two hundredth of the limits, or less; where these are very wide, a tenth of the
    value's own power of ten.
    """
    span = math.inf if limits is None else limits[1] - limits[0]
    if span > _WIDE:
        size = abs(value) if value else 1.0
        return float(10.0 ** (math.floor(math.log10(size)) - 1))
    if span <= 0:
        return 1.0
    most = span / _STEPS_PER_RANGE * 1.0001
    decade = 10.0 ** math.floor(math.log10(most))
    return float(max(digit for digit in (1, 2, 5) if digit * decade <= most) * decade)


def script_line(path: str, value: Any, described: Mapping[str, Any]) -> str:
    """Return the line of a Python script that does what the row does."""
    if not described["is_settable"]:
        return f'lab.get("{path}")'
    arm = ", arm=True" if described["is_emission"] and value else ""
    return f'lab.set("{path}", {value!r}{arm})'


def command_line(path: str, value: Any, described: Mapping[str, Any]) -> str:
    """Return the shell command that does what the row does."""
    if not described["is_settable"]:
        return f"labctl get {path}"
    if isinstance(value, (list, tuple)):
        text = ",".join(f"{number:.10g}" for number in value)
    elif isinstance(value, bool):
        text = "on" if value else "off"
    else:
        text = str(value)
    if text.startswith("-"):
        # Without it the shell command would take the value for an option.
        text = f"-- {text}"
    elif any(letter.isspace() for letter in text):
        text = f"'{text}'"
    arm = " --arm" if described["is_emission"] and value else ""
    return f"labctl set{arm} {path} {text}"
