"""A run's points as the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.storage.plain import to_json_text
from labctl.storage.reader import RunFile

__all__ = ["point_columns"]

_FIRST = ("number", "total", "utc_ns")


def point_columns(run: RunFile) -> dict[str, list[Any]]:
    """Return the points' values by name, None where a point lacks one.

    A mapping gives a column per entry (`counts.1-2`), a list becomes JSON text: tables hold
    plain values only.
    """
    rows = [_flat(point) for point in run.points()]
    names = dict.fromkeys((*_FIRST, *(name for row in rows for name in row)))
    return {name: [row.get(name) for row in rows] for name in names}


def _flat(point: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in point.items():
        if isinstance(value, Mapping):
            row |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            row[f"{prefix}{name}"] = to_json_text(value)
        else:
            row[f"{prefix}{name}"] = value
    return row
