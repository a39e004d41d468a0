"""The window of a replay: a recorded run in the live panels, with speed, pause and position."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.counter_cards import CounterCards
from labctl.gui.histogram_panel import HistogramPanel
from labctl.gui.matrix_panel import MatrixPanel
from labctl.gui.notice import Notice
from labctl.gui.rates_panel import RatesPanel
from labctl.gui.run_replay import Replay
from labctl.gui.theme import Theme

__all__ = ["ReplayWindow"]

_SIZE_PX: Final = (1180, 680)
#: Text -> recorded seconds per second; 0 as fast as can be counted.
SPEEDS: Final = {"1×": 1.0, "10×": 10.0, "100×": 100.0, "as fast as possible": 0.0}
#: The position bar moves in steps of this.
_STEP_S: Final = 0.01
_KEYS: Final = "Space pauses and goes on · ← → PgUp PgDn on the bar move · Esc closes"


class ReplayWindow(QWidget):
    """Owns the replay: closing the window ends it.

    Args:
        path: the run file.
        name: how the run is called, with its time and whether it was simulated.
        theme: colors and fonts.
        parent: the window it belongs to.

    Attributes:
        closed: the window is going, and nothing of it runs any more.
    """

    closed = Signal()

    def __init__(self, path: Path, name: str, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._theme = theme
        self.setObjectName("replay window")
        self.setWindowTitle(f"REPLAY of run {name}")
        self.replay = Replay(path, self)
        self.banner = QLabel(f"↻ REPLAY of run {name}. Recorded tags: nothing here acts.")
        self.banner.setAccessibleName("replay")
        self.banner.setWordWrap(True)
        self.notice = Notice(theme, "what keeps the run from being played")
        self.notice.setVisible(False)
        self.cards = CounterCards(self.replay, theme, now_s=self.replay.now_s)
        self.rates = RatesPanel(self.replay, theme, now_s=self.replay.now_s)
        self.matrix = MatrixPanel(self.replay, theme)
        self.histogram = HistogramPanel(self.replay, theme)
        self.matrix.pair_chosen.connect(self.histogram.show_pair)
        self._add_controls()
        self._add_layout()
        self.replay.moved.connect(self._draw_place)
        self.replay.failed.connect(self._fail)
        self.replay.updated.connect(self._take)
        theme.changed.connect(self._dress)
        self._dress()
        QShortcut(QKeySequence("Esc"), self, self.close)
        self.replay.start()

    def open_(self) -> None:
        """Show the window, in front."""
        self.resize(*_SIZE_PX)
        self.show()
        self.raise_()
        self.activateWindow()
        self.place.setFocus(Qt.FocusReason.OtherFocusReason)

    def toggle_pause(self) -> None:
        """Stand still, or go on; at the end, begin again."""
        is_standing = self.replay.is_paused or self.replay.play_state == "ended"
        self.replay.set_paused(is_paused=not is_standing)
        self._draw_place()

    def _add_controls(self) -> None:
        self.pause_button = QPushButton("❚❚ Pause  Space")
        self.pause_button.setAccessibleName("pause or go on")
        self.pause_button.clicked.connect(self.toggle_pause)
        self.speed = QComboBox()
        self.speed.setAccessibleName("speed of the replay")
        self.speed.setToolTip("Recorded seconds per second")
        self.speed.addItems(list(SPEEDS))
        self.speed.currentTextChanged.connect(self._choose_speed)
        self.speed_label = QLabel("Spee&d")
        self.speed_label.setBuddy(self.speed)
        self.place = QSlider(Qt.Orientation.Horizontal)
        self.place.setAccessibleName("position in the recording, in seconds")
        self.place.setToolTip(_KEYS)
        self.place.setRange(0, 0)
        self.place.valueChanged.connect(self._seek)
        self.words = QLabel("opening …")
        self.words.setAccessibleName("position and speed")
        self.keys = QLabel(_KEYS)
        self.keys.setAccessibleName("keys of the replay")
        self.keys.setWordWrap(True)

    def _add_layout(self) -> None:
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setAccessibleName("views of the replay")
        for panel, title in (
            (self.rates, "&Rates"),
            (self.matrix, "&Coincidences"),
            (self.histogram, "&Histogram"),
        ):
            self.tabs.addTab(panel, title)
        controls = QHBoxLayout()
        for widget, stretch in (
            (self.pause_button, 0),
            (self.speed_label, 0),
            (self.speed, 0),
            (self.place, 1),
            (self.words, 0),
        ):
            controls.addWidget(widget, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        for line in (self.banner, self.notice, self.cards):
            layout.addWidget(line)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(controls)
        layout.addWidget(self.keys)

    def _choose_speed(self, text: str) -> None:
        self.replay.set_speed(SPEEDS[text])

    def _seek(self, value: int) -> None:
        self.replay.seek(value * _STEP_S)

    def _take(self, topic: str, _: object) -> None:
        if topic != "snapshot":
            return
        last = round(self.replay.duration_s / _STEP_S)
        with QSignalBlocker(self.place):
            self.place.setRange(0, last)
            self.place.setSingleStep(max(1, last // 100))
            self.place.setPageStep(max(1, last // 10))
        self._dress()

    def _draw_place(self) -> None:
        replay = self.replay
        if not self.place.isSliderDown():
            with QSignalBlocker(self.place):
                self.place.setValue(round(replay.position_s / _STEP_S))
        is_standing = replay.is_paused or replay.play_state == "ended"
        self.pause_button.setText("▶ Play  Space" if is_standing else "❚❚ Pause  Space")
        state = {"playing": f"{replay.reached:.0f}×", "ended": "END"}.get(
            replay.play_state, replay.play_state.upper()
        )
        self.words.setText(f"{replay.position_s:.1f} s of {replay.duration_s:.1f} s · {state}")

    def _fail(self, text: str) -> None:
        self.notice.tell(text, "alarm")
        self.notice.setVisible(True)
        self.words.setText("not played")
        for control in (self.pause_button, self.speed, self.place):
            control.setEnabled(False)
            control.setToolTip(f"Not played: {text}")

    def _dress(self) -> None:
        colors = self._theme.colors
        self.banner.setStyleSheet(
            f"background: {colors.accent}; color: {colors.ground}; font-weight: bold;"
            "border-radius: 4px; padding: 4px 8px;"
        )
        # The bar must not jump with the digits beside it.
        whole = f"{self.replay.duration_s:.1f} s"
        widest = f"{whole} of {whole} · PAUSED"
        self.words.setMinimumWidth(self.words.fontMetrics().horizontalAdvance(widest))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Take Space where no editor or button had a use for it."""
        if event.key() == Qt.Key.Key_Space:
            self.toggle_pause()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """End the replay."""
        self.replay.close()
        self.closed.emit()
        super().closeEvent(event)
