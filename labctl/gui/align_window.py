"""The Align window: one or two numbers to be read from afar, and the actuator under the arrow keys.

Arrow keys move the actuator, Page Up and Page Down or 1 to 9 choose its step, Space holds the
numbers, R begins the peak hold anew, T plays a tone, B goes to the best. They work wherever the
focus is, but in an editor or list, which need keys themselves; Escape leaves those.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from labctl.errors import LabError
from labctl.gui.actuator_panel import ActuatorPanel
from labctl.gui.align_numbers import READING, Shown
from labctl.gui.align_trend import AlignTrend
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.link import ServiceLink
from labctl.gui.notice import Notice
from labctl.gui.number_view import NumberView
from labctl.gui.theme import Theme
from labctl.gui.tone import pitch_hz, reference_for
from labctl.gui.tone_player import TonePlayer

__all__ = ["AlignWindow"]

_LOOK_EVERY_MS: Final = 500
#: Counts slide over one second, readings come once a second; what was measured while something
#: moved belongs to no place.
_SETTLED_S: Final = 1.5
_KEYS_TEXT: Final = (
    "←→ ↑↓ move · PgUp PgDn or 1–9 step · Space hold · R reset best · T tone · B go to best · "
    "Ctrl+Z undo · Esc keys back to the actuator · F12 all lasers off"
)


class AlignWindow(QWidget):
    """A window of its own over one actuator and one or two numbers."""

    def __init__(self, link: ServiceLink, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._link, self._theme = link, theme
        self.setObjectName("align window")
        self.setWindowTitle("Align")
        self.player = TonePlayer()
        self._reference = 0.0
        self._best_place: tuple[str, float, float] | None = None
        self._add_widgets()
        self._keys = self._key_acts()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        link.updated.connect(self._take)
        link.state_changed.connect(self._look)
        self.number.measured.connect(self._measured)
        self.number.renamed.connect(self.plot.clear)
        self.actuator.best_wanted.connect(self.go_to_best)
        for button in self.findChildren(QPushButton):
            button.installEventFilter(self)

    def open_(self) -> None:
        """Show the window, in front."""
        if not self.isVisible():
            self.resize(1100, 680)
        self.show()
        self.raise_()
        self.activateWindow()
        self.number.digits.setFocus()

    def set_held(self, *, is_held: bool) -> None:
        """Let the numbers stand still, or go on."""
        self.hold_button.setChecked(is_held)

    def reset_best(self) -> None:
        """Begin the peak hold of both numbers anew."""
        self._best_place = None
        self._reference = 0.0
        for view in (self.number, self.second):
            view.reset_best()

    def set_tone(self, *, is_on: bool) -> None:
        """Play the first number as a tone, or be silent."""
        self.tone_button.setChecked(is_on)

    def go_to_best(self) -> None:
        """Send the actuator where the first number was best while nothing moved."""
        actuator = self.actuator.moves.actuator
        if self._best_place is None or actuator is None or self._best_place[0] != actuator.name:
            self.notice.tell(
                "No best place of this actuator is known yet: wait after a step until the "
                "number has settled.",
                "warning",
            )
            self.notice.setVisible(True)
            return
        self.actuator.moves.go_to(self._best_place[1])

    def _add_widgets(self) -> None:
        self.number = NumberView(self._link, self._theme, "number")
        self.second = NumberView(self._link, self._theme, "second number")
        self.second.setVisible(False)
        self.second_button = self._toggle("Second n&umber", "show a second number")
        self.second_button.toggled.connect(self._show_second)
        self.hold_button = self._toggle("Hold  Space", "hold the numbers")
        self.hold_button.toggled.connect(self._hold)
        self.reset_button = QPushButton("Reset best  R")
        self.reset_button.setAccessibleName("reset the best")
        self.reset_button.clicked.connect(self.reset_best)
        self.tone_button = self._toggle("Tone  T", "play the first number as a tone")
        self.tone_button.toggled.connect(self._switch_tone)
        self.trend_button = self._toggle("Tr&end", "show the last minute")
        self.trend_button.setChecked(True)
        self.notice = Notice(self._theme, "message of the Align window")
        self.notice.setVisible(False)
        self.plot = AlignTrend(self._theme)
        self.trend_button.toggled.connect(self.plot.setVisible)
        self.actuator = ActuatorPanel(self._link, self._theme)
        self.keys = QLabel(_KEYS_TEXT)
        self.keys.setWordWrap(True)
        self.keys.setAccessibleName("keys of the Align window")
        buttons = FlowLayout()
        for button in (
            self.hold_button,
            self.reset_button,
            self.tone_button,
            self.second_button,
            self.trend_button,
        ):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addLayout(buttons)
        layout.addWidget(self.notice)
        layout.addWidget(self.number, 1)
        layout.addWidget(self.second, 1)
        layout.addWidget(self.plot)
        layout.addWidget(self.actuator)
        layout.addWidget(self.keys)

    def _toggle(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        button.setAccessibleName(name)
        button.setToolTip(f"{name[:1].upper()}{name[1:]}")
        return button

    def _key_acts(self) -> dict[int, Callable[[], None]]:
        keys, moves = Qt.Key, self.actuator.moves
        acts: dict[int, Callable[[], None]] = {
            keys.Key_Left: lambda: moves.move(-1),
            keys.Key_Down: lambda: moves.move(-1),
            keys.Key_Right: lambda: moves.move(1),
            keys.Key_Up: lambda: moves.move(1),
            keys.Key_PageUp: lambda: moves.choose_step(1),
            keys.Key_PageDown: lambda: moves.choose_step(-1),
            keys.Key_Space: self.hold_button.toggle,
            keys.Key_R: self.reset_best,
            keys.Key_T: self.tone_button.toggle,
            keys.Key_B: self.go_to_best,
            keys.Key_Escape: self.number.digits.setFocus,
        }
        for number in range(1, 10):
            acts[keys.Key_0 + number] = partial(moves.choose_rung, number)
        return {int(key): act for key, act in acts.items()}

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Take the keys that no editor had a use for."""
        if not self._has_taken(event):
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Keep the arrow keys from moving the focus among buttons; Space presses them."""
        if (
            event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
            and event.key() != Qt.Key.Key_Space
        ):
            return self._has_taken(event)
        return super().eventFilter(watched, event)

    def _has_taken(self, event: QKeyEvent) -> bool:
        is_undo = event.key() == Qt.Key.Key_Z
        if is_undo and event.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.actuator.moves.undo()
            return True
        others = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        act = self._keys.get(event.key())
        is_editing = isinstance(self.focusWidget(), (QLineEdit, QComboBox))
        is_escape = event.key() == Qt.Key.Key_Escape
        if act is None or event.modifiers() & others or (is_editing and not is_escape):
            return False
        act()
        return True

    def _take(self, topic: str, _: object) -> None:
        if topic == "snapshot":
            facts = self._link.latest.get("service") or {}
            badge = " — SIMULATED" if facts.get("simulated") else ""
            self.setWindowTitle(f"Align — {facts.get('bench') or facts.get('config')}{badge}")
        if self.isVisible():
            for view in (self.number, self.second):
                view.take(topic)

    def _measured(self, shown: Shown) -> None:
        moves = self.actuator.moves
        if (
            moves.actuator is not None
            and moves.set_point is not None
            and moves.still_s() >= _SETTLED_S
        ):
            self._note_place(moves.actuator.name, moves.set_point, shown.value)
        if self.player.is_playing:
            self._reference = reference_for(shown.value, self._reference)
            self.player.set_pitch(pitch_hz(shown.value, self._reference))
        # The plot is too low for more words.
        self.plot.add(shown.value, shown.unit or self.number.number.kind)

    def _note_place(self, name: str, place: float, value: float) -> None:
        is_other = self._best_place is None or self._best_place[0] != name
        best = math.nan if self._best_place is None or is_other else self._best_place[2]
        if self.number.is_better(value, best):
            self._best_place = (name, place, value)

    def _hold(self, is_held: bool) -> None:  # noqa: FBT001  the signal's argument
        for view in (self.number, self.second):
            view.is_held = is_held
            view.draw()
        if is_held:
            self.player.set_pitch(None)

    def _show_second(self, is_shown: bool) -> None:  # noqa: FBT001  the signal's argument
        self.second.setVisible(is_shown)
        # The digits need the room more; whoever wants both shows it again.
        self.trend_button.setChecked(not is_shown)
        if is_shown:
            self.second.offer()

    def _switch_tone(self, is_on: bool) -> None:  # noqa: FBT001  the signal's argument
        self.notice.setVisible(False)
        self._reference = 0.0
        if not is_on:
            self.player.stop()
            return
        try:
            self.player.start()
        except LabError as error:
            self.notice.tell(str(error), "warning")
            self.notice.setVisible(True)
            self.tone_button.setToolTip(str(error))
            self.tone_button.setChecked(False)
            self.notice.setVisible(True)

    def _look(self) -> None:
        """See whether what is shown has become old."""
        if not self.isVisible():
            return
        self.actuator.look()
        self.actuator.draw()
        for view in (self.number, self.second):
            if view.isVisible():
                view.draw()
        if self._link.state != "connected" or self.number.digits.digits == "–":
            self.player.set_pitch(None)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what is known, and ask what can be moved."""
        super().showEvent(event)
        for view in (self.number, self.second):
            view.offer()
            view.take("instruments" if view.number.kind == READING else "rates")
        self._timer.start(_LOOK_EVERY_MS)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        """Be silent and do nothing while nobody looks."""
        self._timer.stop()
        self.tone_button.setChecked(False)
        super().hideEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """Let go of the sound card."""
        self.player.stop()
        super().closeEvent(event)
