"""What a scan has taken so far: which settings were turned, and every quantity on their grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.gui.experiments.base import numeric_columns
from labctl.gui.experiments.columns import is_sigma, measured_first
from labctl.gui.experiments.drawing import column
from labctl.storage.table import sigma_name

__all__ = ["Quantity", "Scan", "axes_of", "scan_of"]

_MAX_AXES: Final = 2


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of every point, with its uncertainty; nan where there is none."""

    name: str
    values: NDArray[np.float64]
    sigmas: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scan:
    """The axes, where each point is on them, and what was found there.

    Attributes:
        axes: names of the settings; the last is the fast one.
        levels: the values of each axis in order; words stay in the order in which they came.
        places: index into `levels` of every point, per axis.
    """

    axes: tuple[str, ...]
    levels: tuple[tuple[Any, ...], ...]
    places: tuple[NDArray[np.int64], ...]
    quantities: dict[str, Quantity]

    def positions(self, axis: int) -> NDArray[np.float64]:
        """Return where each point is on an axis: its value, or its place where it is a word."""
        levels = self.levels[axis]
        if all(isinstance(level, (int, float)) for level in levels):
            return np.array([float(levels[place]) for place in self.places[axis]])
        return self.places[axis].astype(np.float64)

    def image(self, quantity: Quantity) -> NDArray[np.float64]:
        """Return the quantity on the grid [fast, slow], the mean where a point comes twice."""
        slow, fast = self.places
        shape = (len(self.levels[1]), len(self.levels[0]))
        sums, counts = np.zeros(shape), np.zeros(shape)
        there = np.isfinite(quantity.values)
        np.add.at(sums, (fast[there], slow[there]), quantity.values[there])
        np.add.at(counts, (fast[there], slow[there]), 1)
        found: NDArray[np.float64] = np.full(shape, np.nan)
        np.divide(sums, counts, out=found, where=counts > 0)
        return found


def axes_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the settings that a scan turns: they stand first in its points, as NAME.SETTING."""
    names = [name for name in row if name not in {"number", "total"}]
    leading = []
    for name in names[:_MAX_AXES]:
        if "." not in name:
            break
        leading.append(name)
    return tuple(leading)


def scan_of(rows: Sequence[Mapping[str, Any]], result: Mapping[str, Any] | None) -> Scan | None:
    """Return the scan as its result tells it, or its points while it goes on; None without any."""
    if result is not None and result.get("points"):
        axes = tuple(str(axis["setting"]) for axis in result["axes"])
        points = [tuple(point) for point in result["points"]]
        quantities = dict(_of_result(one) for one in result["quantities"])
        return _scan(axes, points, quantities)
    if not rows or not (axes := axes_of(rows[0])):
        return None
    points = [tuple(row.get(axis) for axis in axes) for row in rows]
    numbers = numeric_columns(rows)
    names = measured_first([n for n in numbers if n not in axes and not is_sigma(n)])
    quantities = {
        name: Quantity(name, column(rows, name), column(rows, sigma_name(name))) for name in names
    }
    return _scan(axes, points, quantities)


def _scan(
    axes: tuple[str, ...], points: Sequence[tuple[Any, ...]], quantities: dict[str, Quantity]
) -> Scan:
    levels, places = [], []
    for number in range(len(axes)):
        values = [point[number] for point in points]
        ordered = list(dict.fromkeys(values))
        if all(isinstance(value, (int, float)) for value in ordered):
            ordered.sort()
        at = {value: place for place, value in enumerate(ordered)}
        levels.append(tuple(ordered))
        places.append(np.array([at[value] for value in values], dtype=np.int64))
    return Scan(axes, tuple(levels), tuple(places), quantities)


def _of_result(one: Mapping[str, Any]) -> tuple[str, Quantity]:
    name = f"{one['of']} {one['quantity']}".strip()
    estimates = [estimate or {} for estimate in one["estimates"]]
    return name, Quantity(name, column(estimates, "value"), column(estimates, "sigma"))
