"""The status line: streams, losses, file, disk, and how the service and the window fare."""

from __future__ import annotations

import time
from typing import Any, Final

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QStatusBar

from labctl.gui.fitting_label import FittingLabel
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Theme

__all__ = ["StatusLine", "size_text"]

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_PS_PER_S: Final = 1e12
#: Between a subject and the next, half of it on either side.
_APART_PX: Final = 6
_TIPS: Final = {
    "service": "Connection to the acquisition service",
    "control": "Who holds control of the laboratory",
    "tagger": "Tag streams and what the taggers say they lost",
    "file": "Run file; up to this tag time everything is safe on the disk",
    "disk": "Free space on the disk of the data folder",
    "time": "Service: how late its clock ticks. Window: time to draw one update",
}


def size_text(n_bytes: float | None) -> str:
    """Return a size as people read it: three digits and a decimal unit."""
    if n_bytes is None:
        return "unknown"
    size = float(n_bytes)
    for unit in _UNITS[:-1]:
        if abs(size) < 999.5:  # noqa: PLR2004  from there on three digits become 1000
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} {_UNITS[-1]}"


class StatusLine(QStatusBar):
    """One short text per subject, each with a tooltip that says what it means."""

    def __init__(self, link: ServiceLink, theme: Theme) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self._frame_ms = 0.0
        self._began_s: float | None = None
        self._file = FittingLabel()
        self._labels = {name: self._label(name, tip) for name, tip in _TIPS.items()}
        self.setSizeGripEnabled(True)
        self._drawn = QTimer(self)
        self._drawn.setSingleShot(True)
        self._drawn.timeout.connect(self._note_frame)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self.draw)
        self.draw()

    def draw(self) -> None:
        """Show what is known."""
        health = self._link.latest.get("health") or {}
        self._labels["service"].setText(self._service())
        self._labels["control"].setText(self._control())
        self._labels["tagger"].setText(_taggers(health))
        self._file.show_text(_file(health), _TIPS["file"])
        self._labels["disk"].setText(f"disk {size_text(health.get('disk_free_bytes'))} free")
        late = health.get("late_ms")
        service = "" if late is None else f"service {late:.0f} ms · "
        # It changes with every look: its neighbors stay where they are.
        widest = self.fontMetrics().horizontalAdvance("service 0000 ms · window 0000 ms")
        self._labels["time"].setMinimumWidth(widest)
        self._labels["time"].setText(f"{service}window {self._frame_ms:.0f} ms")

    def _label(self, name: str, tip: str) -> QLabel:
        label = self._file if name == "file" else QLabel()
        label.setAccessibleName(f"status of {name}")
        label.setToolTip(tip)
        label.setContentsMargins(_APART_PX, 0, _APART_PX, 0)
        self.addPermanentWidget(label, 1 if name == "file" else 0)
        return label

    def _take(self, topic: str, _: object) -> None:
        if self._began_s is None:
            self._began_s = time.perf_counter()
            # Its turn comes after what these updates have drawn.
            self._drawn.start(0)
        if topic in {"health", "snapshot", "control"}:
            self.draw()

    def _note_frame(self) -> None:
        if self._began_s is not None:
            self._frame_ms = 1e3 * (time.perf_counter() - self._began_s)
        self._began_s = None

    def _service(self) -> str:
        words = {
            "waiting": "… no service yet",
            "connected": "✔ connected",
            "gone": "✖ SERVICE GONE, looking for it",
        }
        text = words[self._link.state]
        return f"{text} · {self._link.missed} updates missed" if self._link.missed else text

    def _control(self) -> str:
        control: dict[str, Any] = self._link.latest.get("control") or {}
        if self._link.is_operator:
            return "you hold control"
        names = {c["id"]: c["name"] for c in control.get("clients", [])}
        holder = control.get("operator")
        return f"control: {names.get(holder, 'another')}" if holder else "control: free"


def _taggers(health: dict[str, Any]) -> str:
    parts = []
    for name, tagger in health.get("taggers", {}).items():
        state = "✔" if tagger["is_running"] else "✖ not streaming"
        parts.append(f"{name} {state} lost {tagger['lost']}")
    return " · ".join(parts) or "no tagger"


def _file(health: dict[str, Any]) -> str:
    path = health.get("file")
    if not path:
        return "no file"
    safe = health.get("safe_until_ps") or {}
    until = f" · safe up to {min(safe.values()) / _PS_PER_S:.1f} s" if safe else ""
    return f"{path.rsplit('/', 1)[-1]} {size_text(health.get('file_bytes'))}{until}"
