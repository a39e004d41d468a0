"""Conditions of interlock rules: `snspd.bias_ua > 12 and not pump.emission`.

A condition compares values of the bench, written `instrument.setting` or `detector.rate_hz`,
with numbers, texts in quotes, true and false, joined by `and`, `or`, `not` and parentheses. A
switch may stand alone: `pump.interlock_is_open`. A value that is a list, one number per channel,
is compared channel by channel: the comparison holds where it holds for any of them.

The text is taken apart by the grammar below; nothing of it is ever evaluated as a program.

    either     = both { "or" both }
    both       = denial { "and" denial }
    denial     = "not" denial | "(" either ")" | comparison
    comparison = operand [ ("<" | "<=" | ">" | ">=" | "==" | "!=") operand ]
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from labctl.errors import LimitError

__all__ = [
    "ORDERINGS",
    "All",
    "Comparison",
    "Condition",
    "Constant",
    "Denial",
    "Either",
    "Operand",
    "Quantity",
    "comparisons",
    "holds",
    "quantities",
]

#: Comparisons that need an order, which only numbers have.
ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    **ORDERINGS,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a text, true or false."""

    value: float | str | bool

    def __str__(self) -> str:
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return f'"{self.value}"' if isinstance(self.value, str) else f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value of the bench: `owner` is an instrument or a detector."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}.{self.name}"


Operand: TypeAlias = Constant | Quantity


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and what is said of them; a switch that stands alone is compared with true."""

    left: Operand
    sign: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Denial:
    """Holds where its part does not."""

    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Holds where all parts do."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Holds where any part does."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | Denial | All | Either


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Yield every comparison in a condition, from left to right."""
    if isinstance(condition, Comparison):
        yield condition
    elif isinstance(condition, Denial):
        yield from comparisons(condition.part)
    else:
        for part in condition.parts:
            yield from comparisons(part)


def quantities(condition: Condition) -> tuple[Quantity, ...]:
    """Return every value of the bench that a condition looks at, each once."""
    found = (
        operand
        for comparison in comparisons(condition)
        for operand in (comparison.left, comparison.right)
        if isinstance(operand, Quantity)
    )
    return tuple(dict.fromkeys(found))


def holds(condition: Condition, values: Mapping[Quantity, Any]) -> bool | None:
    """Return whether a condition holds, or None where that takes a value that is not there.

    What is there may decide alone: with `x` true, `x or y` holds without any `y`.

    Raises:
        LimitError: values that cannot be compared, or a number that is none (NaN).
    """
    if isinstance(condition, Comparison):
        return _compares(condition, values)
    if isinstance(condition, Denial):
        held = holds(condition.part, values)
        return None if held is None else not held
    # Every part is looked at, so that one that makes no sense is never hidden by another.
    parts = [holds(part, values) for part in condition.parts]
    deciding = isinstance(condition, Either)
    if deciding in parts:
        return deciding
    return None if None in parts else not deciding


def _compares(comparison: Comparison, values: Mapping[Quantity, Any]) -> bool | None:
    lefts, rights = _each(comparison.left, values), _each(comparison.right, values)
    compare = _OPERATORS[comparison.sign]
    for left in lefts:
        for right in rights:
            _refuse_unlike(comparison, left, right)
    if not (lefts and rights):
        return None
    return any(compare(left, right) for left in lefts for right in rights)


def _each(operand: Operand, values: Mapping[Quantity, Any]) -> tuple[Any, ...]:
    """Return the numbers of a list, or the one value; nothing where it is not there."""
    if isinstance(operand, Quantity) and operand not in values:
        return ()
    value = operand.value if isinstance(operand, Constant) else values[operand]
    if isinstance(value, (tuple, list)):
        if not value:
            raise LimitError(f"{operand} is an empty list")
        return tuple(value)
    return (value.value if isinstance(value, Enum) else value,)


def _refuse_unlike(comparison: Comparison, left: Any, right: Any) -> None:
    for operand, value in ((comparison.left, left), (comparison.right, right)):
        if isinstance(value, float) and math.isnan(value):
            raise LimitError(f"{operand} is not a number (NaN)")
        if not isinstance(value, (bool, int, float, str)):
            raise LimitError(f"{operand} = {value!r} cannot be compared")
    if _sort(left) is not _sort(right) or (
        comparison.sign in ORDERINGS and _sort(left) != "number"
    ):
        raise LimitError(
            f"{comparison.left} {comparison.sign} {comparison.right} compares "
            f"{left!r} with {right!r}"
        )


def _sort(value: Any) -> str:
    if isinstance(value, bool):
        return "switch"
    return "text" if isinstance(value, str) else "number"
