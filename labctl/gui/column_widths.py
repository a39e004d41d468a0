"""How wide the columns of the instrument dock are: labels, editors, read-backs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from PySide6.QtGui import QFontMetrics

from labctl.gui.setting_row import SettingRow

__all__ = ["ColumnWidths"]

#: Frames, indents, spaces and the scroll bar.
_MARGINS_PX: Final = 52
#: Longer read-backs go on in the next line.
_READ_BACK: Final = "00000.00 mW"


@dataclass(frozen=True, slots=True)
class ColumnWidths:
    """Widths that let every row of the dock have its columns in the same places.

    Attributes:
        label_px: all labels.
        wide_px: the dock, where a row is one line.
        stacked_px: the dock, where editors have lines of their own.
    """

    label_px: int = 0
    wide_px: int = 0
    stacked_px: int = 0

    @classmethod
    def of(cls, rows: Sequence[SettingRow], metrics: QFontMetrics) -> Self:
        """Return what suits these rows in their font."""
        label_px = max((row.label.sizeHint().width() for row in rows), default=0)
        editors = [(row.editor, row.needs_width) for row in rows if row.editor is not None]
        beside = [e.sizeHint().width() for e, needs_width in editors if not needs_width]
        below = [e.minimumSizeHint().width() for e, _ in editors]
        read_back_px = metrics.horizontalAdvance(_READ_BACK)
        return cls(
            label_px,
            label_px + max(beside, default=0) + read_back_px + _MARGINS_PX,
            max(label_px + read_back_px, *below, 0) + _MARGINS_PX,
        )
