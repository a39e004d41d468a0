"""`set pump.power_mw 5`, typed: what it means, what is missing, and what fits so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from labctl.errors import LimitError
from labctl.gui.fuzzy import fuzzy_score
from labctl.units import format_quantity

__all__ = ["SetLine", "fitting_settings", "parse_set", "parse_value"]

_ON: Final = frozenset({"on", "true", "yes", "1"})
_OFF: Final = frozenset({"off", "false", "no", "0"})

Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SetLine:
    """A line that begins with `set`; `value` is empty where it was not typed yet."""

    path: str
    value: str


def parse_set(line: str) -> SetLine | None:
    """Return what a line sets; None where it sets nothing."""
    words = line.strip().replace("=", " ", 1).split(maxsplit=2)
    if not words or words[0].lower() != "set":
        return None
    return SetLine(words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else "")  # noqa: PLR2004  set, path, value


def parse_value(path: str, described: Mapping[str, Any], text: str) -> Any:
    """Return the typed value as the setting takes it.

    Raises:
        LimitError: it cannot be set, is of the wrong type, outside its limits or no choice, or
            would switch emission on.
    """
    if not described["is_settable"]:
        raise LimitError(f"{path} can only be read")
    kind, unit = described["type"], described["unit"]
    if kind == "switch":
        is_on = _switched(path, text)
        if is_on and described["is_emission"]:
            raise LimitError(
                f"{path} switches emission on, which takes arming",
                hint="Use the instrument's own switch; off can be typed.",
            )
        return is_on
    if kind == "choice":
        choices = [str(choice) for choice in described["choices"]]
        if text not in choices:
            raise LimitError(f"{path} is one of {', '.join(choices)}, not {text}")
        return described["choices"][choices.index(text)]
    if kind == "text":
        return text
    values = [_number(path, word, unit) for word in text.replace(",", " ").split()]
    for value in values:
        _check_limits(path, value, described)
    if kind == "numbers":
        return values
    if len(values) != 1:
        raise LimitError(f"{path} takes one number, not {len(values)}")
    return values[0]


def fitting_settings(typed: str, settings: Settings) -> Sequence[str]:
    """Return the settings that can be set and fit what was typed, the best first."""
    scored = [
        (score, path)
        for path, described in settings.items()
        if described["is_settable"] and (score := fuzzy_score(typed, path)) is not None
    ]
    return [path for _, path in sorted(scored, key=lambda one: (-one[0], one[1]))]


def _switched(path: str, text: str) -> bool:
    word = text.lower()
    if word not in _ON | _OFF:
        raise LimitError(f"{path} is on or off, not {text}")
    return word in _ON


def _number(path: str, word: str, unit: str) -> float:
    text = word.removesuffix(unit) if unit else word
    try:
        value = float(text)
    except ValueError:
        raise LimitError(f'"{word}" is no number; {path} takes one{_in(unit)}') from None
    if not math.isfinite(value):
        raise LimitError(f"{path} takes a finite number{_in(unit)}")
    return value


def _in(unit: str) -> str:
    return f" in {unit}" if unit else ""


def _check_limits(path: str, value: float, described: Mapping[str, Any]) -> None:
    limits, unit = described["limits"], described["unit"]
    if limits is not None and not limits[0] <= value <= limits[1]:
        low, high = (format_quantity(float(limit), unit) for limit in limits)
        raise LimitError(f"{path} = {format_quantity(value, unit)} is outside {low} to {high}")
