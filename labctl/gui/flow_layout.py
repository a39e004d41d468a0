"""A layout that goes on in the next line where the line is full, as words do."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

__all__ = ["FlowLayout"]


class FlowLayout(QLayout):
    """Widgets from left to right, then in the next line; its height depends on its width.

    Args:
        parent: the widget that is laid out, if it is one.
        spacing_px: between widgets and between lines.
        is_even: make the widgets of all lines equally wide, so that they stand in columns, and
            give the columns what is left of the width.
    """

    def __init__(
        self, parent: QWidget | None = None, *, spacing_px: int = 6, is_even: bool = False
    ) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._spacing_px = spacing_px
        self._is_even = is_even
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802  Qt's name
        """Append an item."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802  Qt's name
        """Return an item, None behind the last."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802  Qt's name
        """Take an item out and return it."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802  Qt's name
        """Want no more height than the lines need."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802  Qt's name
        """Say that a narrow flow is a high one."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802  Qt's name
        """Return how high the lines are together."""
        return self._place(QRect(0, 0, width, 0), is_trial=True)

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802  Qt's name
        """Place everything within the rectangle."""
        super().setGeometry(rect)
        self._place(rect, is_trial=False)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the size of everything in one line."""
        hints = [item.sizeHint() for item in self._shown()]
        width = sum(hint.width() + self._spacing_px for hint in hints)
        height = max((hint.height() for hint in hints), default=0)
        return self._with_margins(QSize(max(0, width - self._spacing_px), height))

    def minimumSize(self) -> QSize:  # noqa: N802  Qt's name
        """Return the size of the largest item."""
        size = QSize()
        for item in self._shown():
            size = size.expandedTo(item.minimumSize())
        return self._with_margins(size)

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _with_margins(self, size: QSize) -> QSize:
        margins: QMargins = self.contentsMargins()
        return size.grownBy(margins)

    def _place(self, rect: QRect, *, is_trial: bool) -> int:
        """Lay the items out, or only try to; return the height."""
        margins = self.contentsMargins()
        inner = rect.marginsRemoved(margins)
        y = inner.y()
        for line in self._lines(inner.width()):
            line_px = max(size.height() for _, size in line)
            x = inner.x()
            for item, size in [] if is_trial else line:
                # Columns begin at the top; what differs in height in a line stands in its middle.
                down = 0 if self._is_even else (line_px - size.height()) // 2
                item.setGeometry(QRect(QPoint(x, y + down), size))
                x += size.width() + self._spacing_px
            y += line_px + self._spacing_px
        return max(inner.y(), y - self._spacing_px) - rect.y() + margins.bottom()

    def _lines(self, inner_px: int) -> list[list[tuple[QLayoutItem, QSize]]]:
        """Return which items stand in which line, with the sizes they have there."""
        even_px = self._even_px(inner_px) if self._is_even else None
        lines: list[list[tuple[QLayoutItem, QSize]]] = []
        left_px = 0
        for item in self._shown():
            size = item.sizeHint()
            width = min(size.width() if even_px is None else even_px, inner_px)
            height = item.heightForWidth(width) if item.hasHeightForWidth() else size.height()
            if not lines or width > left_px:
                lines.append([])
                left_px = inner_px
            lines[-1].append((item, QSize(width, height)))
            left_px -= width + self._spacing_px
        return lines

    def _even_px(self, width: int) -> int:
        items = self._shown()
        widest = max((item.sizeHint().width() for item in items), default=1)
        columns = (width + self._spacing_px) // (widest + self._spacing_px)
        columns = max(1, min(columns, len(items)))
        return (width + self._spacing_px) // columns - self._spacing_px
