"""The log as text that can be selected, searched and copied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtGui import (
    QColor,
    QFont,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QApplication, QPlainTextEdit

from labctl.gui.log_lines import LEVELS, MAX_LINES, line_text
from labctl.gui.theme import Theme

__all__ = ["LogView"]

#: So many lines are laid out at once; older ones when somebody scrolls up to them.
_CHUNK_LINES = 500
#: The word of the level stands within so many characters.
_HEAD_CHARACTERS = 20


class LogView(QPlainTextEdit):
    """Lines with the word of their level in its color; goes on at the end while it is there.

    Laying out all lines that are kept would hold the window: older ones come when they are
    scrolled to, or with `show_older`.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._is_filling = False
        self._older: list[Mapping[str, Any]] = []
        self._highlighter = _Highlighter(self.document())
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setMaximumBlockCount(MAX_LINES)
        self.setAccessibleName("log")
        self.setPlaceholderText("No lines")
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(2)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        theme.changed.connect(self._draw)
        self._draw()

    def append_lines(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines; who looks at older ones goes on looking at them."""
        if text := "\n".join(map(line_text, lines)):
            self.appendPlainText(text)

    def show_lines(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Show these lines and no others, the newest in sight."""
        shown = list(lines)
        self._older = shown[:-_CHUNK_LINES]
        self._is_filling = True
        self.setPlainText("\n".join(map(line_text, shown[-_CHUNK_LINES:])))
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._is_filling = False

    def show_older(self) -> None:
        """Put older lines on top; what is in sight stays there."""
        chunk, self._older = self._older[-_CHUNK_LINES:], self._older[:-_CHUNK_LINES]
        if not chunk:
            return
        self._is_filling = True
        first = self.firstVisibleBlock().blockNumber()
        cursor = QTextCursor(self.document())
        cursor.insertText("\n".join(map(line_text, chunk)) + "\n")
        block = self.document().findBlockByNumber(first + len(chunk))
        self.verticalScrollBar().setValue(block.firstLineNumber())
        self._is_filling = False

    def copy_shown(self) -> None:
        """Copy what is selected, or all lines, also those that nobody has scrolled to."""
        if self.textCursor().hasSelection():
            self.copy()
            return
        older = "".join(f"{line_text(line)}\n" for line in self._older)
        QApplication.clipboard().setText(older + self.toPlainText())

    def _scrolled(self, value: int) -> None:
        if value == 0 and not self._is_filling:
            self.show_older()

    def _draw(self) -> None:
        colors = self._theme.colors
        self._highlighter.show_colors(
            {
                "info": (colors.faint, ""),
                "warning": (colors.warning_text, colors.warning),
                "alarm": (colors.alarm_text, colors.alarm),
            }
        )


class _Highlighter(QSyntaxHighlighter):
    """Gives the word of a line's level its color and ground; the words say it without them."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}

    def show_colors(self, colors: Mapping[str, tuple[str, str]]) -> None:
        """Take a text color and a ground per level."""
        for level, (color, ground) in colors.items():
            made = QTextCharFormat()
            made.setForeground(QColor(color))
            if ground:
                made.setBackground(QColor(ground))
                made.setFontWeight(QFont.Weight.Bold)
            self._formats[LEVELS[level]] = made
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:  # noqa: N802  Qt's name
        """Color the word of the level, which stands behind the time."""
        head = text[:_HEAD_CHARACTERS]
        for word, made in self._formats.items():
            place = head.find(word)
            if place >= 0:
                self.setFormat(place, len(word), made)
                return
