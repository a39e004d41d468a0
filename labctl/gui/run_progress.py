"""How far the run is: state, points, time left, end, file, and why it ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from labctl.gui.fitting_label import FittingLabel
from labctl.gui.theme import Theme

__all__ = [
    "RunProgress",
    "clock_text",
    "duration_text",
    "failure_text",
    "progress_text",
    "state_text",
]

_STATES: Final = {
    "idle": "○ idle",
    "running": "▶ running",
    "paused": "❚❚ PAUSED",
    "finished": "✔ finished",
    "aborted": "■ aborted",
    "failed": "✖ FAILED",
}
_STEPS: Final = 1000


def duration_text(duration_s: float) -> str:
    """Return a duration as a clock shows it: 01:32, 1:01:32."""
    seconds = max(0, round(duration_s))
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def clock_text(utc_s: float, now_utc_s: float) -> str:
    """Return a moment in local time; with its date where it is another day."""
    then, now = time.localtime(utc_s), time.localtime(now_utc_s)
    is_today = then[:3] == now[:3]
    return time.strftime("%H:%M" if is_today else "%a %d %b %H:%M", then)


def progress_text(run: Mapping[str, Any], now_utc_s: float) -> str:
    """Return points, part, time left and end of a run, as the bar shows them."""
    parts = []
    total, done = run.get("points_total") or 0, run.get("points_done") or 0
    state = run.get("state")
    is_active = state in {"running", "paused"}
    if total:
        # The one that is being taken; of an ended run, those that were.
        number = min(done + 1, total) if is_active else done
        parts.append(f"point {number}/{total}")
    if state != "idle":
        parts.append(f"{100 * _fraction(run):.0f} %")
    eta_s = run.get("eta_s")
    if state == "running":
        if eta_s is None:
            parts.append("time left not known yet")
        else:
            parts.append(f"{duration_text(eta_s)} left")
            parts.append(f"ends {clock_text(now_utc_s + eta_s, now_utc_s)}")
    return " · ".join(parts)


def state_text(run: Mapping[str, Any]) -> str:
    """Return symbol and word of the state."""
    return _STATES.get(str(run.get("state")), "? unknown")


def failure_text(run: Mapping[str, Any]) -> str:
    """Return why the last run failed, whole; the line of details has room for a part of it."""
    if run.get("state") != "failed":
        return ""
    return f"Run {run.get('uid') or run.get('experiment')} failed: {run.get('text')}"


def _fraction(run: Mapping[str, Any]) -> float:
    return 1.0 if run.get("state") == "finished" else float(run.get("fraction") or 0.0)


class RunProgress(QWidget):
    """A word, a bar with text, and a line with what the plan does, or why it ended so."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.state = QLabel()
        self.state.setAccessibleName("state of the run")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setAccessibleName("progress of the run")
        self.details = FittingLabel()
        self.details.setAccessibleName("details of the run")
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.state)
        line.addWidget(self.bar, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.details)
        self._former: tuple[object, ...] = ()

    def show_run(self, run: Mapping[str, Any], *, is_connected: bool) -> None:
        """Show a run's status; without a connection it is the last that was known."""
        colors = self._theme.colors
        word = state_text(run) if is_connected else f"? was {run.get('state', 'unknown')}"
        self.state.setText(word)
        style = (word, colors)
        if style != self._former:
            self._former = style
            ground, color = self._state_colors(str(run.get("state")), is_connected=is_connected)
            self.state.setStyleSheet(
                f"background: {ground}; color: {color}; border-radius: 4px;"
                "padding: 2px 8px; font-weight: bold;"
            )
        self.bar.setValue(round(_STEPS * _fraction(run)))
        self.bar.setFormat(progress_text(run, time.time()) or "no run yet")
        self.details.show_text(_details(run), run.get("path") or "")
        self.details.setVisible(bool(self.details.whole))

    def _state_colors(self, state: str, *, is_connected: bool) -> tuple[str, str]:
        colors = self._theme.colors
        if not is_connected:
            return colors.raised, colors.stale
        if state == "failed":
            return colors.alarm, colors.alarm_text
        if state in {"paused", "aborted"}:
            return colors.warning, colors.warning_text
        return colors.raised, colors.good if state in {"running", "finished"} else colors.text


def _details(run: Mapping[str, Any]) -> str:
    parts = [str(run.get("experiment") or "")]
    if path := run.get("path"):
        parts.append(f"file {str(path).rsplit('/', 1)[-1]}")
    if repeated := run.get("repeated"):
        parts.append(f"{repeated} retaken")
    if text := run.get("text"):
        parts.append(str(text))
    return " · ".join(part for part in parts if part)
