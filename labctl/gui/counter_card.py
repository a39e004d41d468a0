"""One big number that is read from where one aligns: value, uncertainty, accidentals, trend."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from labctl.gui.theme import Theme
from labctl.units import format_uncertain

__all__ = ["CounterCard", "Reading", "TrendMemory", "reading_of", "trend_word"]

#: A trend compares with what was so long ago; the interval of the counts may be longer.
TREND_S: Final = 5.0
#: Smaller differences than so many standard deviations are chance.
_SIGNIFICANT: Final = 3.0
#: Accidentals below this have nothing to say but zeros.
_SMALL_HZ: Final = 0.001
_VALUE_SCALE: Final = 2.0
_BIG_SCALE: Final = 4.6


@dataclass(frozen=True, slots=True)
class Reading:
    """What a card shows.

    Attributes:
        value_hz: the rate; nan where there is none.
        sigma_hz: its standard deviation.
        accidentals: "acc 15.1 ± 0.1 /s", or empty.
        word: why there is no value, or what is wrong with it.
    """

    value_hz: float = math.nan
    sigma_hz: float = math.nan
    accidentals: str = ""
    word: str = ""


def reading_of(rates: dict[str, Any] | None, name: str) -> Reading:
    """Return the newest rate of a pair or a detector from an update of `rates`."""
    for tagger in (rates or {}).get("taggers", {}).values():
        entry = tagger.get("pairs", {}).get(name) or tagger.get("detectors", {}).get(name)
        if entry is None:
            continue
        if tagger.get("error"):
            return Reading(word="no stream")
        if entry["rate_hz"] is None:
            return Reading(word="no live time")
        chance_hz, sigma_hz = entry.get("accidentals_hz"), entry.get("accidentals_sigma_hz")
        accidentals = ""
        if chance_hz is not None and sigma_hz is not None:
            # In the dark both are so small that their digits would fill a line.
            is_small = chance_hz + sigma_hz < _SMALL_HZ
            shown = (
                f"< {_SMALL_HZ:g} /s" if is_small else format_uncertain(chance_hz, sigma_hz, "/s")
            )
            accidentals = f"acc {shown}"
        lost = f"{tagger['lost']} tags lost" if tagger.get("lost") else ""
        return Reading(entry["rate_hz"], entry["sigma_hz"], accidentals, lost)
    return Reading(word="not counted")


def trend_word(now: tuple[float, float], then: tuple[float, float] | None) -> str:
    """Return arrow and word for a rate ± sigma against an earlier one of other tags."""
    if then is None or not all(math.isfinite(value) for value in (*now, *then)):
        return ""
    change, sigma = now[0] - then[0], math.hypot(now[1], then[1])
    if abs(change) <= _SIGNIFICANT * sigma:
        return "▶ steady"
    return "▲ up" if change > 0 else "▼ down"


class TrendMemory:
    """The readings of the last seconds of one name."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float, float]] = deque()

    def add(self, at_s: float, reading: Reading) -> None:
        """Take a reading; one before the newest begins anew."""
        if self._readings and at_s < self._readings[-1][0]:
            self._readings.clear()
        self._readings.append((at_s, reading.value_hz, reading.sigma_hz))

    def word(self, interval_s: float) -> str:
        """Return how the newest reading compares with the one before, of other tags."""
        if not self._readings:
            return ""
        newest = self._readings[-1]
        past_s = newest[0] - max(TREND_S, 1.1 * interval_s)
        while len(self._readings) > 1 and self._readings[1][0] <= past_s:
            self._readings.popleft()
        oldest = self._readings[0]
        return trend_word(newest[1:], oldest[1:] if oldest[0] <= past_s else None)


class CounterCard(QFrame):
    """Shows readings of one name."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self._theme = theme
        self._name = name
        self._is_big = False
        self.trend = TrendMemory()
        self.name_label = QLabel(name.replace("-", " · "))
        self.trend_label = QLabel()
        self.value_label = QLabel("– – –")
        self.sigma_label = QLabel()
        self.detail_label = QLabel()
        self.trend_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        top, middle = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.name_label)
        top.addStretch(1)
        top.addWidget(self.trend_label)
        middle.setSpacing(8)
        middle.addWidget(self.value_label)
        middle.addWidget(self.sigma_label)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 4, 10, 4)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addLayout(middle)
        layout.addWidget(self.detail_label)
        self._look = ""
        self.style_anew()

    def set_big(self, *, is_big: bool) -> None:
        """Take digits for across the room, or the ordinary ones."""
        self._is_big = is_big
        self.style_anew()

    def show_reading(self, reading: Reading, trend: str, *, is_old: bool) -> None:
        """Show a reading; an old one is faint and says so."""
        has_value = math.isfinite(reading.value_hz)
        if has_value:
            value, _, sigma = format_uncertain(reading.value_hz, reading.sigma_hz, "/s").partition(
                " ± "
            )
            sigma = f"± {sigma}"
        else:
            value, sigma = "–", ""
        words = (reading.accidentals, reading.word)
        detail = " · ".join(word for word in words if word)
        trend = "OLD" if is_old and has_value else trend
        for label, text in (
            (self.value_label, value),
            (self.sigma_label, sigma),
            (self.detail_label, detail),
            (self.trend_label, trend),
        ):
            if label.text() != text:
                _fit(label, text)
                label.setText(text)
        self.setAccessibleName(f"{self.name_label.text()}: {value} {sigma}, {detail}, {trend}")
        look = "old" if is_old or not has_value else "bad" if reading.word else "live"
        if look != self._look:
            self._look = look
            self._paint()

    def style_anew(self) -> None:
        """Take the theme's font and colors."""
        font = self.font()
        font.setPointSize(self._theme.font_pt)
        small = self.font()
        small.setPointSize(max(self._theme.font_pt - 1, 8))
        scale = _BIG_SCALE if self._is_big else _VALUE_SCALE
        large = self.font()
        large.setPointSizeF(self._theme.font_pt * scale)
        large.setBold(True)
        middle = small
        if self._is_big:
            middle = self.font()
            middle.setPointSizeF(self._theme.font_pt * 1.6)
        self.name_label.setFont(middle if self._is_big else font)
        self.value_label.setFont(large)
        for label in (self.trend_label, self.sigma_label, self.detail_label):
            label.setFont(middle)
        for label, sample in (
            (self.value_label, self.value_label.text()),
            (self.sigma_label, "± 88.88 /s"),
            (self.detail_label, "acc 88.888 ± 0.888 /s"),
            (self.trend_label, "▶ steady"),
        ):
            label.setFixedSize(0, label.fontMetrics().height())
            _fit(label, sample)
        self._paint()

    def _paint(self) -> None:
        colors = self._theme.colors
        value = colors.stale if self._look == "old" else colors.text
        style = "dashed" if self._look == "old" else "solid"
        border = colors.warning if self._look == "bad" else colors.border
        self.setStyleSheet(
            f"#card {{ background: {colors.panel}; border: 1px {style} {border};"
            f"border-radius: 6px; }} QLabel {{ color: {colors.faint}; }}"
        )
        self.value_label.setStyleSheet(f"color: {value};")


def _fit(label: QLabel, text: str) -> None:
    """Make room for as many digits as `text` has.

    A label of fixed size has nothing laid out anew when its text changes: at ten changes a second
    of every card that would cost more than to draw them.
    """
    sample = "".join("8" if sign.isdigit() else sign for sign in text)
    wanted = label.fontMetrics().horizontalAdvance(sample) + 2
    if wanted > label.width():
        label.setFixedWidth(wanted)
