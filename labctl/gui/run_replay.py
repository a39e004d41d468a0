"""A recorded run as a source of the live panels."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer, Signal

from labctl.runs.playback import Playback

__all__ = ["Replay"]

_TICK_MS: Final = 33


class Replay(QObject):
    """Looks to panels like the service, but can do nothing: it has no link to any instrument.

    Lives in the window's thread; a thread of its own reads and counts. It fulfils `LiveSource`.

    Attributes:
        updated: (topic, data) of `snapshot`, `rates`, `matrix` and `histogram`.
        state_changed: never comes, a file is never gone; `state` is "connected".
        moved: position, speed or state of the replay are others.
        failed: why it cannot be played.
        position_s: recorded seconds since the beginning, of the newest data.
        duration_s: of the whole recording; 0 until the file is open.
        play_state: "opening", "playing", "paused" or "ended".
        reached: recorded seconds per second, as fast as it really is.
    """

    updated = Signal(str, object)
    state_changed = Signal(str)
    moved = Signal()
    failed = Signal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = "connected"
        self.latest: dict[str, Any] = {}
        self.position_s = self.duration_s = self.reached = 0.0
        self.play_state = "opening"
        self._is_paused = False
        self._told: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._playback = Playback(path, lambda topic, data: self._told.append((topic, data)))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def is_paused(self) -> bool:
        """Whether it was told to stand still."""
        return self._is_paused

    def start(self) -> None:
        """Begin to play, as fast as it was recorded."""
        self._playback.start()
        self._timer.start(_TICK_MS)

    def set_speed(self, speed: float) -> None:
        """Play so many recorded seconds per second; 0 as fast as can be counted."""
        self._playback.set_speed(speed)

    def set_paused(self, *, is_paused: bool) -> None:
        """Stand still, or go on; at the end, begin again."""
        self._is_paused = is_paused
        if not is_paused and self.play_state == "ended":
            self._playback.seek(0.0)
        self._playback.set_paused(is_paused=is_paused)

    def seek(self, position_s: float) -> None:
        """Go on from there."""
        self._playback.seek(position_s)

    def close(self) -> None:
        """End the thread."""
        self._timer.stop()
        self._playback.close()

    def now_s(self) -> float:
        """Return the time of the newest data, by which panels draw."""
        return self.position_s

    def _tick(self) -> None:
        newest: dict[str, Mapping[str, Any]] = {}
        while self._told:
            topic, data = self._told.popleft()
            newest[topic] = data
        for topic, data in newest.items():
            self._take(topic, data)

    def _take(self, topic: str, data: Mapping[str, Any]) -> None:
        if topic == "failed":
            self.failed.emit(data["text"])
        elif topic == "opened":
            self.duration_s = data["duration_s"]
            self.latest["service"] = data["service"]
            self.latest["snapshot"] = {"service": data["service"]}
            self.updated.emit("snapshot", self.latest["snapshot"])
        elif topic == "place":
            self.position_s, self.play_state = data["position_s"], data["state"]
            self.reached = data["reached"]
            self.moved.emit()
        else:
            self.latest[topic] = data
            self.updated.emit(topic, data)
