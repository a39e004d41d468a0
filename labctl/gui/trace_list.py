"""The legend of a plot as a list: which traces are shown, and the value of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.theme import Theme

__all__ = ["TraceList"]

_SAMPLE: QSize = QSize(26, 12)
#: The longest value, and what names, and all around both, may take.
_LONGEST = "5 000 000 ± 2 200"
_NAMES_PX, _FRAME_PX = 240, 24


class TraceList(QWidget):
    """Names with a sample of their line, a check box each, and a column of values."""

    #: Names of the traces that are shown now.
    chosen_changed = Signal(list)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._items: dict[str, QTreeWidgetItem] = {}
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("traces")
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setColumnCount(2)
        self.tree.setIconSize(_SAMPLE)
        self.tree.header().setSectionsMovable(False)
        self.tree.header().setStretchLastSection(True)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.itemChanged.connect(self._take)
        self.all_button = QPushButton("All")
        self.none_button = QPushButton("None")
        for button, name, is_on in (
            (self.all_button, "show all traces", True),
            (self.none_button, "show no trace", False),
        ):
            button.setAccessibleName(name)
            button.clicked.connect(lambda _=False, is_on=is_on: self._choose_all(is_on=is_on))
        buttons = QHBoxLayout()
        buttons.addWidget(self.all_button)
        buttons.addWidget(self.none_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.tree, 1)
        layout.addLayout(buttons)
        theme.changed.connect(self._paint_samples)
        theme.changed.connect(self._claim_width)
        self.head("now")

    def offer(self, names: Sequence[str]) -> None:
        """List these names, all shown."""
        self.tree.blockSignals(True)
        self.tree.clear()
        self._items = {}
        for name in names:
            item = QTreeWidgetItem([name, ""])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(0, Qt.CheckState.Checked)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.tree.addTopLevelItem(item)
            self._items[name] = item
        self.tree.blockSignals(False)
        self._paint_samples()
        self._claim_width()

    def chosen(self) -> list[str]:
        """Return the names of the traces that are shown."""
        return [n for n, i in self._items.items() if i.checkState(0) is Qt.CheckState.Checked]

    def choose(self, names: Sequence[str]) -> None:
        """Show these traces."""
        self.tree.blockSignals(True)
        for name, item in self._items.items():
            item.setCheckState(
                0, Qt.CheckState.Checked if name in names else Qt.CheckState.Unchecked
            )
        self.tree.blockSignals(False)
        self.chosen_changed.emit(self.chosen())

    def head(self, when: str) -> None:
        """Say of when the values are."""
        text = f"{when} (/s)"
        if self.tree.headerItem().text(1) != text:
            self.tree.setHeaderLabels(["Detector", text])

    def show_values(self, texts: Mapping[str, str]) -> None:
        """Write a value beside each name; rows that cannot be seen are left for later."""
        viewport = self.tree.viewport().rect()
        self.tree.blockSignals(True)
        for name, text in texts.items():
            item = self._items.get(name)
            if item is None or item.text(1) == text:
                continue
            if self.tree.visualItemRect(item).intersects(viewport):
                item.setText(1, text)
        self.tree.blockSignals(False)
        self.tree.viewport().update()

    def values(self) -> dict[str, str]:
        """Return what is written beside the names."""
        return {name: item.text(1) for name, item in self._items.items()}

    def _claim_width(self) -> None:
        """Cut no value, unless names are long: then the list can be drawn wider."""
        names_px = self.tree.sizeHintForColumn(0)
        values_px = self.tree.fontMetrics().horizontalAdvance(_LONGEST)
        self.setMinimumWidth(min(names_px, _NAMES_PX) + values_px + _FRAME_PX)

    def _choose_all(self, *, is_on: bool) -> None:
        self.choose(list(self._items) if is_on else [])

    def _take(self, _: QTreeWidgetItem, column: int) -> None:
        if column == 0:
            self.chosen_changed.emit(self.chosen())

    def _paint_samples(self) -> None:
        self.tree.blockSignals(True)
        for number, item in enumerate(self._items.values()):
            picture = QPixmap(_SAMPLE)
            picture.fill(Qt.GlobalColor.transparent)
            pen = self._theme.pen(number)
            pen.setWidth(2)
            painter = QPainter(picture)
            painter.setPen(pen)
            painter.drawLine(0, _SAMPLE.height() // 2, _SAMPLE.width(), _SAMPLE.height() // 2)
            painter.end()
            item.setIcon(0, QIcon(picture))
        self.tree.blockSignals(False)
