"""The form of an experiment's parameters, made from their JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.parameter_row import ParameterRow
from labctl.gui.parameter_schema import fields_of
from labctl.gui.theme import Theme

__all__ = ["ParameterForm"]

#: Kinds whose editors are short.
_MAIN_KINDS: Final = frozenset({"number", "integer", "choice"})


class ParameterForm(QWidget):
    """One row per parameter, in as many columns as there is room for.

    The first few that are numbers or choices can have a line of their own, `main`, elsewhere.

    Attributes:
        remade: other parameters are shown now.
        main: the line.
        changed: a value was typed or chosen.
        hinted: what the parameter means whose editor got the focus.
        rows: the rows by the names of their parameters.
    """

    changed = Signal()
    hinted = Signal(str)
    remade = Signal()

    def __init__(self, theme: Theme, *, most_in_main: int = 0) -> None:
        super().__init__()
        self._theme = theme
        self._most_in_main = most_in_main
        self.main = QWidget(self)
        self.main.hide()
        self._line = QHBoxLayout(self.main)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._line.setSpacing(8)
        self.rows: dict[str, ParameterRow] = {}
        self._flow = FlowLayout(self, spacing_px=8, is_even=True)
        theme.changed.connect(self._fit)

    def show_schema(self, schema: Mapping[str, Any]) -> None:
        """Show the parameters of a schema with their defaults."""
        for row in self.rows.values():
            row.hide()
            row.deleteLater()
        while self._flow.takeAt(0) is not None or self._line.takeAt(0) is not None:
            pass
        fields = fields_of(schema)
        in_main = [f.name for f in fields if f.kind in _MAIN_KINDS][: self._most_in_main]
        self.rows = {
            field.name: ParameterRow(field, self._theme, is_short=field.name in in_main)
            for field in fields
        }
        for name, row in self.rows.items():
            row.changed.connect(self.changed)
            row.hinted.connect(self.hinted)
            (self._line if name in in_main else self._flow).addWidget(row)
            row.show()
        self._fit()
        self.main.setVisible(bool(in_main))
        self.remade.emit()
        self.changed.emit()

    def main_rows(self) -> list[ParameterRow]:
        """Return the rows that stand in the line `main`."""
        return [row for row in self.rows.values() if row.parent() is self.main]

    def values(self) -> dict[str, Any]:
        """Return the value of every parameter.

        Raises:
            ValueError: what was typed is none of a parameter.
        """
        return {name: row.value() for name, row in self.rows.items()}

    def chosen_values(self) -> dict[str, Any]:
        """Return the values that are not the defaults.

        Raises:
            ValueError: what was typed is none of a parameter.
        """
        return {
            name: value
            for name, value in self.values().items()
            if self.rows[name].field.is_required or value != self.rows[name].field.default
        }

    def kept_values(self) -> dict[str, Any]:
        """Return the values that are sound, to be shown again."""
        return {name: row.value() for name, row in self.rows.items() if not row.problem()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show values; parameters that are not named stay, names that are unknown are left out."""
        for name, value in values.items():
            if name in self.rows:
                self.rows[name].set_value(value)
        self.changed.emit()

    def restore_defaults(self) -> None:
        """Show the defaults."""
        self.set_values({name: row.field.default for name, row in self.rows.items()})

    def problem(self) -> str:
        """Return the first thing that is wrong, an empty text where nothing is."""
        for row in self.rows.values():
            if problem := row.problem():
                return f"{row.field.title}: {problem}"
        return ""

    def _fit(self) -> None:
        """Measure the labels: the font may have changed."""
        short = self.main_rows()
        metrics = self.fontMetrics()
        rows = [row for row in self.rows.values() if row not in short]
        label_px = max((metrics.horizontalAdvance(r.field.title) for r in rows), default=0) + 4
        for row in self.rows.values():
            row.fit(0 if row in short else label_px)
            row.show_problem(row.problem())
        self.updateGeometry()
