"""Colors, pens and fonts of the window: one object owns them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyqtgraph as pg
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette, QPen
from PySide6.QtWidgets import QApplication

__all__ = ["DARK", "LIGHT", "SERIES", "Colors", "Theme"]

#: Okabe and Ito, "Color Universal Design" (2008): distinguishable with every kind of vision.
#: Their black, which one of the themes would swallow, is left out.
SERIES: Final = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999999",
)
#: Inputs of which nothing but the outline is seen while they are empty.
_OUTLINED: Final = ("QCheckBox", "QRadioButton", "QLineEdit", "QAbstractSpinBox", "QComboBox")
_STYLES: Final = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
)
#: Points of the ordinary font, and of the one that is read from across the room.
_FONT_PT: Final = 10
_LARGE_FONT_PT: Final = 14


@dataclass(frozen=True, slots=True)
class Colors:
    """What a theme is made of; every pair of text and ground has a contrast of 4.5 or more."""

    name: str
    ground: str
    panel: str
    raised: str
    border: str
    outline: str
    text: str
    faint: str
    accent: str
    emitting: str
    emitting_text: str
    alarm: str
    alarm_text: str
    warning: str
    warning_text: str
    good: str
    stale: str


DARK: Final = Colors(
    name="dark",
    ground="#111417",
    panel="#1B1F23",
    raised="#2A3036",
    border="#3C444C",
    outline="#6B757F",
    text="#E8EAED",
    faint="#A3ABB3",
    accent="#56B4E9",
    emitting="#F0E442",
    emitting_text="#111417",
    alarm="#B00020",
    alarm_text="#FFFFFF",
    warning="#E69F00",
    warning_text="#111417",
    good="#2FBF9B",
    stale="#8A9199",
)
LIGHT: Final = Colors(
    name="light",
    ground="#F7F8F9",
    panel="#FFFFFF",
    raised="#E9ECEF",
    border="#B8C0C8",
    outline="#7C868F",
    text="#16191C",
    faint="#59626B",
    accent="#0067A3",
    emitting="#F0E442",
    emitting_text="#16191C",
    alarm="#B00020",
    alarm_text="#FFFFFF",
    warning="#E69F00",
    warning_text="#16191C",
    good="#00704F",
    stale="#6B737B",
)


class Theme(QObject):
    """The present colors and font size; panels redraw on `changed`.

    Lives in the window's thread.
    """

    changed = Signal()

    def __init__(self, colors: Colors = DARK, *, is_large: bool = False) -> None:
        super().__init__()
        self.colors = colors
        self.is_large = is_large

    def set(self, colors: Colors, *, is_large: bool) -> None:
        """Take other colors or another font size."""
        self.colors, self.is_large = colors, is_large
        self.apply()
        self.changed.emit()

    @property
    def font_pt(self) -> int:
        """Size of the ordinary font."""
        return _LARGE_FONT_PT if self.is_large else _FONT_PT

    def apply(self) -> None:
        """Give the whole application these colors and this font."""
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            return
        application.setStyle("Fusion")
        application.setPalette(self._palette())
        for kind in _OUTLINED:
            # PySide takes the text that its stub does not.
            application.setPalette(self._outlined_palette(), kind)  # type: ignore[arg-type]
        font = application.font()
        font.setPointSize(self.font_pt)
        application.setFont(font)
        application.setStyleSheet(self._style_sheet())
        # Antialiased or wide pens cost a hundred times as much per frame.
        pg.setConfigOptions(
            background=self.colors.ground, foreground=self.colors.faint, antialias=False
        )

    def pen(self, number: int) -> QPen:
        """Return the pen of the series `number`: eight colors, then other dashes."""
        color = QColor(SERIES[number % len(SERIES)])
        if self.colors.name == "light" and SERIES[number % len(SERIES)] == "#F0E442":
            # Yellow on white cannot be seen.
            color = color.darker(140)
        style = _STYLES[number // len(SERIES) % len(_STYLES)]
        pen: QPen = pg.mkPen(color, width=1, style=style)
        return pen

    def _palette(self) -> QPalette:
        colors = self.colors
        palette = QPalette()
        roles = QPalette.ColorRole
        pairs = {
            roles.Window: colors.panel,
            roles.WindowText: colors.text,
            roles.Base: colors.ground,
            roles.AlternateBase: colors.raised,
            roles.Text: colors.text,
            roles.PlaceholderText: colors.faint,
            roles.Button: colors.raised,
            roles.ButtonText: colors.text,
            roles.ToolTipBase: colors.raised,
            roles.ToolTipText: colors.text,
            roles.Highlight: colors.accent,
            roles.HighlightedText: colors.ground,
            roles.Link: colors.accent,
        }
        for role, color in pairs.items():
            palette.setColor(role, QColor(color))
        for role in (roles.WindowText, roles.Text, roles.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colors.stale))
        return palette

    def _outlined_palette(self) -> QPalette:
        """Return colors with which the style draws outlines that can be seen.

        It takes them from the color of the window, 1.4 times as dark.
        """
        palette = self._palette()
        palette.setColor(QPalette.ColorRole.Window, QColor(self.colors.outline).lighter(140))
        return palette

    def _style_sheet(self) -> str:
        colors = self.colors
        return f"""
        QToolTip {{ color: {colors.text}; background: {colors.raised};
                    border: 1px solid {colors.border}; padding: 4px; }}
        QGroupBox {{ border: 1px solid {colors.border}; border-radius: 6px;
                     margin-top: 1.1em; padding: 6px; }}
        QGroupBox::title {{ subcontrol-origin: margin; left: 8px; color: {colors.faint}; }}
        *:focus {{ outline: none; }}
        QPushButton:focus, QLineEdit:focus, QListView:focus, QTreeView:focus, QTableView:focus,
        QPlainTextEdit:focus
            {{ border: 1px solid {colors.accent}; }}
        QPushButton {{ background: {colors.raised}; border: 1px solid {colors.border};
                       border-radius: 4px; padding: 4px 8px; }}
        QPushButton:hover {{ border-color: {colors.accent}; }}
        QPushButton:disabled {{ color: {colors.stale}; }}
        QPushButton:checked {{ background: {colors.accent}; color: {colors.ground};
                               border: 2px solid {colors.text}; padding: 3px 7px; }}
        """
