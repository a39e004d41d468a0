"""The groups of the instrument dock, below each other, made one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from labctl.gui.instrument_group import InstrumentGroup
from labctl.gui.setting_requests import SettingRequests
from labctl.gui.theme import Theme

__all__ = ["GroupArea"]


class GroupArea(QScrollArea):
    """Scrolls over one group per instrument.

    A group takes some ten milliseconds to make; between two of them the window lives on.

    Attributes:
        groups: those that are made, by instrument.
    """

    #: The group that has just been made.
    made = Signal(object)

    def __init__(self, theme: Theme, requests: SettingRequests) -> None:
        super().__init__()
        self._theme, self._requests = theme, requests
        self.groups: dict[str, InstrumentGroup] = {}
        self._wanted: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self._make_next)
        content = QWidget()
        self._layout = QVBoxLayout(content)
        self._layout.setContentsMargins(2, 2, 2, 2)
        self._layout.setSpacing(6)
        self._layout.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # It is reached through what stands in it.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def make(self, described: Mapping[str, Mapping[str, Any]]) -> None:
        """Make a group for each instrument, instead of those that are there."""
        for group in self.groups.values():
            self._layout.removeWidget(group)
            group.hide()
            group.deleteLater()
        self.groups = {}
        self._wanted = deque(described.items())
        self._next.start(0)

    def _make_next(self) -> None:
        if not self._wanted:
            return
        name, described = self._wanted.popleft()
        group = InstrumentGroup(name, described, self._theme, self._requests)
        self._layout.insertWidget(len(self.groups), group)
        self.groups[name] = group
        self.made.emit(group)
        self._next.start(0)
