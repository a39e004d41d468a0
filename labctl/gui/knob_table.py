"""The hidden parameters of one part of the simulated world, each in a row that can be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from labctl.errors import LimitError
from labctl.gui.setting_text import parse_number
from labctl.units import unit_of

__all__ = ["KnobTable"]

Index = QModelIndex | QPersistentModelIndex
_HEADS: Final = ("Parameter", "Value", "Unit", "As made")
_VALUE: Final = 1
_PLAIN: Final = (bool, int, float, str)


class _KnobModel(QAbstractTableModel):
    """Parameters of a part: present values, and what they were where they were changed.

    Attributes:
        wanted: (parameter, value) that was typed.
        refused: why what was typed is none.
    """

    wanted = Signal(str, object)
    refused = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._knobs: list[Mapping[str, Any]] = []
        self._changed: frozenset[str] = frozenset()
        self.why_not = ""

    def show(self, knobs: Sequence[Mapping[str, Any]], changed: frozenset[str]) -> None:
        """Show these parameters; those in `changed` are not as they were made."""
        is_same = [k["name"] for k in knobs] == [k["name"] for k in self._knobs]
        if not is_same:
            self.beginResetModel()
        self._knobs, self._changed = list(knobs), changed
        if not is_same:
            self.endResetModel()
        elif self._knobs:
            self.dataChanged.emit(
                self.index(0, 0), self.index(len(self._knobs) - 1, len(_HEADS) - 1)
            )

    def knob(self, row: int) -> Mapping[str, Any]:
        """Return a parameter."""
        return self._knobs[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  Qt's name and default
        """Return how many parameters there are."""
        return 0 if parent.isValid() else len(self._knobs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008  as above
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(_HEADS)

    def headerData(  # noqa: N802  Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the head of a column."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        knob = self._knobs[index.row()]
        name = knob["name"]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(knob)
        if role not in {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole}:
            return None
        return (
            name,
            _text(knob["default"]),
            _unit(name),
            "● changed" if name in self._changed else "yes",
        )[index.column()]

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that values of one number, word or switch can be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        is_plain = isinstance(self._knobs[index.row()]["default"], _PLAIN)
        if index.column() == _VALUE and is_plain and not self.why_not:
            flags |= Qt.ItemFlag.ItemIsEditable
        return flags

    def setData(  # noqa: N802  Qt's name
        self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Ask for the value that was typed; the cell shows what the world says then."""
        knob = self._knobs[index.row()]
        if role != Qt.ItemDataRole.EditRole or str(value) == _text(knob["default"]):
            return False
        try:
            self.wanted.emit(knob["name"], _parsed(str(value), knob))
        except LimitError as error:
            self.refused.emit(f"{knob['name']}: {error}")
        return False

    def _tip(self, knob: Mapping[str, Any]) -> str:
        if self.why_not:
            return self.why_not
        if not isinstance(knob["default"], _PLAIN):
            return "It has parts of its own; change it in instruments.toml"
        return f"{knob['name']} ({knob['type']}); Enter sets it from the next 10 ms on"


class KnobTable(QTableView):
    """Shows and edits them.

    Attributes:
        wanted: (parameter, value) that is to be set.
        refused: why what was typed cannot be set.
    """

    wanted = Signal(str, object)
    refused = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._model = _KnobModel(self)
        self._model.wanted.connect(self.wanted)
        self._model.refused.connect(self.refused)
        self.setModel(self._model)
        self.setAccessibleName("hidden parameters of the simulated world")
        self.verticalHeader().setVisible(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_VALUE, QHeaderView.ResizeMode.Stretch)
        self.setTabKeyNavigation(False)
        self.setMinimumHeight(120)

    def show_knobs(
        self, knobs: Sequence[Mapping[str, Any]], changed: frozenset[str], why_not: str
    ) -> None:
        """Show parameters; `why_not` says why they cannot be changed now."""
        self._model.why_not = why_not
        self._model.show(knobs, changed)

    def selected(self) -> str:
        """Return the parameter that is selected, an empty text for none."""
        index = self.currentIndex()
        return str(self._model.knob(index.row())["name"]) if index.isValid() else ""

    def set_value(self, parameter: str, text: str) -> None:
        """Set a parameter as if it had been typed into its cell."""
        for row in range(self._model.rowCount()):
            if self._model.knob(row)["name"] == parameter:
                self._model.setData(self._model.index(row, _VALUE), text)


def _unit(name: str) -> str:
    """Return the unit; a quantity per another has none that its last word names."""
    return "" if "_per_" in name else unit_of(name)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10g}"
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_text(item)}" for key, item in value.items())
    return str(value)


def _parsed(text: str, knob: Mapping[str, Any]) -> str | float | bool:
    """Return what was typed, as its parameter takes it.

    Raises:
        LimitError: it is none of the parameter.
    """
    present = knob["default"]
    if isinstance(present, bool):
        words = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
        if text.strip().lower() not in words:
            raise LimitError(f'"{text}" is neither yes nor no')
        return words[text.strip().lower()]
    if isinstance(present, (int, float)):
        return parse_number(text, _unit(knob["name"]))
    return text.strip()
