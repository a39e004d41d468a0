"""Prints what a run found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labctl.cli.output import note, print_table
from labctl.units import format_uncertain, unit_of

if TYPE_CHECKING:
    from labctl.runs import RunOutcome

__all__ = ["outcome_dict", "print_result", "print_rows"]

#: From so many quantities on, each has its own line ...
_MANY = 4
#: ... with so many things beside each other.
_PER_LINE = 4


def outcome_dict(outcome: RunOutcome) -> dict[str, Any]:
    """Return how a run ended as JSON carries it."""
    return {
        "status": outcome.status,
        "reason": outcome.reason,
        "uid": outcome.uid,
        "path": str(outcome.path) if outcome.path else None,
        "result": outcome.result.to_dict() if outcome.result is not None else None,
        "warnings": list(outcome.warnings),
    }


def print_result(result: Any, warnings: tuple[str, ...]) -> None:
    """Print a plan's result as a table, and its warnings."""
    if result is not None:
        print_rows(result.rows())
    for warning in warnings:
        note(f"warning: {warning}")


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print rows of (of, quantity, value, sigma), things that have the same quantities together.

    Few quantities are columns; many are lines, with a column per thing.
    """
    by_thing: dict[str, dict[str, str]] = {}
    for row in rows:
        by_thing.setdefault(str(row["of"]), {})[str(row["quantity"])] = _cell(row)
    groups: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}
    for thing, cells in by_thing.items():
        groups.setdefault(tuple(cells), {})[thing] = cells
    for quantities, things in groups.items():
        if len(quantities) < _MANY:
            columns = ["", *(f"{_heading(quantity)} " for quantity in quantities)]
            print_table(columns, [[thing, *cells.values()] for thing, cells in things.items()])
            continue
        names = list(things)
        for first in range(0, len(names), _PER_LINE):
            shown = names[first : first + _PER_LINE]
            lines = [
                [_heading(quantity), *(things[name][quantity] for name in shown)]
                for quantity in quantities
            ]
            print_table(["", *(f"{name} " for name in shown)], lines)


def _cell(row: Mapping[str, Any]) -> str:
    value, sigma = row["value"], row["sigma"]
    if value is None or sigma is None:
        return "—"
    return format_uncertain(float(value), float(sigma))


def _heading(quantity: str) -> str:
    unit = unit_of(quantity)
    words = quantity.rpartition("_")[0] if unit else quantity
    return f"{words.replace('_', ' ')} ({unit})" if unit else words.replace("_", " ")
