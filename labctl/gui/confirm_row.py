"""A question within a panel, where a dialog would stand in the way of a run."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QSizePolicy, QVBoxLayout

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.theme import Theme

__all__ = ["ConfirmRow"]


class ConfirmRow(QFrame):
    """What is asked, a button that does it, and one that does not; hidden until `ask`."""

    def __init__(self, theme: Theme, yes: str, no: str) -> None:
        super().__init__()
        self._theme = theme
        self._act: Callable[[], None] | None = None
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setAccessibleName("question")
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.yes_button, self.no_button = QPushButton(yes), QPushButton(no)
        self.yes_button.clicked.connect(self._confirmed)
        self.no_button.clicked.connect(self.dismiss)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.text)
        buttons = FlowLayout()
        buttons.addWidget(self.yes_button)
        buttons.addWidget(self.no_button)
        layout.addLayout(buttons)
        theme.changed.connect(self._draw)
        self._draw()
        self.setVisible(False)

    def ask(self, text: str, act: Callable[[], None]) -> None:
        """Ask; `act` is done when it is confirmed. The focus goes to the harmless answer."""
        self._act = act
        self.text.setText(text)
        self.setVisible(True)
        self.no_button.setFocus()

    def dismiss(self) -> None:
        """Ask no longer."""
        self._act = None
        self.setVisible(False)

    def _confirmed(self) -> None:
        act = self._act
        self.dismiss()
        if act is not None:
            act()

    def _draw(self) -> None:
        colors = self._theme.colors
        self.setStyleSheet(
            f"ConfirmRow {{ background: {colors.warning}; border-radius: 5px; }}"
            f"ConfirmRow QLabel {{ color: {colors.warning_text}; background: transparent; }}"
        )
