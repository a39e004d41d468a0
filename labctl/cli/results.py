"""Prints what a run found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labctl.cli.output import note, print_table
from labctl.units import format_quantity, format_uncertain, unit_of

if TYPE_CHECKING:
    from labctl.runs import RunOutcome

__all__ = ["outcome_dict", "print_result", "print_rows"]

#: From so many quantities on, each has its own line ...
_MANY = 4
#: ... with so many things beside each other.
_PER_LINE = 4
#: What a row of a result has; whatever else it has is an axis.
_COLUMNS = ("of", "quantity", "value", "sigma")


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

    Few quantities are columns; many are lines, with a column per thing. Where rows have further
    columns, which are the axes of a scan, each quantity is a table with a line per point.
    """
    if axes := [name for name in (rows[0] if rows else ()) if name not in _COLUMNS]:
        _print_scan(rows, axes)
        return
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


def _print_scan(rows: list[dict[str, Any]], axes: list[str]) -> None:
    tables: dict[str, dict[tuple[str, ...], dict[str, str]]] = {}
    for row in rows:
        point = tuple(format_quantity(row[axis], "") for axis in axes)
        table = tables.setdefault(str(row["quantity"]), {})
        table.setdefault(point, {})[str(row["of"])] = _cell(row)
    for quantity, points in tables.items():
        names = list(dict.fromkeys(name for cells in points.values() for name in cells))
        for first in range(0, len(names), _PER_LINE):
            shown = names[first : first + _PER_LINE]
            print_table(
                [*(f"{_unit_behind(axis)} " for axis in axes), *(f"{name} " for name in shown)],
                [
                    [*point, *(cells.get(name, "—") for name in shown)]
                    for point, cells in points.items()
                ],
                title=_heading(quantity),
            )


def _unit_behind(axis: str) -> str:
    unit = unit_of(axis)
    return f"{axis.rpartition('_')[0]} ({unit})" if unit else axis


def _cell(row: Mapping[str, Any]) -> str:
    value, sigma = row["value"], row["sigma"]
    if value is None:
        return "—"
    if sigma is None:
        return format_quantity(value, "")
    return format_uncertain(float(value), float(sigma))


def _heading(quantity: str) -> str:
    unit = unit_of(quantity)
    words = quantity.rpartition("_")[0] if unit else quantity
    return f"{words.replace('_', ' ')} ({unit})" if unit else words.replace("_", " ")
