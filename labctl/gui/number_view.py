"""One number of the Align window: what it is, its digits, its bar against the best, its trend."""

from __future__ import annotations

import math
import time
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from labctl.errors import LimitError
from labctl.gui.align_numbers import COINCIDENCES, KINDS, AlignNumber, Shown, names_for, shown_of
from labctl.gui.big_number import BigNumber, PeakBar
from labctl.gui.counter_card import Reading, TrendMemory
from labctl.gui.link import ServiceLink
from labctl.gui.name_box import NameBox
from labctl.gui.notice import Notice
from labctl.gui.setting_text import parse_number
from labctl.gui.stream_words import Freshness
from labctl.gui.theme import Theme
from labctl.units import format_quantity

__all__ = ["NumberView"]

_VISIBILITY: Final = "visibility"
_READING: Final = "reading"
_HIGHEST: Final = "highest"
_LOWEST: Final = "lowest"


class NumberView(QWidget):
    """Chooses a number and shows it large; keeps the best until it is reset.

    Attributes:
        measured: every new value of the number, a `Shown` that is known and not old.
        renamed: another number was chosen.
        best: the best so far, nan for none.
        target: what is wanted, nan for nothing.
    """

    measured = Signal(object)
    renamed = Signal()

    def __init__(self, link: ServiceLink, theme: Theme, name: str) -> None:
        super().__init__()
        self._link, self._theme, self._title = link, theme, name
        self.number = AlignNumber(COINCIDENCES)
        self.best = self.target = math.nan
        self.is_held = False
        self._best_sigma = math.nan
        self._best_s = 0.0
        self._freshness = Freshness()
        self._trend = TrendMemory()
        self._shown = Shown(trouble="nothing is known yet")
        self._add_widgets(theme)
        self.offer()

    def offer(self) -> None:
        """Offer the names that are known now."""
        names = names_for(self.number.kind, self._link.latest)
        self.first.offer(names)
        others = [name for name in names if name != self.first.name()]
        self.second.offer(others)
        self._choose_number()

    def choose(self, number: AlignNumber) -> None:
        """Show this number from now on."""
        self.kind.setCurrentIndex(self.kind.findData(number.kind))
        self._choose_kind()
        self.first.choose(number.first)
        self.offer()
        self.second.choose(number.second)
        self._choose_number()

    def take(self, topic: str) -> None:
        """Take what an update of this topic says of the number."""
        topics = {"instruments"} if self.number.kind == _READING else {"rates"}
        if topic not in topics:
            return
        self._freshness.mark()
        if self.is_held:
            return
        self.offer()
        self._shown = shown_of(self.number, self._link.latest)
        if self._shown.is_known and self._link.state == "connected":
            sigma = self._shown.sigma if math.isfinite(self._shown.sigma) else 0.0
            self._trend.add(time.monotonic(), Reading(self._shown.value, sigma))
            self._note_best(self._shown)
            self.measured.emit(self._shown)
        self.draw()

    def reset_best(self) -> None:
        """Begin the peak hold anew, from the next value on."""
        self.best = math.nan
        self.draw()

    def is_better(self, value: float, than: float) -> bool:
        """Return whether a value is nearer to what is aligned for; nan is worse than any."""
        if math.isnan(than):
            return True
        return value < than if self.wanted.currentData() == _LOWEST else value > than

    def draw(self) -> None:
        """Show what is known."""
        age_s = self._freshness.age_s()
        is_old = self._link.state != "connected" or age_s is not None
        shown = self._shown
        trend = "" if is_old or self.is_held else self._trend.word(1.0)
        self.digits.show_number(shown, trend, is_old=is_old and shown.is_known)
        self.bar.show_values(shown.value, self.best, self.target)
        self.words.setText(self._sentence())
        trouble = self._trouble(age_s)
        self.trouble.tell(trouble, "warning")
        self.trouble.setVisible(bool(trouble))
        self.words.setVisible(not trouble)

    def _add_widgets(self, theme: Theme) -> None:
        self.kind = QComboBox()
        self.kind.setAccessibleName(f"kind of the {self._title}")
        for kind, doc in KINDS.items():
            self.kind.addItem(kind, kind)
            self.kind.setItemData(self.kind.count() - 1, doc, 3)
        self.kind.setCurrentIndex(self.kind.findData(COINCIDENCES))
        self.kind.activated.connect(lambda _: self._choose_kind())
        self.first = NameBox(f"what the {self._title} is of")
        self.second = NameBox(f"other rate of the {self._title}")
        for box in (self.first, self.second):
            box.chosen.connect(lambda _: self.offer())
        self.wanted = QComboBox()
        self.wanted.setAccessibleName(f"which {self._title} is best")
        for word in (_HIGHEST, _LOWEST):
            self.wanted.addItem(f"{word} is best", word)
        self.wanted.activated.connect(lambda _: self.reset_best())
        self.target_line = QLineEdit()
        self.target_line.setAccessibleName(f"target of the {self._title}")
        self.target_line.setPlaceholderText("no target")
        self.target_line.setToolTip("Enter draws a line at this value; an empty text takes it away")
        self.target_line.setMaximumWidth(130)
        self.target_line.returnPressed.connect(self._take_target)
        self.target_unit = QLabel()
        self.digits = BigNumber(theme, self._title)
        self.bar = PeakBar(theme, f"bar of the {self._title}")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setAccessibleName(f"{self._title} in words")
        self.trouble = Notice(theme, f"what is wrong with the {self._title}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(self._chooser_line())
        layout.addWidget(self.digits, 1)
        layout.addWidget(self.bar)
        layout.addWidget(self.words)
        layout.addWidget(self.trouble)

    def _chooser_line(self) -> QHBoxLayout:
        line = QHBoxLayout()
        label = QLabel("&Number" if self._title == "number" else "Seco&nd")
        label.setBuddy(self.kind)
        target = QLabel("Tar&get" if self._title == "number" else "Target")
        target.setBuddy(self.target_line)
        widgets: list[QWidget] = [label, self.kind, self.first, self.second, self.wanted]
        for widget in (*widgets, target, self.target_line, self.target_unit):
            line.addWidget(widget, 1 if isinstance(widget, NameBox) else 0)
        return line

    def _choose_kind(self) -> None:
        kind = self.kind.currentData()
        if kind != self.number.kind:
            self.number = AlignNumber(kind)
            self.offer()

    def _choose_number(self) -> None:
        is_pair = self.number.kind == _VISIBILITY
        self.second.setVisible(is_pair)
        second = self.second.name() if is_pair else ""
        wanted = AlignNumber(self.kind.currentData(), self.first.name(), second)
        if wanted == self.number and self._shown.is_known:
            return
        if wanted != self.number:
            self.number = wanted
            self.best = self.target = math.nan
            self.target_line.clear()
            self._trend = TrendMemory()
            self.renamed.emit()
        self._shown = shown_of(self.number, self._link.latest)
        self.target_unit.setText(self._shown.unit)
        self.draw()

    def _take_target(self) -> None:
        text = self.target_line.text().strip()
        try:
            self.target = float(parse_number(text, self._shown.unit)) if text else math.nan
        except LimitError as error:
            self.trouble.tell(str(error), "alarm")
            self.trouble.setVisible(True)
            self.words.setVisible(False)
            return
        self.draw()

    def _note_best(self, shown: Shown) -> None:
        if self.is_better(shown.value, self.best):
            self.best, self._best_sigma = shown.value, shown.sigma
            self._best_s = time.monotonic()

    def _sentence(self) -> str:
        parts = []
        unit = self._shown.unit
        if math.isfinite(self.best):
            ago_s = time.monotonic() - self._best_s
            best = Shown(self.best, self._best_sigma, unit)
            text = f"{best.digits} {best.small_print}".strip()
            parts.append(f"▼ best {text}, {ago_s:.0f} s ago")
            if self._shown.is_known and self.best > 0:
                parts.append(f"now {100 * self._shown.value / self.best:.1f} % of it")
        if math.isfinite(self.target):
            parts.append(f"┆ target {format_quantity(self.target, unit)}")
            if self._shown.is_known and self.target:
                parts.append(f"now {100 * self._shown.value / self.target:.1f} % of that")
        return " · ".join(parts) or "no best yet"

    def _trouble(self, age_s: float | None) -> str:
        if self._link.state != "connected":
            return (
                "the service is gone: this number is old" if self._shown.is_known else "no service"
            )
        if self.is_held:
            return "HELD: this number stands still (Space lets it go on)"
        if age_s is not None and self.number.kind != _READING:
            return f"STALE: no new counts for {age_s:.0f} s"
        return self._shown.trouble
