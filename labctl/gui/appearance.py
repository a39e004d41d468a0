"""How the window looks: theme, font, views at once, docks; kept from one window to the next."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QMainWindow

from labctl.gui.commands import Command, Commands
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.gui.views import Views

__all__ = ["Appearance"]

#: Changes when docks are added or renamed, so that an old layout is not forced on a new window.
_LAYOUT_VERSION: Final = 2
#: A change of the font has gone through all panels by then.
_LAID_OUT_MS: Final = 100
#: A window this large has room for all views at once.
_TILED_PX: Final = (1600, 900)


class Appearance:
    """The commands that change how a window looks, and what it remembers of that.

    Made once all docks of the window are there: the layout that they have then is the original.
    """

    def __init__(
        self,
        window: QMainWindow,
        theme: Theme,
        views: Views,
        settings: QSettings,
        commands: Commands,
    ) -> None:
        self._window, self._theme, self._views, self._settings = window, theme, views, settings
        self._original = window.saveState(_LAYOUT_VERSION)
        self._size = window.size()
        self._laid_out = QTimer(window)
        self._laid_out.setSingleShot(True)
        self._laid_out.setInterval(_LAID_OUT_MS)
        self._laid_out.timeout.connect(self._take_size_back)
        for command in (
            Command("theme", "Dark or light", self.switch_theme, "Ctrl+D", "View"),
            Command("font", "Large font", self.switch_font, "Ctrl+Shift+L", "View"),
            Command("tile", "All views at once", self.tile, "Ctrl+Shift+T", "View", self._why_tabs),
            Command("layout.save", "Keep this layout", self.save, "", "View"),
            Command("layout.reset", "Original layout", self.reset, "", "View"),
        ):
            commands.add(command)

    def switch_theme(self) -> None:
        """Take the light theme after the dark one, and the other way round."""
        colors = LIGHT if self._theme.colors.name == "dark" else DARK
        self._theme.set(colors, is_large=self._theme.is_large)

    def switch_font(self) -> None:
        """Take the large font after the ordinary one, and the other way round."""
        self._size = self._window.size()
        self._theme.set(self._theme.colors, is_large=not self._theme.is_large)
        if not self._window.isMaximized():
            self._laid_out.start()

    def tile(self) -> None:
        """Show all views at once, or one at a time again."""
        self._views.set_tiled(is_tiled=not self._views.is_tiled)

    def save(self) -> None:
        """Keep where the docks are, the theme and the size of the font."""
        self._settings.setValue("geometry", self._window.saveGeometry())
        self._settings.setValue("docks", self._window.saveState(_LAYOUT_VERSION))
        self._settings.setValue("theme", self._theme.colors.name)
        self._settings.setValue("large", self._theme.is_large)
        self._settings.setValue("tiled", self._views.is_tiled)
        self._settings.sync()

    def reset(self) -> None:
        """Go back to the layout that the window has when it is new."""
        self._views.set_tiled(is_tiled=False)
        self._window.restoreState(self._original, _LAYOUT_VERSION)

    def restore(self) -> None:
        """Take what a former window has kept."""
        if (geometry := self._settings.value("geometry")) is not None:
            self._window.restoreGeometry(geometry)
        if (docks := self._settings.value("docks")) is not None:
            self._window.restoreState(docks, _LAYOUT_VERSION)
        was_tiled = self._settings.value("tiled") in {True, "true"}
        self._views.set_tiled(is_tiled=was_tiled and not self._why_tabs())

    def _take_size_back(self) -> None:
        """Be as large as before: on the way to a new layout a window can need more room."""
        self._window.resize(self._size)

    def _why_tabs(self) -> str:
        """Return why views cannot be shown at once; empty where they can, or are."""
        width, height = _TILED_PX
        size = self._window.size()
        if self._views.is_tiled or (size.width() >= width and size.height() >= height):
            return ""
        return f"the window is smaller than {width} × {height}"
