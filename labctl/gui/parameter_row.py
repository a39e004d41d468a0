"""One parameter in a form: name, editor, unit, and what is wrong with what was typed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QWidget,
)

from labctl.gui.notice import Notice
from labctl.gui.parameter_schema import ParameterField
from labctl.gui.theme import Theme

__all__ = ["ParameterRow"]

_EDITOR_CHARACTERS = 12
#: Of a row in a line with others.
_FEW_CHARACTERS = 9


class ParameterRow(QWidget):
    """Label, editor, unit; a line of text below where what was typed is none of the parameter.

    A short row stands in a line with others: what is wrong is marked at its editor, and told
    where there is room.

    Attributes:
        changed: what was typed or chosen has changed.
        hinted: the editor got the focus; the text says what the parameter means.
        editor: the input itself.
    """

    changed = Signal()
    hinted = Signal(str)

    def __init__(self, field: ParameterField, theme: Theme, *, is_short: bool = False) -> None:
        super().__init__()
        self.field = field
        self._theme, self._is_short = theme, is_short
        self.editor: QLineEdit | QCheckBox | QComboBox = self._made_editor()
        name = f"{field.title} ({field.unit})" if field.unit else field.title
        self.editor.setAccessibleName(name)
        self.editor.setAccessibleDescription(self.tip)
        self.editor.setToolTip(self.tip)
        self.label = QLabel(field.title)
        self.label.setBuddy(self.editor)
        self.label.setToolTip(self.tip)
        self.message = Notice(theme, f"what is wrong with {field.title}")
        self.message.setVisible(False)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(2)
        layout.addWidget(self.label, 0, 0)
        layout.addWidget(self.editor, 0, 1)
        if field.unit:
            layout.addWidget(QLabel(field.unit), 0, 2)
        layout.addWidget(self.message, 1, 0, 1, 3)
        layout.setColumnStretch(1, 1)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.editor.installEventFilter(self)
        self.set_value(field.default)
        self.fit(0)

    def fit(self, label_px: int) -> None:
        """Measure the row anew in its font; the label is at least `label_px` wide."""
        metrics = self.fontMetrics()
        own_px = metrics.horizontalAdvance(self.field.title) + 4
        self.label.setFixedWidth(max(label_px, own_px))
        if isinstance(self.editor, QLineEdit):
            count = _FEW_CHARACTERS if self._is_short else _EDITOR_CHARACTERS
            self.editor.setMinimumWidth(metrics.averageCharWidth() * count)
            if self._is_short:
                self.editor.setMaximumWidth(self.editor.minimumWidth())
        self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Say what the parameter means while somebody is at it."""
        if event.type() == QEvent.Type.FocusIn:
            self.hinted.emit(f"{self.field.title}: {self.tip}")
        return super().eventFilter(watched, event)

    @property
    def tip(self) -> str:
        """What the parameter means and what is allowed."""
        limits = self.field.limits_text
        return f"{self.field.doc} Allowed: {limits}." if limits else self.field.doc

    def value(self) -> Any:
        """Return what was typed or chosen.

        Raises:
            ValueError: it is none of the parameter.
        """
        if isinstance(self.editor, QCheckBox):
            return self.editor.isChecked()
        if isinstance(self.editor, QComboBox):
            return self.editor.currentData()
        return self.field.parse(self.editor.text())

    def set_value(self, value: Any) -> None:
        """Show a value; one that is none of the parameter is shown with what is wrong."""
        with QSignalBlocker(self.editor):
            if isinstance(self.editor, QCheckBox):
                self.editor.setChecked(bool(value))
            elif isinstance(self.editor, QComboBox):
                self.editor.setCurrentIndex(self.editor.findData(value))
            else:
                self.editor.setText(self.field.text(value))
        self._judge()

    def problem(self) -> str:
        """Return what is wrong, an empty text where nothing is."""
        try:
            self.value()
        except ValueError as error:
            return str(error)
        return ""

    def show_problem(self, problem: str) -> None:
        """Show what is wrong: in words below the editor, in a short row as its tip."""
        self.message.tell(problem, "alarm")
        self.message.setVisible(bool(problem) and not self._is_short)
        mark = f"border: 2px solid {self._theme.colors.alarm};" if problem else ""
        if mark != self.editor.styleSheet():
            self.editor.setStyleSheet(mark)
        self.editor.setToolTip(f"✖ {problem}\n{self.tip}" if problem else self.tip)

    def _made_editor(self) -> QLineEdit | QCheckBox | QComboBox:
        if self.field.kind == "switch":
            switch = QCheckBox("on")
            switch.toggled.connect(lambda _: self._edited())
            return switch
        if self.field.kind == "choice":
            choices = QComboBox()
            if self.field.is_optional:
                choices.addItem("default", None)
            for choice in self.field.choices:
                choices.addItem(str(choice), choice)
            choices.currentIndexChanged.connect(lambda _: self._edited())
            return choices
        line = QLineEdit()
        if self.field.is_optional or self.field.default in ([], {}, ""):
            line.setPlaceholderText("default")
        line.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        line.textChanged.connect(lambda _: self._edited())
        return line

    def _edited(self) -> None:
        self._judge()
        self.changed.emit()

    def _judge(self) -> None:
        self.show_problem(self.problem())
