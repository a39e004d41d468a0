"""What a scan found: the main numbers of its experiment at every point of the grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from labctl.runs.scan_axes import Axis, AxisValue
from labctl.units import unit_of

__all__ = ["ScanResult", "rows_of"]

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The results of a scan.

    Attributes:
        axes: the settings that were turned; the last is the fast one.
        experiment: what was done at every point.
        taken: values of the axes and rows (of, quantity, value, sigma) of every point, in the
            order in which they were taken.
    """

    axes: tuple[Axis, ...]
    experiment: str
    taken: tuple[tuple[tuple[AxisValue, ...], Rows], ...]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON carries it.

        `quantities` has, per thing and quantity, `estimates` in the order of `points`; a point
        without a number has None.
        """
        return {
            "experiment": self.experiment,
            "axes": [
                {
                    "setting": axis.setting,
                    "unit": unit_of(axis.setting),
                    "values": list(axis.values),
                }
                for axis in self.axes
            ],
            "points": [list(values) for values, _ in self.taken],
            "quantities": self._quantities(),
            "warnings": list(self.warnings),
        }

    def rows(self) -> Rows:
        """Return the rows of every point, with a column per axis in front."""
        names = [axis.setting for axis in self.axes]
        return [
            {**dict(zip(names, values, strict=True)), **row}
            for values, rows in self.taken
            for row in rows
        ]

    def _quantities(self) -> list[dict[str, Any]]:
        found: dict[tuple[str, str], list[dict[str, float | None] | None]] = {}
        for index, (_, rows) in enumerate(self.taken):
            for row in rows:
                key = (str(row.get("of", "")), str(row.get("quantity", "")))
                estimates = found.setdefault(key, [None] * len(self.taken))
                estimates[index] = {
                    "value": _finite(row.get("value")),
                    "sigma": _finite(row.get("sigma")),
                }
        return [
            {"of": of, "quantity": quantity, "estimates": estimates}
            for (of, quantity), estimates in found.items()
        ]


def rows_of(result: Any, experiment: str, last_point: Mapping[str, Any]) -> Rows:
    """Return the rows of a result; of an experiment without one, the numbers of its last point."""
    if result is not None:
        return [dict(row) for row in result.rows()]
    return [
        {"of": experiment, "quantity": name, "value": value, "sigma": None}
        for name, value in last_point.items()
        if _is_number(value)
    ]


def _finite(value: Any) -> float | None:
    """Return a number that JSON has."""
    if not _is_number(value):
        return None
    return float(value) if math.isfinite(value) else None


def _is_number(value: Any) -> bool:
    # bool is an int in Python, and no number of a table.
    return isinstance(value, Real) and not isinstance(value, bool)
