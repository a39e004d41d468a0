"""Numbers in the cells of a matrix: one item that paints them all, instead of one per cell."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

__all__ = ["CellTexts"]

_BOX_PX = 200.0


class CellTexts(QGraphicsObject):
    """Texts at the centers of cells of one by one, painted upright in the size of the font."""

    def __init__(self) -> None:
        super().__init__()
        self.font = QFont()
        self._texts: Sequence[tuple[float, float, str, QColor]] = ()
        self._bounds = QRectF()

    def show_texts(self, texts: Sequence[tuple[float, float, str, QColor]], size: int) -> None:
        """Paint (x, y, text, color) in a matrix of so many rows and columns."""
        bounds = QRectF(0, 0, size, size)
        if bounds != self._bounds:
            self.prepareGeometryChange()
            self._bounds = bounds
        self._texts = texts
        self.update()

    def texts(self) -> list[str]:
        """Return what is painted."""
        return [text for _, _, text, _ in self._texts]

    def boundingRect(self) -> QRectF:  # noqa: N802  Qt's name
        """Return the matrix."""
        return self._bounds

    def paint(
        self, painter: QPainter, _: QStyleOptionGraphicsItem, __: QWidget | None = None
    ) -> None:
        """Paint the texts, whatever the scale of the picture is."""
        transform = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setFont(self.font)
        for x, y, text, color in self._texts:
            at = transform.map(QPointF(x, y))
            painter.setPen(color)
            box = QRectF(at.x() - _BOX_PX / 2, at.y() - _BOX_PX / 2, _BOX_PX, _BOX_PX)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
        painter.restore()
