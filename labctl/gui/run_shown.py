"""What is shown of the selected runs: one in full, two compared, nothing of more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QStackedWidget, QWidget

from labctl.errors import RunFileError
from labctl.gui.run_background import Background, Job
from labctl.gui.run_compare import RunComparison
from labctl.gui.run_facts import RunFacts, read_facts
from labctl.gui.run_preview import RunPreview
from labctl.gui.theme import Theme
from labctl.runs.run_index import IndexedRun

__all__ = ["RunShown"]

_TWO: Final = 2


class RunShown(QStackedWidget):
    """Reads files beside the window; what is selected no more is dropped."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._wanted: tuple[IndexedRun, ...] = ()
        self._background = Background("preview of a run", self)
        self.words = QLabel()
        self.words.setAccessibleName("what is shown of the selection")
        self.words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.preview = RunPreview(theme)
        self.comparison = RunComparison(theme)
        for page in (self.words, self.preview, self.comparison):
            self.addWidget(page)
        self.show_runs([])

    @property
    def is_reading(self) -> bool:
        """Whether what is shown is not yet what is selected."""
        return self._background.is_busy

    def show_runs(self, runs: Sequence[IndexedRun]) -> None:
        """Show these; the same ones again only where the list has read them anew."""
        wanted = tuple(runs)
        if wanted and wanted == self._wanted:
            return
        self._wanted = wanted
        self._background.drop()
        if not runs:
            self._tell("Select a run to look at it, two to compare them.")
        elif len(runs) > _TWO:
            self._tell(f"{len(runs)} runs are selected; two can be compared.")
        else:
            paths = [run.found.path for run in runs]
            self._background.begin(lambda job: self._read(job, paths))

    def end(self) -> None:
        """Read no more."""
        self._background.end()
        self._wanted = ()

    def _read(self, job: Job, paths: Sequence[Path]) -> None:
        """Read in the background."""
        found: list[RunFacts] = []
        for path in paths:
            if job.is_over:
                return
            try:
                found.append(read_facts(path))
            except RunFileError as error:
                job.post(partial(self._tell, f"⚠ {error}"))
                return
        # Decoded here: it takes longer than a frame.
        png = next(iter(found[0].figures.values()), b"")
        figure = QImage.fromData(png) if png and len(found) == 1 else QImage()
        job.post(lambda: self._show(found, figure))

    def _show(self, found: Sequence[RunFacts], figure: QImage) -> None:
        if len(found) == 1:
            self.preview.show_facts(found[0], figure)
            self.setCurrentWidget(self.preview)
        else:
            self.comparison.show_runs(found[0], found[1])
            self.setCurrentWidget(self.comparison)

    def _tell(self, text: str) -> None:
        self.words.setText(text)
        self.setCurrentWidget(self.words)
