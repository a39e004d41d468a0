"""What of a window cannot be read or reached: cut texts, inputs without names or reasons."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDockWidget,
    QLabel,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QScrollArea,
    QScrollBar,
    QTabBar,
    QWidget,
)

__all__ = ["cut_texts", "inputs", "mnemonics", "nameless", "unexplained"]

_INPUTS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
)
#: Style sheets and fonts round differently; a pixel cuts no letter.
_SLACK_PX = 1


def inputs(window: QWidget) -> list[QWidget]:
    """Return every visible widget that takes keys for a value or an action."""
    return [
        widget
        for widget in window.findChildren(QWidget)
        if isinstance(widget, _INPUTS)
        and not isinstance(widget, QScrollBar)
        and widget.isVisible()
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not isinstance(widget.parent(), (QAbstractSpinBox, QComboBox, QTabBar))
    ]


def nameless(window: QWidget) -> list[str]:
    """Return the inputs that a screen reader could not name."""
    return [described(w) for w in inputs(window) if not (w.accessibleName() or _text(w))]


def unexplained(window: QWidget) -> list[str]:
    """Return the inputs that are disabled and do not say why."""
    return [
        described(widget)
        for widget in inputs(window)
        if not widget.isEnabled() and not widget.toolTip() and not _explained_above(widget)
    ]


def cut_texts(window: QWidget) -> list[str]:
    """Return the visible texts that have less room than they need, with both."""
    texts = [
        f"{described(widget)}: {problem}"
        for widget in window.findChildren(QWidget)
        if isinstance(widget, (QLabel, QAbstractButton, QComboBox, QAbstractSpinBox))
        and _is_shown(widget)
        and _text(widget)
        and (problem := _lack_of_room(widget))
    ]
    areas = [
        f"{described(area)}: does not show {hidden} px of its width"
        for area in window.findChildren(QScrollArea)
        if _is_shown(area) and (hidden := _hidden_px(area)) > _SLACK_PX
    ]
    tabs = [
        f"{described(bar)}: tab {bar.tabText(number)!r} has {bar.tabRect(number).width()} px"
        for bar in window.findChildren(QTabBar)
        if _is_shown(bar)
        for number in range(bar.count())
        if bar.tabRect(number).width() < _tab_px(bar, number)
    ]
    return texts + areas + tabs


def _tab_px(bar: QTabBar, number: int) -> int:
    """Return the width of a tab's words, without the ampersand that marks their key."""
    return bar.fontMetrics().horizontalAdvance(bar.tabText(number).replace("&", ""))


def mnemonics(window: QWidget) -> list[str]:
    """Return the letters that Alt chooses something with, of all that can be seen."""
    buttons = [one for one in window.findChildren(QAbstractButton) if _is_shown(one)]
    labels = [
        one for one in window.findChildren(QLabel) if _is_shown(one) and one.buddy() is not None
    ]
    texts = [one.text() for one in buttons] + [one.text() for one in labels]
    for bar in window.findChildren(QTabBar):
        texts += [bar.tabText(number) for number in range(bar.count()) if _is_shown(bar)]
    for menus in window.findChildren(QMenuBar):
        texts += [action.text() for action in menus.actions()]
    return [text[text.index("&") + 1].lower() for text in texts if "&" in text.replace("&&", "")]


def described(widget: QWidget) -> str:
    """Return how to find a widget: its type, its words and the panel it is in."""
    words = _text(widget) or widget.accessibleName() or widget.objectName()
    panel: QWidget | None = widget
    while panel is not None and not type(panel).__module__.startswith("labctl."):
        panel = panel.parentWidget()
    return f"{type(widget).__name__} {words!r} in {type(panel).__name__}"


def _text(widget: QWidget) -> str:
    if isinstance(widget, (QLabel, QAbstractButton, QAbstractSpinBox)):
        return widget.text()
    return widget.currentText() if isinstance(widget, QComboBox) else ""


def _is_shown(widget: QWidget) -> bool:
    """Return whether it is visible, and no other dock lies in front of its own."""
    parent: QWidget | None = widget
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return widget.isVisible() and (parent is None or not parent.visibleRegion().isEmpty())


def _hidden_px(area: QScrollArea) -> int:
    never = area.horizontalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAlwaysOff
    content = area.widget()
    return content.width() - area.viewport().width() if never and content is not None else 0


def _explained_above(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None and not parent.isWindow():
        if not parent.isEnabled() and parent.toolTip():
            return True
        parent = parent.parentWidget()
    return False


def _lack_of_room(widget: QWidget) -> str:
    if isinstance(widget, QLabel) and widget.wordWrap():
        needed, given = widget.heightForWidth(widget.width()), widget.height()
        if needed > given + _SLACK_PX:
            return f"needs {needed} px of height, has {given}"
    else:
        # A combo box elides no choice that is chosen, a number no digit: ask for what is shown.
        hint = widget.minimumSizeHint() if isinstance(widget, QComboBox) else widget.sizeHint()
        given_size = widget.size()
        if hint.width() > given_size.width() + _SLACK_PX:
            return f"needs {hint.width()} px of width, has {given_size.width()}"
        if hint.height() > given_size.height() + _SLACK_PX:
            return f"needs {hint.height()} px of height, has {given_size.height()}"
    return _beyond_an_edge(widget)


def _beyond_an_edge(widget: QWidget) -> str:
    """Say which parent ends before the widget does, unless it can be scrolled to."""
    parent: QWidget | None = widget.parentWidget()
    while parent is not None:
        if isinstance(parent.parentWidget(), QAbstractScrollArea):
            return ""
        place = QRect(widget.mapTo(parent, QPoint(0, 0)), widget.size())
        room = parent.rect().adjusted(-_SLACK_PX, -_SLACK_PX, _SLACK_PX, _SLACK_PX)
        if not room.contains(place):
            return f"is cut by {described(parent)}"
        parent = None if parent.isWindow() else parent.parentWidget()
    return ""
