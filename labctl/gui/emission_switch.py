"""The switch of light or bias: on takes two acts within seconds, off takes one."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.setting_text import label_of

__all__ = ["EmissionSwitch"]

_CONFIRM_WITHIN_S: Final = 5
_TICK_MS: Final = 1000


class EmissionSwitch(QWidget):
    """Arm, then ON within five seconds; OFF at once and always.

    ON stands beside Arm, so that a double click or a key that is held down arms and no more.

    Attributes:
        switched_on: both acts were done.
        switched_off: OFF was pressed.
    """

    switched_on = Signal()
    switched_off = Signal()

    def __init__(self, path: str) -> None:
        super().__init__()
        #: Length of a second of the time in which ON counts.
        self.tick_ms = _TICK_MS
        self._left_s = 0
        self._why_not = ""
        setting = path.rpartition(".")[2]
        self.arm_button = QPushButton("Arm")
        self.on_button = QPushButton("Emission ON" if setting == "emission" else "Switch ON")
        self.off_button = QPushButton("OFF")
        what = label_of(setting).lower()
        self.arm_button.setAccessibleName(f"arm {path}")
        self.on_button.setAccessibleName(f"switch {path} on")
        self.off_button.setAccessibleName(f"switch {path} off")
        self.off_button.setToolTip(f"Switch {what} off at once")
        layout = FlowLayout(self, spacing_px=4)
        for button in (self.arm_button, self.on_button, self.off_button):
            layout.addWidget(button)
        self.arm_button.clicked.connect(self.arm)
        self.on_button.clicked.connect(self._confirm)
        self.off_button.clicked.connect(self._off)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._draw()

    @property
    def is_armed(self) -> bool:
        """Whether ON would switch on now."""
        return self._left_s > 0

    def arm(self) -> None:
        """Let ON count for five seconds."""
        if self._why_not:
            return
        self._left_s = _CONFIRM_WITHIN_S
        self._timer.start(self.tick_ms)
        self._draw()

    def disarm(self) -> None:
        """Let ON count no longer."""
        self._left_s = 0
        self._timer.stop()
        self._draw()

    def refuse(self, why_not: str) -> None:
        """Keep it from being switched on for this reason; an empty one allows it."""
        if why_not == self._why_not:
            return
        self._why_not = why_not
        if why_not and self.is_armed:
            self.disarm()
        self._draw()

    def _confirm(self) -> None:
        if self.is_armed and not self._why_not:
            self.disarm()
            self.switched_on.emit()

    def _off(self) -> None:
        self.disarm()
        self.switched_off.emit()

    def _tick(self) -> None:
        self._left_s -= 1
        if self._left_s <= 0:
            self.disarm()
        else:
            self._draw()

    def _draw(self) -> None:
        self.arm_button.setEnabled(not self._why_not)
        self.arm_button.setToolTip(self._why_not or "Let ON count for five seconds")
        self.arm_button.setText(f"Armed {self._left_s} s" if self.is_armed else "Arm")
        self.on_button.setEnabled(self.is_armed)
        self.on_button.setToolTip(self._why_not or ("" if self.is_armed else "Arm it first"))
