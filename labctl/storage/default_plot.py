"""Which columns of a table a viewer should draw against which. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from labctl.storage.table import Column, Table, suffix_of

__all__ = ["DefaultPlot", "default_plot", "scans"]

#: Columns that say when or how long, not what was measured.
_BOOKKEEPING: Final = frozenset(("number", "total", "utc_ns", "live_s", "row"))
#: What plans turn, move or set from point to point; the last word of a name.
_SCANNED: Final = frozenset(("deg", "rad", "mm", "nm", "mw", "dbm", "v", "mv", "ma", "k", "degc"))


@dataclass(frozen=True, slots=True)
class DefaultPlot:
    """Columns to draw: one signal, others of its unit beside it, and what they are drawn over."""

    axis: str
    signal: str
    others: tuple[str, ...] = ()


def default_plot(table: Table, number: str) -> DefaultPlot | None:
    """Return what to draw of the table; None when it has no numbers to draw.

    The axis is the first setting that grows from row to row, else `number`. The signal is the
    first coincidence rate or count (`alice-bob`), else the first number that is no setting.
    """
    settings = [name for name, column in table.numeric.items() if _is_setting(name, column)]
    sigmas = {table.sigma_of(name) for name in table.numeric}
    measured = [
        name
        for name in table.numeric
        if name not in _BOOKKEEPING and name not in sigmas and name not in settings
    ]
    if not measured:
        return None
    axis = next((name for name in settings if _grows(table.numeric[name])), number)
    signal = next((name for name in measured if "-" in name), measured[0])
    is_pair = "-" in signal
    others = tuple(
        name
        for name in measured
        if name != signal and suffix_of(name) == suffix_of(signal) and ("-" in name) == is_pair
    )
    return DefaultPlot(axis, signal, others)


def scans(table: Table) -> dict[str, Table]:
    """Return the scans that the rows consist of, by the word that tells them apart.

    Empty unless a setting grows from row to row in each of them, and not over all rows.
    """
    settings = [name for name, column in table.numeric.items() if _is_setting(name, column)]
    if any(_grows(table.numeric[name]) for name in settings):
        return {}
    words = [name for name in table.columns if name not in table.numeric]
    for word in words:
        groups = table.groups(word)
        for name in settings:
            if all(_grows(group.columns[name]) for group in groups.values()):
                return groups
    return {}


def _is_setting(name: str, column: Column) -> bool:
    return suffix_of(name) in _SCANNED and column.dtype.kind in "if"


def _grows(column: Column) -> bool:
    return column.size > 1 and bool(np.all(np.diff(column) > 0))
