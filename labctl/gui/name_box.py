"""A list of names to choose from that can be searched by typing any part of one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QSizePolicy

__all__ = ["NameBox"]

_CHARACTERS = 16


class NameBox(QComboBox):
    """Chooses one of many names; what is no name is not taken.

    Attributes:
        chosen: the name that was chosen, by the user only.
    """

    chosen = Signal(str)

    def __init__(self, what: str) -> None:
        super().__init__()
        self.setAccessibleName(what)
        self.setToolTip(f"{what[:1].upper()}{what[1:]}; type a part of its name to find it")
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setMinimumContentsLength(_CHARACTERS)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        completer = self.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        line = self.lineEdit()
        if line is not None:
            line.setAccessibleName(what)
            line.setPlaceholderText(what)
            line.editingFinished.connect(self._settle)
        self.activated.connect(lambda index: self._take(self.itemText(index)))
        self._name = ""

    def offer(self, names: Sequence[str], preferred: str = "") -> None:
        """Offer these names; what is chosen stays, else `preferred` or the first is."""
        present = [self.itemText(row) for row in range(self.count())]
        if present == list(names):
            return
        with QSignalBlocker(self):
            self.clear()
            self.addItems(list(names))
        wanted = next((n for n in (self._name, preferred, *names) if n in names), "")
        self.choose(wanted)

    def name(self) -> str:
        """Return what is chosen, an empty text for nothing."""
        return self._name

    def choose(self, name: str) -> None:
        """Choose a name without telling anybody."""
        self._name = name
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findText(name))
            self.setEditText(name)

    def _settle(self) -> None:
        """Take what was typed if it is a name, or show again what is chosen."""
        text = self.currentText()
        if text == self._name:
            return
        if self.findText(text) >= 0:
            self._take(text)
        else:
            self.choose(self._name)

    def _take(self, name: str) -> None:
        if name != self._name:
            self.choose(name)
            self.chosen.emit(name)
