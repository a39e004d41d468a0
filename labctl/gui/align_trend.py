"""The last minute of a number, as a low plot."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from PySide6.QtCore import Qt

from labctl.gui.plots import LivePlot, comfortable
from labctl.gui.rings import TraceRings
from labctl.gui.theme import Theme

__all__ = ["AlignTrend"]

_SPAN_S: Final = 60.0


class AlignTrend(LivePlot):
    """One curve over the last minute; it leaves the arrow keys to the window."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "first number over the last minute")
        self._theme = theme
        self.widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumHeight(110)
        self.setMaximumHeight(150)
        self._rings = TraceRings(["number"], _SPAN_S)
        self._began_s = time.monotonic()
        self._curve: Any = self.item.plot(pen=theme.pen(1), connect="finite")
        theme.changed.connect(self._style_curve)

    def _style_curve(self) -> None:
        self._curve.setPen(self._theme.pen(1))

    def clear(self) -> None:
        """Forget the curve: another number follows."""
        self._rings.clear()
        self._curve.setData([], [])

    def add(self, value: float, name: str) -> None:
        """Take a value of now; `name` stands at its axis."""
        self._rings.add(time.monotonic() - self._began_s, np.array([value]))
        if not self.isVisible():
            return
        times_s, values = self._rings.shown()
        self._curve.setData(times_s - float(times_s[-1]), values[0])
        known = values[0][np.isfinite(values[0])]
        if known.size:
            y = comfortable(float(known.min()), float(known.max()), self.y_range())
            self.show_range(x=(-_SPAN_S, 0.0), y=y)
        self.name_axes("time (s)", name)
