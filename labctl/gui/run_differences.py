"""What differs between two runs, or between the start and the end of one, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from labctl.gui.run_facts import RunFacts, Value, result_values

__all__ = ["NAMES", "SAME", "differs", "result_rows", "text_rows"]

#: What the two runs of a comparison are called.
NAMES: Final = ("A", "B")
SAME: Final = "= same"
_ABSENT: Final = "—"
#: Numbers that are further apart than so many standard deviations differ.
_SIGNIFICANT: Final = 3.0


def text_rows(
    a: Mapping[str, str], b: Mapping[str, str], names: tuple[str, str] = NAMES
) -> list[list[str]]:
    """Return name, what is to be said of the two texts, and both, for everything in either."""
    return [
        [name, _word(a.get(name), b.get(name), names), a.get(name, _ABSENT), b.get(name, _ABSENT)]
        for name in dict.fromkeys((*a, *b))
    ]


def result_rows(a: RunFacts, b: RunFacts) -> list[list[str]]:
    """Return what it is, how far the two values are apart, and both, for every number."""
    of_a, of_b = result_values(a), result_values(b)
    rows = []
    for key in dict.fromkeys((*of_a, *of_b)):
        one, other = of_a.get(key), of_b.get(key)
        texts = [_ABSENT if value is None else str(value) for value in (one, other)]
        rows.append(["  ".join(key), _apart(one, other), *texts])
    return rows


def differs(row: list[str]) -> bool:
    """Return whether a row of either kind is about a difference."""
    return not row[1].startswith(("=", "≈"))


def _word(one: str | None, other: str | None, names: tuple[str, str]) -> str:
    if one is None:
        return f"▷ only {names[1]}"
    if other is None:
        return f"◁ only {names[0]}"
    return SAME if one == other else "≠ differs"


def _apart(one: Value | None, other: Value | None) -> str:
    if one is None or other is None:
        texts = [None if value is None else str(value) for value in (one, other)]
        return _word(texts[0], texts[1], NAMES)
    if one.value is None or other.value is None:
        return SAME if one.value == other.value else "≠ differs"
    difference = other.value - one.value
    sigma = math.hypot(one.sigma or 0.0, other.sigma or 0.0)
    if difference == 0.0:
        return SAME
    if sigma == 0.0 or not math.isfinite(sigma):
        return "≠ differs (uncertainty unknown)"
    sigmas = difference / sigma
    symbol = "≠" if abs(sigmas) > _SIGNIFICANT else "≈"
    return f"{symbol} {sigmas:+.1f} σ"
