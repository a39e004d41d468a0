"""The menu of a row: copy it for a script or the shell, choose the step, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu

from labctl.gui.number_edit import NumberEdit
from labctl.gui.setting_text import command_line, script_line, step_of

if TYPE_CHECKING:
    from labctl.gui.setting_row import SettingRow

__all__ = ["fill_menu"]

_STEP_FACTORS: Final = (0.01, 0.1, 1.0, 10.0)


def fill_menu(row: SettingRow) -> QMenu:
    """Return the menu of a row, as it is now."""
    menu = QMenu(row)
    for text, line in (
        ("Copy as &script line", script_line(row.path, row.shown_value, row.described)),
        ("Copy as &command", command_line(row.path, row.shown_value, row.described)),
        ("Copy &read-back", row.read_back.text()),
    ):
        menu.addAction(text).triggered.connect(
            lambda _=False, line=line: QGuiApplication.clipboard().setText(line)
        )
    if isinstance(row.editor, NumberEdit):
        menu.addMenu(_steps(row.editor, menu))
    if row.described["is_settable"] and not row.described["is_emission"]:
        menu.addSeparator()
        menu.addAction("&Undo").triggered.connect(lambda: row.undo_asked.emit(row.path))
    return menu


def _steps(editor: NumberEdit, menu: QMenu) -> QMenu:
    steps = QMenu("S&tep", menu)
    usual = step_of(editor.limits, editor.value)
    for factor in _STEP_FACTORS:
        step = float(f"{usual * factor:.3g}")
        action = steps.addAction(editor.text_of(step))
        action.setCheckable(True)
        action.setChecked(step == editor.step_size)
        action.triggered.connect(lambda _=False, step=step: setattr(editor, "step", step))
    return steps
