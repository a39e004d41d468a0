"""The form of an experiment's parameters, made from their JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.parameter_row import ParameterRow
from labctl.gui.parameter_schema import fields_of
from labctl.gui.theme import Theme

__all__ = ["ParameterForm"]


class ParameterForm(QWidget):
    """One row per parameter, in as many columns as there is room for.

    Attributes:
        changed: a value was typed or chosen.
        hinted: what the parameter means whose editor got the focus.
        rows: the rows by the names of their parameters.
    """

    changed = Signal()
    hinted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.rows: dict[str, ParameterRow] = {}
        self._schema: Mapping[str, Any] = {}
        self._flow = FlowLayout(self, spacing_px=8, is_even=True)
        theme.changed.connect(self._themed)

    def show_schema(self, schema: Mapping[str, Any]) -> None:
        """Show the parameters of a schema with their defaults."""
        self._schema = schema
        while (item := self._flow.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        fields = fields_of(schema)
        metrics = self.fontMetrics()
        label_px = max((metrics.horizontalAdvance(f.title) for f in fields), default=0) + 4
        self.rows = {field.name: ParameterRow(field, self._theme, label_px) for field in fields}
        for row in self.rows.values():
            row.changed.connect(self.changed)
            row.hinted.connect(self.hinted)
            self._flow.addWidget(row)
            row.show()
        self.updateGeometry()
        self.changed.emit()

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

    def _themed(self) -> None:
        """Measure the labels anew: the font may have changed."""
        kept = self.kept_values()
        self.show_schema(self._schema)
        self.set_values(kept)
