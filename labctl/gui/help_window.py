"""F1: the keys and the regions of the window, from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.commands import Commands

__all__ = ["HelpWindow"]

#: What the longest line needs.
_CHARACTERS: Final = 108
#: Keys that no command has.
_KEYS: Final = (
    ("F12", "All lasers off, at once, from anywhere; no question is asked"),
    ("Tab, Shift+Tab", "The next input, the one before"),
    ("Alt and the underlined letter", "A menu, a tab or an input by its letter"),
    ("Enter", "Set what was typed; nothing is set while it is typed"),
    ("Up, Down in a number", "One step; it is set at once"),
)
_REGIONS: Final = (
    (
        "Safety strip",
        "Lasers, detector bias and open interlocks in words; what is unknown counts as emitting.",
    ),
    ("Banner", "What keeps you from working, and what to do about it."),
    ("Counter cards", "Coincidences and singles per second with σ, accidentals and trend."),
    ("Rates", "Count rates of the detectors over the last minutes."),
    ("Coincidences", "Coincidences of all pairs of detectors; a click chooses the histogram."),
    ("Histogram", "Lags of a pair; drag the window to count inside it."),
    ("Run result", "The run under way or the last one: points, fits and result with σ."),
    (
        "Instruments",
        "Every setting with unit, limits and read-back. Emission on takes arming; off one click.",
    ),
    ("Run", "Choose, start, pause, abort; progress and the estimated end."),
    ("Parameters", "Every parameter of the chosen experiment, and the axes of a scan."),
    ("Queue", "Runs that wait; order, hold, go."),
    ("Log, alarms", "What happened; alarms stay until they are acknowledged."),
    ("Status line", "Tagger, file, disk, what is safe on the disk, service and window."),
)


class HelpWindow(QWidget):
    """A window of its own that locks nothing; what is typed in it is searched for."""

    def __init__(self, window: QWidget, commands: Commands) -> None:
        super().__init__(window, Qt.WindowType.Window)
        self._commands = commands
        self.setWindowTitle("labctl — keys and regions")
        self.search = QLineEdit()
        self.search.setAccessibleName("search in the help")
        self.search.setClearButtonEnabled(True)
        self.search.setPlaceholderText("A key, a command or a word")
        self.search.textChanged.connect(self._filter)
        label = QLabel("&Search")
        label.setBuddy(self.search)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("keys and regions")
        self.tree.setHeaderLabels(["Key", "What it does"])
        self.tree.setWordWrap(True)
        self.tree.setRootIsDecorated(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        layout = QVBoxLayout(self)
        for widget in (label, self.search, self.tree):
            layout.addWidget(widget)

    def open_(self) -> None:
        """Show the help with what can be done now."""
        self._fill()
        self._filter(self.search.text())
        width = _CHARACTERS * self.fontMetrics().averageCharWidth()
        self.resize(min(width, self.screen().availableSize().width()), 560)
        self.show()
        self.raise_()
        self.activateWindow()
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt's name
        """Close on Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def _fill(self) -> None:
        self.tree.clear()
        groups: dict[str, list[tuple[str, str]]] = {"Everywhere": list(_KEYS)}
        for command in self._commands:
            reason = command.why_not()
            text = f"{command.text} (not now: {reason})" if reason else command.text
            groups.setdefault(command.group, []).append((command.key, text))
        for name, lines in groups.items():
            self._add_group(name, sorted(lines, key=lambda line: not line[0]))
        self._add_group("Regions", _REGIONS)
        self.tree.expandAll()

    def _add_group(self, name: str, lines: Iterable[tuple[str, str]]) -> None:
        group = QTreeWidgetItem([name])
        font = group.font(0)
        font.setBold(True)
        group.setFont(0, font)
        group.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.tree.addTopLevelItem(group)
        group.setFirstColumnSpanned(True)
        for line in lines:
            item = QTreeWidgetItem(list(line))
            item.setToolTip(1, line[1])
            group.addChild(item)

    def _filter(self, typed: str) -> None:
        """Show the lines that have every word of what was typed."""
        words = typed.lower().split()
        for number in range(self.tree.topLevelItemCount()):
            group = self.tree.topLevelItem(number)
            if group is None:
                continue
            hits = 0
            for line in [group.child(n) for n in range(group.childCount())]:
                if line is None:
                    continue
                said = f"{group.text(0)} {line.text(0)} {line.text(1)}".lower()
                fits = all(word in said for word in words)
                line.setHidden(not fits)
                hits += fits
            group.setHidden(not hits)
