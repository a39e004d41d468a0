"""Digits that fill the widget, to be read from across the laboratory, and a bar beside them."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from labctl.gui.align_numbers import Shown
from labctl.gui.theme import Theme

__all__ = ["BigNumber", "PeakBar"]

#: Digits are no smaller than so many pixels, and take what room there is above that.
_LEAST_PX: Final = 48
_MOST_PX: Final = 420
#: The digits stay as large as they are while the text is no wider than this one.
_RESERVED: Final = "88 888"
_SMALL_PART: Final = 0.24
_BAR_MARGIN: Final = 1.06


class BigNumber(QWidget):
    """One number as large as fits; its uncertainty, unit and trend smaller beside it."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._name = name
        self._shown = Shown(trouble="no number is chosen")
        self._trend = ""
        self._is_old = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self.update)
        self.show_number(self._shown, "", is_old=False)

    @property
    def digits(self) -> str:
        """What stands there in large digits."""
        return self._shown.digits

    def show_number(self, shown: Shown, trend: str, *, is_old: bool) -> None:
        """Show a number; an old one is faint, and the words say so."""
        self._shown, self._trend, self._is_old = shown, trend, is_old
        words = (f"{shown.digits} {shown.small_print}", trend, "OLD" if is_old else "")
        self.setAccessibleName(f"{self._name}: {', '.join(word for word in words if word)}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Want digits of 200 pixels."""
        return QSize(900, 260)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Need room for the smallest digits."""
        return QSize(360, _LEAST_PX + 24)

    def digits_px(self) -> int:
        """Return how tall the digits' font is."""
        room = self.width() - self._side_px() - 24
        font = self._font(100)
        metrics = QFontMetrics(font)
        widest = max(metrics.horizontalAdvance(text) for text in (self._shown.digits, _RESERVED))
        by_width = 100 * room / max(widest, 1)
        by_height = 100 * self.height() / max(metrics.tightBoundingRect("8").height() * 1.25, 1)
        return int(min(max(min(by_width, by_height), _LEAST_PX), _MOST_PX))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """Draw the digits to the left, the rest to the right of them."""
        colors = self._theme.colors
        painter = QPainter(self)
        painter.setPen(QColor(colors.stale if self._is_old else colors.text))
        font = self._font(self.digits_px())
        if self._is_old:
            font.setItalic(True)
        painter.setFont(font)
        side = self._side_px()
        area = QRect(8, 0, self.width() - side - 16, self.height())
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(area, flags, self._shown.digits)
        painter.setFont(self._font(self._small_px(), is_bold=False))
        painter.setPen(QColor(colors.faint))
        lines = [self._shown.small_print, self._trend, "OLD" if self._is_old else ""]
        place = QRect(self.width() - side, 0, side - 8, self.height())
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, left, "\n".join(line for line in lines if line))
        painter.end()

    def _small_px(self) -> int:
        return int(min(max(self.height() * _SMALL_PART, 16), 46))

    def _side_px(self) -> int:
        metrics = QFontMetrics(self._font(self._small_px(), is_bold=False))
        return (
            max(
                metrics.horizontalAdvance(text) for text in (self._shown.small_print, "± 888.8 /s ")
            )
            + 16
        )

    def _font(self, size_px: int, *, is_bold: bool = True) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(size_px)
        font.setBold(is_bold)
        return font


class PeakBar(QWidget):
    """The number against the best so far and, where there is one, a target."""

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self._name = name
        self._value = self._best = self._target = math.nan
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self.show_values(math.nan, math.nan, math.nan)

    def show_values(self, value: float, best: float, target: float) -> None:
        """Show the present value, the best and the target; nan where there is none."""
        self._value, self._best, self._target = value, best, target
        self.setAccessibleName(f"{self._name}: {value:.5g}, best {best:.5g}, target {target:.5g}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Want a bar that is seen from afar."""
        return QSize(400, 34)

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Need the height of it."""
        return QSize(200, 34)

    def span(self) -> tuple[float, float]:
        """Return what the ends of the bar stand for; 0 is always in it."""
        known = [v for v in (self._value, self._best, self._target) if math.isfinite(v)]
        low, high = min([0.0, *known]), max([0.0, *known])
        if low == high:
            return 0.0, 1.0
        return low * _BAR_MARGIN, high * _BAR_MARGIN

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802  Qt's name
        """Draw the bar, a solid mark at the best, a dashed line at the target."""
        colors = self._theme.colors
        painter = QPainter(self)
        area = QRectF(8, 6, self.width() - 16, self.height() - 12)
        painter.setPen(QColor(colors.border))
        painter.setBrush(QColor(colors.raised))
        painter.drawRect(area)
        if math.isfinite(self._value):
            zero, end = self._x(0.0, area), self._x(self._value, area)
            filled = QRectF(min(zero, end), area.top() + 1, abs(end - zero), area.height() - 1)
            painter.fillRect(filled, QColor(colors.accent))
        if math.isfinite(self._target):
            x = self._x(self._target, area)
            painter.setPen(QPen(QColor(colors.text), 3, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        if math.isfinite(self._best):
            x = self._x(self._best, area)
            painter.setPen(QPen(QColor(colors.good), 3))
            painter.drawLine(QPointF(x, 4), QPointF(x, self.height() - 4))
            painter.setBrush(QColor(colors.good))
            head = [QPointF(x - 7, 0), QPointF(x + 7, 0), QPointF(x, 9)]
            painter.drawPolygon(QPolygonF(head))
        painter.end()

    def _x(self, value: float, area: QRectF) -> float:
        low, high = self.span()
        return area.left() + (value - low) / (high - low) * area.width()
