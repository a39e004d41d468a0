"""Axes of a scan: which setting goes through which values, and in which order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from labctl.device import Device, Setting, parse_text
from labctl.errors import ConfigError
from labctl.lab import find_parameter
from labctl.units import format_quantity

if TYPE_CHECKING:
    from labctl.lab import Bench

__all__ = ["Axis", "AxisValue", "check_axis", "grid", "setting_of", "typed"]

AxisValue = float | str
MAX_VALUES = 10_000
#: Digits that the values of a range have; what is behind them is rounding of binary numbers.
_DIGITS = 12
_RANGE_PARTS = 3


class Axis(BaseModel):
    """One setting and the values it takes; written `pump.power_mw 0.5:5:10` or `... 1,2,5`.

    `START:STOP:NUMBER` gives NUMBER values, both ends included. For a setting of several channels
    a value is that of every channel.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: str = Field(description="INSTRUMENT.SETTING, such as pump.power_mw.", max_length=200)
    values: tuple[AxisValue, ...] = Field(
        description="The values, or START:STOP:NUMBER.", min_length=1, max_length=MAX_VALUES
    )

    @model_validator(mode="before")
    @classmethod
    def _split(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        words = data.replace("=", " ", 1).split(maxsplit=1)
        if len(words) != 2:  # noqa: PLR2004  a setting and its values
            raise ValueError(f'"{data}" is not SETTING VALUES, such as pump.power_mw 0.5:5:10')
        return {"setting": words[0], "values": words[1]}

    @field_validator("values", mode="before")
    @classmethod
    def _parse(cls, values: Any) -> Any:
        return _values(values) if isinstance(values, str) else values

    @field_validator("values")
    @classmethod
    def _finite(cls, values: tuple[AxisValue, ...]) -> tuple[AxisValue, ...]:
        for value in values:
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{value} is no value that can be set")
        return values

    def __str__(self) -> str:
        return f"{self.setting} {','.join(format_quantity(value, '') for value in self.values)}"


def _values(text: str) -> tuple[AxisValue, ...]:
    parts = text.split(":")
    if len(parts) == 1:
        return tuple(_value(word.strip()) for word in text.split(",") if word.strip())
    if len(parts) != _RANGE_PARTS:
        raise ValueError(f'"{text}" is neither START:STOP:NUMBER nor a list such as 1,2,5')
    try:
        start, stop, number = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise ValueError(
            f'"{text}" is not START:STOP:NUMBER; NUMBER is how many values there are'
        ) from None
    if not 1 <= number <= MAX_VALUES:
        raise ValueError(f"{number} values are outside 1 to {MAX_VALUES}")
    return tuple(float(f"{value:.{_DIGITS}g}") for value in np.linspace(start, stop, number))


def _value(word: str) -> AxisValue:
    try:
        return float(word)
    except ValueError:
        return word


def grid(axes: Sequence[Axis], *, snake: bool) -> Iterator[tuple[AxisValue, ...]]:
    """Yield the values of every point, the last axis fastest.

    With `snake` every other row goes backward, so that nothing jumps from one end to the other.
    """
    if len(axes) == 1:
        yield from ((value,) for value in axes[0].values)
        return
    slow, fast = axes
    rows = (fast.values[:: -1 if snake and row % 2 else 1] for row in range(len(slow.values)))
    pairs = (((one, other) for other in row) for one, row in zip(slow.values, rows, strict=True))
    yield from chain.from_iterable(pairs)


def setting_of(bench: Bench, path: str) -> tuple[Device, Setting[Any]]:
    """Return the instrument and the setting that `path` names.

    Raises:
        ConfigError: there is no such instrument or setting, the value can only be read, or it
            lets light or bias out, which no scan may switch.
    """
    device, name = find_parameter(bench.devices, path)
    parameter = device.parameters[name]
    if not isinstance(parameter, Setting):
        raise ConfigError(f"{path} can only be read; an axis of a scan is a value that is set")
    if parameter.is_emission:
        raise ConfigError(
            f"{path} switches emission, which no scan may do",
            hint="Arm the run to have its light on, and scan another setting.",
        )
    return device, parameter


def check_axis(bench: Bench, axis: Axis) -> None:
    """Look whether every value of `axis` can be set, without touching the instrument.

    Raises:
        ConfigError: the setting cannot be scanned.
        LimitError: a value is outside the limits in force, or of the wrong type.
    """
    device, setting = setting_of(bench, axis.setting)
    limits = device.limits.get(setting.name)
    for value in axis.values:
        one = typed(setting, value, name=device.name)
        setting.check(one, name=device.name, limits=limits)


def typed(setting: Setting[Any], value: AxisValue, *, name: str) -> Any:
    """Return the value as the setting has it: of its type, a choice for a word, a list for one.

    Raises:
        LimitError: the value is none of the setting.
    """
    text = value if isinstance(value, str) else f"{value:.{_DIGITS}g}"
    return parse_text(setting, text, name=name)
