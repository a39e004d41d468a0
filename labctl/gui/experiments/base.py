"""What a panel of an experiment is, and how the one of an experiment is found."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Final, TypeAlias

from PySide6.QtWidgets import QWidget

from labctl.gui.theme import Theme

__all__ = [
    "MAX_ROWS",
    "Cells",
    "ExperimentPanel",
    "Row",
    "find_panels",
    "finite",
    "numeric_columns",
]

_GROUP: Final = "labctl.panels"
#: The newest rows that are drawn; the run file has them all.
MAX_ROWS: Final = 1000
#: Columns that every point has, which say where it is and not what was measured.
_PLACE: Final = ("number", "total")

Row: TypeAlias = Mapping[str, Any]
Cells: TypeAlias = list[list[Any]]


class ExperimentPanel(QWidget):
    """Draws a run of one experiment from its points, its live values and at last its result.

    Lives in the window's thread. Subclasses write `draw`, which is called when points or the
    result have come, `draw_now`, which is called up to 20 times a second, `dress` and `table`.

    Attributes:
        rows: the newest points, oldest first: `number`, `total` and what the plan gave.
        run: the newest status of the run, as `RunStatus.to_dict` gives it; empty before.
        result: what the plan returned, as the run file keeps it; None before the end.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.rows: list[Row] = []
        self.run: Mapping[str, Any] = {}
        self.result: Mapping[str, Any] | None = None
        theme.changed.connect(self._style_anew)

    def take_points(self, rows: Sequence[Row], is_new_run: bool) -> None:  # noqa: FBT001
        """Draw these points behind the ones there are; those of a new run replace them."""
        kept = [] if is_new_run else self.rows
        self.rows = [*kept, *rows][-MAX_ROWS:]
        if is_new_run:
            self.run, self.result = {}, None
        self.draw()

    def take_status(self, run: Mapping[str, Any]) -> None:
        """Draw what the run shows now."""
        self.run = run
        self.draw_now()

    def take_result(self, result: Mapping[str, Any] | None) -> None:
        """Draw what the run has found; None where it ended without a result."""
        self.result = result
        self.draw()

    @property
    def live(self) -> Mapping[str, Any]:
        """What the plan shows of the point under way; empty between points and after the end."""
        is_live = self.run.get("state") in {"running", "paused"}
        return self.run.get("live") or {} if is_live else {}

    def _style_anew(self) -> None:
        self.dress()
        self.draw()

    @abstractmethod
    def dress(self) -> None:
        """Take the colors and the font of the theme."""

    @abstractmethod
    def draw(self) -> None:
        """Show everything: `rows`, `live` and `result`."""

    @abstractmethod
    def draw_now(self) -> None:
        """Show what changes between points: `live` and the text of `run`."""

    @abstractmethod
    def table(self) -> tuple[list[str], Cells]:
        """Return names of columns and rows of what is shown, for a file."""


def find_panels() -> dict[str, type[ExperimentPanel]]:
    """Return the panel of every experiment that has one; one that cannot be loaded is left out."""
    found = {}
    for point in entry_points(group=_GROUP):
        try:
            found[point.name] = point.load()
        except (ImportError, AttributeError):
            # The experiment is shown by the panel that any experiment has.
            continue
    return found


def finite(value: Any) -> float:
    """Return a number of a point, nan where it has none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value)


def numeric_columns(rows: Sequence[Row]) -> list[str]:
    """Return the columns that hold a number in some row, in order, without number and total."""
    found: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            if name not in _PLACE and math.isfinite(finite(value)):
                found[name] = None
    return list(found)
