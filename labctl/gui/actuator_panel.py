"""The selected actuator of the Align window: chooser, step, set-point, read-back, limits, undo."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from labctl.errors import LabError, LimitError
from labctl.gui.actuator_moves import ActuatorMoves
from labctl.gui.actuators import Actuator, actuators_of
from labctl.gui.link import ServiceLink
from labctl.gui.name_box import NameBox
from labctl.gui.notice import Notice
from labctl.gui.setting_text import parse_number, state_word
from labctl.gui.theme import Theme
from labctl.units import format_quantity

__all__ = ["ActuatorPanel"]


class ActuatorPanel(QGroupBox):
    """Chooses an actuator and shows what becomes of its moves.

    Attributes:
        best_wanted: "Go to best" was pressed.
        moves: moves it.
    """

    best_wanted = Signal()

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        super().__init__("Actuator")
        self._link = link
        self.moves = ActuatorMoves(link)
        self._actuators: dict[str, Actuator] = {}
        self._is_asking = False
        self._has_asked = False
        self._add_widgets(theme)
        self.moves.changed.connect(self.draw)
        link.state_changed.connect(self._enter)
        self.draw()

    def look(self) -> None:
        """Ask what can be moved, unless that is known."""
        if self._has_asked or self._is_asking or self._link.state != "connected":
            return
        self._is_asking = True
        self._link.ask(
            "list of actuators", lambda client: client.parameters(), self._offer, self._failed
        )

    def select(self, name: str) -> None:
        """Move this actuator from now on."""
        self.chooser.choose(name)
        self.moves.select(self._actuators.get(name))

    def draw(self) -> None:
        """Show what is known."""
        moves, actuator = self.moves, self.moves.actuator
        reason = moves.why_not()
        unit = "" if actuator is None else actuator.unit
        if actuator is not None and self.chooser.name() != actuator.name:
            self.chooser.choose(actuator.name)
        self.set_point.setText(_text(moves.set_point, unit))
        self.read_back.setText(self._read_back(unit))
        self.limits.setText(_limits(actuator))
        self.step_unit.setText(unit)
        if not self.step_line.isModified():
            self.step_line.setText(f"{moves.step:g}")
        for button in (self.back_button, self.on_button, self.best_button):
            button.setEnabled(not reason)
            button.setToolTip(reason or button.accessibleDescription())
        self.undo_button.setEnabled(bool(moves.undo_text))
        self.undo_button.setToolTip(moves.undo_text or "nothing was moved here yet")
        self._draw_message(reason)

    def _draw_message(self, reason: str) -> None:
        moves = self.moves
        if moves.message:
            self.notice.tell(moves.message, "warning" if moves.is_refused else "plain")
        elif reason:
            self.notice.tell(f"Cannot be moved: {reason}", "warning")
        elif moves.is_waiting:
            self.notice.tell("… waits for the reply")
        elif moves.is_moving():
            self.notice.tell("… moving")
        else:
            doc = "" if moves.actuator is None else moves.actuator.doc
            self.notice.tell(doc)

    def _read_back(self, unit: str) -> str:
        actuator = self.moves.actuator
        if actuator is None:
            return "–"
        entry = actuator.entry(self._link.latest.get("instruments") or {})
        word = state_word(entry or None, is_connected=self._link.state == "connected")
        text = _text(self.moves.read_back(), unit)
        return text if word == "fresh" else f"{text} ({word})"

    def _add_widgets(self, theme: Theme) -> None:
        self.chooser = NameBox("actuator")
        self.chooser.chosen.connect(self.select)
        self.step_line = QLineEdit()
        self.step_line.setAccessibleName("step of the actuator")
        self.step_line.setToolTip("Page Up and Page Down, or 1 to 9 from fine to coarse")
        self.step_line.setMaximumWidth(90)
        self.step_line.returnPressed.connect(self._take_step)
        self.step_line.editingFinished.connect(self._drop_step)
        self.step_unit = QLabel()
        self.back_button = self._button("◀ −", "one step down", "Left or Down arrow")
        self.on_button = self._button("▶ +", "one step up", "Right or Up arrow")
        self.undo_button = self._button("Undo  Ctrl+Z", "undo the last step", "")
        self.best_button = self._button("Go to best  B", "go to where the best was seen", "")
        self.back_button.clicked.connect(lambda: self.moves.move(-1))
        self.on_button.clicked.connect(lambda: self.moves.move(1))
        self.undo_button.clicked.connect(self.moves.undo)
        self.best_button.clicked.connect(self.best_wanted)
        self.set_point, self.read_back = _value("set-point"), _value("read-back")
        self.limits = _value("limits of the actuator")
        self.notice = Notice(theme, "what became of the last step")
        label, step = QLabel("&Actuator"), QLabel("&Step")
        label.setBuddy(self.chooser)
        step.setBuddy(self.step_line)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(label)
        first.addWidget(self.chooser, 1)
        for widget in (step, self.step_line, self.step_unit, self.back_button, self.on_button):
            first.addWidget(widget)
        for button in (self.undo_button, self.best_button):
            first.addWidget(button)
        for text, shown in (
            ("Set-point", self.set_point),
            ("Read-back", self.read_back),
            ("Limits", self.limits),
        ):
            second.addWidget(QLabel(text))
            second.addWidget(shown, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(first)
        layout.addLayout(second)
        layout.addWidget(self.notice)

    def _button(self, text: str, name: str, keys: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setAccessibleDescription(
            f"{name[:1].upper()}{name[1:]}{f': {keys}' if keys else ''}"
        )
        return button

    def _enter(self, state: str) -> None:
        if state == "connected":
            # A service that has come back may have other instruments.
            self._has_asked = False
            if self.isVisible():
                self.look()
        self.draw()

    def _offer(self, described: dict[str, Any]) -> None:
        self._is_asking, self._has_asked = False, True
        self._actuators = actuators_of(described, self._link.latest.get("instruments") or {})
        self.chooser.offer(list(self._actuators))
        if self.moves.actuator != self._actuators.get(self.chooser.name()):
            self.select(self.chooser.name())
        self.draw()

    def _failed(self, error: LabError) -> None:
        self._is_asking = False
        self.notice.tell(str(error), "alarm")

    def _take_step(self) -> None:
        unit = self.step_unit.text()
        try:
            step = float(parse_number(self.step_line.text(), unit))
        except LimitError as error:
            self.notice.tell(str(error), "alarm")
            return
        if step <= 0:
            self.notice.tell(f"a step of {step:g} goes nowhere; use one above 0", "alarm")
            return
        self.step_line.setModified(False)
        self.moves.set_step(step)

    def _drop_step(self) -> None:
        """Show the present step again where another was typed and not taken."""
        if self.step_line.isModified() and not self.step_line.hasFocus():
            self.step_line.setModified(False)
            self.step_line.setText(f"{self.moves.step:g}")


def _value(name: str) -> QLabel:
    label = QLabel("–")
    label.setAccessibleName(name)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def _text(value: float | None, unit: str) -> str:
    return "–" if value is None else format_quantity(value, unit)


def _limits(actuator: Actuator | None) -> str:
    if actuator is None:
        return "–"
    if actuator.limits is None:
        return "none"
    return f"{actuator.limits[0]:g} to {format_quantity(float(actuator.limits[1]), actuator.unit)}"
