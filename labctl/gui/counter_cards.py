"""The row of big numbers: coincidence rates of pairs between stations, or whatever is chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QTextEdit,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.chooser import Chooser
from labctl.gui.commands import Command, Commands
from labctl.gui.counter_card import CounterCard, reading_of
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.live_source import LiveSource
from labctl.gui.stream_words import Freshness, stream_words
from labctl.gui.theme import Theme

__all__ = ["CounterCards"]

MOST: Final = 8
_LOOK_EVERY_MS: Final = 1000
_MOST_OF_WINDOW: Final = 0.6
#: Widgets that have a use of their own for the space key.
_TYPED_INTO: Final = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)


class CounterCards(QWidget):
    """Up to eight big numbers, and the buttons that choose, hold and enlarge them.

    Args:
        link: where the rates come from.
        theme: colors and fonts.
        commands: of the window, to which hold (Space) and big counters (Ctrl+B) are added.
        now_s: the time by which trends are seen.
    """

    #: Whether the numbers are held as they are; other panels may follow.
    held = Signal(bool)

    def __init__(
        self,
        link: LiveSource,
        theme: Theme,
        commands: Commands | None = None,
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._link, self._theme, self._now_s = link, theme, now_s
        self.cards: dict[str, CounterCard] = {}
        self._has_chosen = False
        self._shown: dict[str, Any] | None = None
        self._freshness = Freshness()
        self._add_widgets()
        if commands is not None:
            self._add_commands(commands)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.draw)
        self._timer.start(_LOOK_EVERY_MS)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self._style_anew)
        if rates := link.latest.get("rates"):
            self._take("rates", rates)
        self._style_anew()

    def table(self) -> tuple[list[str], list[list[float]]]:
        """Return one row with what the cards show: rate, sigma, accidentals, their sigma."""
        names: list[str] = []
        row: list[float] = []
        for name in self.cards:
            entry = _entry(self._shown, name)
            for key in ("rate_hz", "sigma_hz", "accidentals_hz", "accidentals_sigma_hz"):
                if key in entry:
                    names.append(f"{name} {key}")
                    row.append(float("nan") if entry[key] is None else float(entry[key]))
        return names, [row]

    def choose(self, names: list[str]) -> None:
        """Show these pairs and detectors, at most eight."""
        self._has_chosen = True
        self.chooser.choose(names)
        self._show_cards(names[:MOST])

    def set_held(self, *, is_held: bool) -> None:
        """Freeze the numbers as they are, or let them go on."""
        self.hold_button.setChecked(is_held)

    def set_big(self, *, is_big: bool) -> None:
        """Make the digits readable from across the room, or as they were."""
        self.big_button.setChecked(is_big)

    def draw(self) -> None:
        """Show what is known."""
        if not self.isVisible():
            return
        age_s = self._freshness.age_s()
        is_old = self._link.state != "connected" or age_s is not None
        for name, card in self.cards.items():
            reading = reading_of(self._shown, name)
            interval_s = _tagger_of(self._shown, name).get("live_s") or 0.0
            card.show_reading(reading, card.trend.word(interval_s), is_old=is_old)
        words = stream_words(self._link, self._link.latest.get("rates"), age_s)
        if self.hold_button.isChecked():
            words = f"HELD: these numbers stand still · {words}".removesuffix(" · ")
        if words != self.words.text():
            self.words.setText(words)
        self.words.setVisible(bool(words))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what has come in the meantime."""
        super().showEvent(event)
        self.draw()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Claim the height that all lines of cards need: with another width, or another font."""
        if watched is self._row and event.type() in {
            QEvent.Type.Resize,
            QEvent.Type.LayoutRequest,
        }:
            self._claim_height()
        return super().eventFilter(watched, event)

    def _claim_height(self) -> None:
        """Let no card be cut, unless cards would take most of the window."""
        wanted = self._flow.heightForWidth(self._row.width())
        self._row.setMinimumHeight(min(wanted, round(_MOST_OF_WINDOW * self.window().height())))

    def _add_widgets(self) -> None:
        self.chooser = Chooser("Ch&oose …", "counters", MOST)
        self.chooser.chosen_changed.connect(self._take_choice)
        self.hold_button = _switch("Hold", "hold the numbers", "Space: numbers stand still")
        self.hold_button.toggled.connect(self._hold)
        self.big_button = _switch("Big", "big counters", "Ctrl+B: digits for across the room")
        self.big_button.toggled.connect(self._enlarge)
        self.words = QLabel()
        self.words.setAccessibleName("state of the counters")
        self.words.setWordWrap(True)
        self.words.setVisible(False)
        self._row = QWidget()
        self._row.installEventFilter(self)
        self._flow = FlowLayout(self._row, is_even=True)
        buttons = QVBoxLayout()
        buttons.setSpacing(2)
        for button in (self.chooser, self.hold_button, self.big_button):
            button.setSizePolicy(
                self.big_button.sizePolicy().Policy.Minimum, button.sizePolicy().verticalPolicy()
            )
            buttons.addWidget(button)
        buttons.addStretch(1)
        line = QHBoxLayout()
        line.addWidget(self._row, 1)
        line.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 0, 6, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.words)

    def _add_commands(self, commands: Commands) -> None:
        commands.add(Command("big", "Big counters", self.big_button.toggle, "Ctrl+B", "View"))
        hold = Command("hold", "Hold the display", self.hold_button.toggle, "Space", "View")
        self._hold_action = commands.add(hold)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._leave_space_to)

    def _leave_space_to(self, _: QWidget | None, focused: QWidget | None) -> None:
        is_used = isinstance(focused, _TYPED_INTO)
        self._hold_action.setShortcut(QKeySequence() if is_used else QKeySequence(Qt.Key.Key_Space))

    def _take(self, topic: str, data: Any) -> None:
        if topic != "rates":
            return
        self._freshness.mark()
        self._offer(data)
        at_s = self._now_s()
        for name, card in self.cards.items():
            card.trend.add(at_s, reading_of(data, name))
        if not self.hold_button.isChecked():
            self._shown = data
        self.draw()

    def _offer(self, rates: dict[str, Any]) -> None:
        taggers = rates.get("taggers", {}).values()
        pairs = [name for tagger in taggers for name in tagger.get("pairs", {})]
        singles = [name for tagger in taggers for name in tagger.get("detectors", {})]
        self.chooser.offer(pairs + singles)
        if not self._has_chosen and (pairs or singles):
            self.choose((pairs or singles)[:MOST])

    def _take_choice(self, names: list[str]) -> None:
        self._has_chosen = True
        self._show_cards(names)

    def _show_cards(self, names: list[str]) -> None:
        for name in [name for name in self.cards if name not in names]:
            card = self.cards.pop(name)
            self._flow.removeWidget(card)
            card.hide()
            card.deleteLater()
        for name in names:
            if name not in self.cards:
                card = self.cards[name] = CounterCard(self._theme, name)
                card.set_big(is_big=self.big_button.isChecked())
                self._flow.addWidget(card)
        self.draw()
        self._claim_height()

    def _hold(self, is_held: bool) -> None:  # noqa: FBT001  Qt gives it so
        if not is_held:
            self._shown = self._link.latest.get("rates")
        self.draw()
        self.held.emit(is_held)

    def _enlarge(self, is_big: bool) -> None:  # noqa: FBT001  Qt gives it so
        for card in self.cards.values():
            card.set_big(is_big=is_big)
        self._claim_height()

    def _style_anew(self) -> None:
        for card in self.cards.values():
            card.style_anew()
        self.words.setStyleSheet(f"color: {self._theme.colors.text}; font-weight: bold;")
        self.draw()
        self._claim_height()


def _switch(text: str, name: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    return button


def _tagger_of(rates: dict[str, Any] | None, name: str) -> dict[str, Any]:
    for tagger in (rates or {}).get("taggers", {}).values():
        if name in tagger.get("pairs", {}) or name in tagger.get("detectors", {}):
            found: dict[str, Any] = tagger
            return found
    return {}


def _entry(rates: dict[str, Any] | None, name: str) -> dict[str, Any]:
    tagger = _tagger_of(rates, name)
    found: dict[str, Any] = tagger.get("pairs", {}).get(name) or tagger.get("detectors", {}).get(
        name, {}
    )
    return found
