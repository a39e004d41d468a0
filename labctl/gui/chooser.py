"""A button that opens a searchable list to choose from; the list is no dialog and locks nothing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

__all__ = ["Chooser"]


class Chooser(QToolButton):
    """Chooses some of many names; the first chosen ones count when there are too many.

    Args:
        text: what the button says, with its mnemonic.
        what: what is chosen, as "pairs", for names and hints.
        most: so many may be chosen.
    """

    #: The names that are chosen now, in the order of the list; by the user only.
    chosen_changed = Signal(list)

    def __init__(self, text: str, what: str, most: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setAccessibleName(f"choose {what}")
        self.setToolTip(f"Choose up to {most} {what}")
        self._what, self._most = what, most
        self.popup = QFrame(self, Qt.WindowType.Popup)
        self.popup.setFrameShape(QFrame.Shape.StyledPanel)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(f"find in {what}")
        self.filter.setAccessibleName(f"find in {what}")
        self.filter.textChanged.connect(self._find)
        self.list = QListWidget()
        self.list.setAccessibleName(what)
        self.list.setUniformItemSizes(True)
        self.list.itemChanged.connect(self._take)
        self.hint = QLabel()
        self.hint.setAccessibleName(f"how many {what} are chosen")
        layout = QVBoxLayout(self.popup)
        layout.setContentsMargins(6, 6, 6, 6)
        for widget in (self.filter, self.list, self.hint):
            layout.addWidget(widget)
        self.clicked.connect(self.open_)

    def offer(self, names: Sequence[str]) -> None:
        """Offer these names; what was chosen of them stays chosen."""
        if list(names) == self.names():
            return
        chosen = set(self.chosen())
        self.list.blockSignals(True)
        self.list.clear()
        for name in names:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(_check(is_on=name in chosen))
            self.list.addItem(item)
        self.list.blockSignals(False)
        self._tell()

    def names(self) -> list[str]:
        """Return what is offered."""
        return [item.text() for item in self._items()]

    def chosen(self) -> list[str]:
        """Return what is chosen."""
        return [i.text() for i in self._items() if i.checkState() is Qt.CheckState.Checked]

    def choose(self, names: Sequence[str]) -> None:
        """Choose these without telling anybody."""
        wanted = list(names)[: self._most]
        self.list.blockSignals(True)
        for item in self._items():
            item.setCheckState(_check(is_on=item.text() in wanted))
        self.list.blockSignals(False)
        self._tell()

    def open_(self) -> None:
        """Show the list under the button."""
        self.popup.adjustSize()
        self.popup.resize(max(self.popup.width(), 260), 340)
        place = self.mapToGlobal(QPoint(0, self.height()))
        if (screen := self.screen()) is not None:
            free = screen.availableGeometry()
            place.setX(max(free.left(), min(place.x(), free.right() - self.popup.width())))
            place.setY(max(free.top(), min(place.y(), free.bottom() - self.popup.height())))
        self.popup.move(place)
        self.popup.show()
        self.filter.setFocus()

    def _items(self) -> list[QListWidgetItem]:
        return [self.list.item(row) for row in range(self.list.count())]

    def _find(self, text: str) -> None:
        words = text.lower().split()
        for item in self._items():
            name = item.text().lower()
            item.setHidden(not all(word in name for word in words))

    def _take(self, item: QListWidgetItem) -> None:
        chosen = self.chosen()
        if len(chosen) > self._most:
            self.list.blockSignals(True)
            item.setCheckState(Qt.CheckState.Unchecked)
            self.list.blockSignals(False)
            self.hint.setText(f"no more than {self._most}: take one away first")
            return
        self._tell()
        self.chosen_changed.emit(chosen)

    def _tell(self) -> None:
        self.hint.setText(f"{len(self.chosen())} of up to {self._most} chosen")


def _check(*, is_on: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked
