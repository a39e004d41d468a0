"""The lines of the command palette: what they say, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from labctl.gui.theme import Theme

__all__ = ["EntriesModel", "Entry", "EntryDelegate"]

_PADDING_PX: Final = 8

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a command, a setting to be set, or a beginning that Tab completes.

    Attributes:
        reason: why it cannot be done now; empty when it can.
        command: name of the command that it does.
        path: setting that it sets to `value`.
        line: what it completes the typed line to.
    """

    text: str
    group: str
    key: str = ""
    reason: str = ""
    command: str = ""
    path: str = ""
    value: Any = None
    line: str = ""

    @property
    def spoken(self) -> str:
        """The whole line, as a screen reader says it."""
        parts = [self.text, self.group, self.key, f"not now: {self.reason}" if self.reason else ""]
        return ", ".join(filter(None, parts))


class EntriesModel(QAbstractListModel):
    """The lines that fit what was typed, the best first."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these lines."""
        self.beginResetModel()
        self._entries = list(entries)
        self.endResetModel()

    def entry(self, row: int) -> Entry:
        """Return a line."""
        return self._entries[row]

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802  Qt's name and default
        """Return how many lines there are."""
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a line."""
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole}:
            return entry.spoken
        return None


class EntryDelegate(QStyledItemDelegate):
    """Draws text on the left, group and key on the right, and below why it cannot be done now."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw a line."""
        model = index.model()
        if not isinstance(model, EntriesModel):
            return
        entry = model.entry(index.row())
        colors = self._theme.colors
        area: QRect = option.rect
        is_chosen = bool(option.state & option.state.State_Selected)
        painter.save()
        if is_chosen:
            painter.fillRect(area, QColor(colors.raised))
            painter.fillRect(
                QRect(area.left(), area.top(), 3, area.height()), QColor(colors.accent)
            )
        inner = area.adjusted(_PADDING_PX, 0, -_PADDING_PX, 0)
        right = f"{entry.group}   {entry.key}" if entry.key else entry.group
        metrics = painter.fontMetrics()
        room = metrics.horizontalAdvance(right) + 2 * _PADDING_PX
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(colors.faint))
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | middle, right)
        left = inner.adjusted(0, 0, -room, 0)
        text = f"{entry.text}  — not now: {entry.reason}" if entry.reason else entry.text
        painter.setPen(QColor(colors.stale if entry.reason else colors.text))
        painter.drawText(
            left,
            Qt.AlignmentFlag.AlignLeft | middle,
            metrics.elidedText(text, Qt.TextElideMode.ElideRight, left.width()),
        )
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802  Qt's name
        """Return the size of a line: its text and some air."""
        size = super().sizeHint(option, index)
        return QSize(size.width(), size.height() + _PADDING_PX)
