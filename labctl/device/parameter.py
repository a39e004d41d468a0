"""Settings and readings: one declarative line each, from which everything else follows.

From `power_mw = Setting(GET_POWER, set_power, unit="mW", limits=(0, 20), doc="...")` come
the value's static type, the limit check before any byte is sent, the snapshot in the run
file, get and set on the command line, the check of instruments.toml and the contract tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from numbers import Integral, Rational, Real
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from labctl.device.request import Request
from labctl.errors import LimitError, nearest
from labctl.units import format_quantity, unit_of

if TYPE_CHECKING:
    from labctl.device.device import Device

__all__ = ["Guard", "Limits", "Reading", "Setting", "parse_text"]

T = TypeVar("T")
Limits = tuple[float, float]
#: Looks at the instrument before (guard) or after (confirm) a value is sent; raises to object.
Guard = Callable[["Device", Any], None]


class Reading(Generic[T]):
    """A value that the instrument reports and nobody sets."""

    is_settable = False

    def __init__(self, get: Request[T], *, unit: str = "", doc: str) -> None:
        self.get_request = get
        self.unit = unit
        self.doc = doc
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        if self.unit != unit_of(name):
            raise TypeError(
                f"{owner.__name__}.{name} is declared in {self.unit or 'no unit'}, "
                f"its name says {unit_of(name) or 'no unit'}"
            )

    @overload
    def __get__(self, instance: None, owner: type) -> Reading[T]: ...
    @overload
    def __get__(self, instance: Device, owner: type) -> T: ...
    def __get__(self, instance: Device | None, owner: type) -> Reading[T] | T:
        if instance is None:
            return self
        return instance.execute(self.get_request)

    def __set__(self, instance: Device, value: object) -> None:
        raise LimitError(
            f"{instance.name}.{self.name} = {value} is refused: the value can only be read",
            device=instance.name,
        )


class Setting(Generic[T]):
    """A value that can be read and set.

    Attributes:
        unit: symbol of the unit; the suffix of the setting's name must say the same.
        limits: lowest and highest value that the instrument's manual allows.
        is_array: True for a tuple of numbers, one per channel; the limits hold for each.
        choices: allowed values where they are a list.
        guard: called before a value is sent; refuses it by raising InterlockError.
        apply: brings the value about where one request is not enough, such as a ramp; without
            it `set_request` is performed.
        confirm: called after a value was sent; raises when the instrument did not follow.
        is_emission: True for the switch that lets light or bias out: setting it to True needs
            an explicit act of the operator everywhere.
    """

    is_settable = True

    def __init__(  # noqa: PLR0913  a declaration names all its facts
        self,
        get: Request[T],
        set_: Callable[[T], Request[None]],
        *,
        unit: str = "",
        limits: Limits | None = None,
        is_array: bool = False,
        choices: tuple[T, ...] | None = None,
        guard: Guard | None = None,
        apply: Guard | None = None,
        confirm: Guard | None = None,
        is_emission: bool = False,
        doc: str,
    ) -> None:
        self.get_request = get
        self.set_request = set_
        self.unit = unit
        self.limits = limits
        self.is_array = is_array
        self.choices = choices
        self.guard = guard
        self.apply = apply
        self.confirm = confirm
        self.is_emission = is_emission
        self.doc = doc
        self.name = ""
        self.is_number = limits is not None

    __set_name__ = Reading.__set_name__

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Device, owner: type) -> T: ...
    def __get__(self, instance: Device | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        return instance.execute(self.get_request)

    def __set__(self, instance: Device, value: T) -> None:
        value = self.check(value, name=instance.name, limits=instance.limits.get(self.name))
        instance.link.refuse_while_streaming(f"{instance.name}.{self.name}", "set")
        if self.guard is not None:
            self.guard(instance, value)
        if self.apply is not None:
            self.apply(instance, value)
        else:
            instance.execute(self.set_request(value))
        if self.confirm is not None:
            self.confirm(instance, value)
        instance.changed(self.name, value, self.unit)

    def check(self, value: T, *, name: str, limits: Limits | None = None) -> T:
        """Return `value` as it will be sent; a list of numbers becomes a tuple.

        `limits` narrows the driver's own.

        Raises:
            LimitError: wrong type, not a number, outside the limits or not among the choices.
        """
        if self.is_array:
            return self._check_array(value, name, limits or self.limits)
        if self.limits is not None:
            self._check_number(value, f"{name}.{self.name}", name, limits or self.limits)
            return cast("T", _plain_number(value))
        if self.choices is not None and value not in self.choices:
            words = [_word(choice) for choice in self.choices]
            raise LimitError(
                f'{name}.{self.name} = "{value}" is not one of {", ".join(words)}'
                f"{nearest(str(value), words)}",
                device=name,
            )
        return value

    def _check_array(self, value: Any, name: str, limits: Limits | None) -> T:
        if not isinstance(value, (list, tuple)) or not value:
            raise LimitError(
                f"{name}.{self.name} = {value!r} is not a list of numbers, one per channel",
                device=name,
            )
        for channel, number in enumerate(value, 1):
            self._check_number(
                number,
                f"{name}.{self.name} of channel {channel}",
                name,
                limits or (-math.inf, math.inf),
            )
        return cast("T", tuple(float(number) for number in value))

    def _check_number(self, value: Any, what: str, name: str, limits: Limits) -> None:
        low, high = limits
        if not _is_number(value):
            raise LimitError(
                f"{what} = {value!r} is not a number; allowed are "
                f"{low:g} to {format_quantity(float(high), self.unit)}",
                device=name,
            )
        if not low <= value <= high:
            where = "" if limits == self.limits else f" (narrowed by [instruments.{name}.limits])"
            raise LimitError(
                f"{what} = {format_quantity(value, self.unit)} is outside "
                f"{low:g} to {format_quantity(float(high), self.unit)}{where}",
                device=name,
            )


def _is_number(value: Any) -> bool:
    """Return whether `value` is a real number of any type (numpy's too) and not NaN."""
    # bool is an int in Python, but "power_mw = true" is a slip.
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return isinstance(value, Rational) or not math.isnan(value)


def _plain_number(value: Any) -> float:
    """Return a number of any type as Python's own int or float."""
    return int(value) if isinstance(value, Integral) else float(value)


def _word(choice: Any) -> str:
    """Return `choice` as an operator types it."""
    return format_quantity(choice.value if isinstance(choice, Enum) else choice, "")


def parse_text(setting: Setting[Any], text: str, *, name: str) -> Any:
    """Return the value that `text`, typed by an operator, gives `setting`.

    Raises:
        LimitError: the text is not a value of the setting's type.
    """
    if setting.is_array:
        try:
            return tuple(float(number) for number in text.strip(" []()").split(","))
        except ValueError:
            raise LimitError(
                f'{name}.{setting.name} = "{text}" is not a list of numbers such as 10,10,12.5',
                device=name,
            ) from None
    if setting.is_number:
        try:
            return int(text) if text.lstrip("+-").isdigit() else float(text)
        except ValueError:
            raise LimitError(
                f'{name}.{setting.name} = "{text}" is not a number', device=name
            ) from None
    if setting.choices and isinstance(setting.choices[0], bool):
        words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
        if text.lower() not in words:
            raise LimitError(f'{name}.{setting.name} = "{text}" is neither on nor off', device=name)
        return words[text.lower()]
    for choice in setting.choices or ():
        if text == str(choice.value if isinstance(choice, Enum) else choice):
            return choice
    return text
