"""What is wrong now in the simulated laboratory, each with a way to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

__all__ = ["StandingList"]

_HEADS: Final = ("Where", "What is wrong", "How", "Since (simulated time)", "Mended by")
_RECONNECT: Final = "reconnecting the instrument"

Fault = Mapping[str, Any]


class StandingList(QWidget):
    """Lists faults that still stand; mends the selected one, or all.

    Attributes:
        mending_wanted: list of the faults that are to be mended.
    """

    mending_wanted = Signal(list)

    def __init__(self) -> None:
        super().__init__()
        self._faults: list[Fault] = []
        self._why_not = ""
        self.table = QTableWidget(0, len(_HEADS))
        self.table.setAccessibleName("what is wrong now")
        self.table.setHorizontalHeaderLabels(list(_HEADS))
        self.table.verticalHeader().setVisible(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.setMinimumHeight(90)
        self.words = QLabel()
        self.words.setAccessibleName("how much is wrong now")
        self.mend_button = QPushButton("&Mend selected")
        self.all_button = QPushButton("Mend &everything")
        for button, name in (
            (self.mend_button, "mend the selected fault"),
            (self.all_button, "mend everything"),
        ):
            button.setAccessibleName(name)
        self.mend_button.clicked.connect(self._mend_selected)
        self.all_button.clicked.connect(lambda: self.mending_wanted.emit(self._faults[::-1]))
        self.table.itemSelectionChanged.connect(lambda: self.allow(self._why_not))
        line = QHBoxLayout()
        line.addWidget(self.words, 1)
        line.addWidget(self.mend_button)
        line.addWidget(self.all_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self.table)

    def show_faults(self, faults: Sequence[Fault]) -> None:
        """Show these; rows that stay as they are keep the selection."""
        if list(faults) != self._faults:
            self._faults = list(faults)
            self.table.setRowCount(len(self._faults))
            for row, fault in enumerate(self._faults):
                for column, text in enumerate(_cells(fault)):
                    item = QTableWidgetItem(text)
                    item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
                    self.table.setItem(row, column, item)
        count = len(self._faults)
        self.words.setText("✔ Nothing is wrong" if not count else f"▲ {count} wrong now")
        self.allow(self._why_not)

    def faults(self) -> list[tuple[str, str]]:
        """Return where something is wrong, and what."""
        return [(fault["name"], fault["kind"]) for fault in self._faults]

    def allow(self, why_not: str) -> None:
        """Allow mending, or say why it cannot be done now."""
        self._why_not = why_not
        nothing = "" if self._faults else "nothing is wrong"
        none = "" if self.table.selectedItems() else "select a row first"
        for button, reason in (
            (self.mend_button, why_not or nothing or none),
            (self.all_button, why_not or nothing),
        ):
            button.setEnabled(not reason)
            button.setToolTip(reason)

    def _mend_selected(self) -> None:
        rows = sorted({item.row() for item in self.table.selectedItems()}, reverse=True)
        self.mending_wanted.emit([self._faults[row] for row in rows])


def _cells(fault: Fault) -> tuple[str, ...]:
    how = ", ".join(f"{key} = {value}" for key, value in fault["arguments"].items())
    mending = ", ".join(f"{key} = {value}" for key, value in fault["mending"].items())
    mended_by = f"{fault['mended_by']} {mending}".strip() or _RECONNECT
    return fault["name"], fault["kind"], how, f"{fault['time_ps'] * 1e-12:.1f} s", mended_by
