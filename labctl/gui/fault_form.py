"""What can go wrong at one place: choose it, say how, let it happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labctl.errors import LimitError
from labctl.gui.notice import Notice
from labctl.gui.setting_text import label_of, parse_number
from labctl.gui.theme import Theme
from labctl.units import unit_of

__all__ = ["FaultForm"]

#: What has a place of its own in the window, or only puts back what went wrong.
_ELSEWHERE: Final = frozenset({"change", "restore"})


class FaultForm(QWidget):
    """One fault with its arguments.

    Attributes:
        wanted: (kind, arguments) of a fault that is to happen.
    """

    wanted = Signal(str, dict)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._kinds: dict[str, Mapping[str, Any]] = {}
        self._editors: dict[str, QLineEdit | QCheckBox] = {}
        self._why_not = ""
        self.kind = QComboBox()
        self.kind.setAccessibleName("what goes wrong")
        self.kind.currentIndexChanged.connect(lambda _: self._make_editors())
        self.doc = QLabel()
        self.doc.setWordWrap(True)
        self.doc.setAccessibleName("what happens then")
        self.notice = Notice(theme, "what is wrong with the arguments")
        self.notice.setVisible(False)
        self.button = QPushButton("&Let it happen")
        self.button.setAccessibleName("let the fault happen")
        self.button.clicked.connect(self._happen)
        label = QLabel("&Fault")
        label.setBuddy(self.kind)
        self._form = QFormLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        head = QFormLayout()
        head.addRow(label, self.kind)
        layout.addLayout(head)
        layout.addWidget(self.doc)
        layout.addLayout(self._form)
        layout.addWidget(self.notice)
        layout.addWidget(self.button)

    def offer(self, kinds: Sequence[Mapping[str, Any]]) -> None:
        """Offer these faults; the one that was chosen stays if it is among them."""
        chosen = self.kind.currentText()
        self._kinds = {kind["kind"]: kind for kind in kinds if kind["kind"] not in _ELSEWHERE}
        self.kind.blockSignals(True)
        self.kind.clear()
        self.kind.addItems(list(self._kinds))
        self.kind.setCurrentIndex(max(0, self.kind.findText(chosen)))
        self.kind.blockSignals(False)
        self._make_editors()

    def allow(self, reason: str) -> None:
        """Allow it, or say why it cannot happen now."""
        self._why_not = reason
        reason = reason or ("" if self._kinds else "nothing of its own can go wrong here")
        self.button.setEnabled(not reason)
        self.button.setToolTip(reason)
        self._tell()

    def editor(self, argument: str) -> QLineEdit | QCheckBox:
        """Return the editor of an argument of the chosen fault."""
        return self._editors[argument]

    def _make_editors(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        self._editors = {}
        self.notice.setVisible(False)
        kind = self._kinds.get(self.kind.currentText())
        self._tell()
        for argument in [] if kind is None else kind["arguments"]:
            editor = self._editor(argument)
            name = argument["name"]
            self._editors[name] = editor
            unit = unit_of(name)
            title = f"{label_of(name)} ({unit})" if unit else label_of(name)
            editor.setAccessibleName(title)
            self._form.addRow(title, editor)

    def _tell(self) -> None:
        kind = self._kinds.get(self.kind.currentText())
        text = "Nothing of its own can go wrong here." if kind is None else kind["doc"]
        reason = f" It cannot happen now: {self._why_not}." if self._why_not else ""
        self.doc.setText(f"{text}{reason}")

    def _editor(self, argument: Mapping[str, Any]) -> QLineEdit | QCheckBox:
        if argument["type"] == "bool":
            switch = QCheckBox("yes; no mends it")
            switch.setChecked(bool(argument["default"]))
            return switch
        line = QLineEdit(str(argument["default"]))
        line.setToolTip(
            {"int": "a whole number", "float": "a number"}.get(argument["type"], "text")
        )
        line.returnPressed.connect(self._happen)
        return line

    def _happen(self) -> None:
        kind = self._kinds.get(self.kind.currentText())
        if kind is None or not self.button.isEnabled():
            return
        try:
            arguments = {a["name"]: self._value(a) for a in kind["arguments"]}
        except LimitError as error:
            self.notice.tell(str(error), "alarm")
            self.notice.setVisible(True)
            return
        self.notice.setVisible(False)
        self.wanted.emit(kind["kind"], arguments)

    def _value(self, argument: Mapping[str, Any]) -> str | float | bool:
        editor = self._editors[argument["name"]]
        if isinstance(editor, QCheckBox):
            return editor.isChecked()
        if argument["type"] in {"int", "float"}:
            return parse_number(editor.text(), unit_of(argument["name"]))
        return editor.text()
