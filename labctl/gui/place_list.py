"""Places of the simulated laboratory to choose from, with a line to find one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

__all__ = ["PlaceList"]

_SCROLL_BAR_PX: Final = 28


class PlaceList(QWidget):
    """Lists places; one of them is selected.

    Attributes:
        selected: the place that was selected.
    """

    selected = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.find_line = QLineEdit()
        self.find_line.setPlaceholderText("find a place")
        self.find_line.setAccessibleName("find a place")
        self.find_line.textChanged.connect(self._find)
        self.list = QListWidget()
        self.list.setAccessibleName("places where something can go wrong")
        self.list.currentItemChanged.connect(lambda *_: self.selected.emit(self.place))
        label = QLabel("Pla&ces")
        label.setBuddy(self.list)
        self.setFocusProxy(self.list)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(label)
        layout.addWidget(self.find_line)
        layout.addWidget(self.list)

    @property
    def place(self) -> str:
        """The place that is selected, an empty text for none."""
        row = self.list.currentRow()
        return self.list.item(row).text() if row >= 0 else ""

    def names(self) -> list[str]:
        """Return what is listed."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    def offer(self, names: Sequence[str]) -> None:
        """List these places; the one that was selected stays so, else the first is."""
        if self.names() == list(names):
            return
        chosen = self.place
        self.list.blockSignals(True)
        self.list.clear()
        for name in names:
            self.list.addItem(QListWidgetItem(name))
        self.list.blockSignals(False)
        self.updateGeometry()
        self.select(chosen if chosen in names else next(iter(names), ""))
        self._find(self.find_line.text())

    def select(self, place: str) -> None:
        """Select a place."""
        for item in self.list.findItems(place, Qt.MatchFlag.MatchExactly):
            self.list.setCurrentItem(item)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Need room for the longest name."""
        hint = super().minimumSizeHint()
        names_px = self.list.sizeHintForColumn(0) + _SCROLL_BAR_PX
        return QSize(max(hint.width(), names_px), hint.height())

    def _find(self, text: str) -> None:
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(text.strip().lower() not in item.text().lower())
