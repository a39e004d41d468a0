"""Ctrl+S: what is looked at, as picture, drawing and numbers, beside the run it belongs to."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from PySide6.QtCore import QBuffer, QIODevice, QPoint, QRect, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QGraphicsView, QWidget

from labctl.errors import LabError, RunFileError
from labctl.gui.link import ServiceLink
from labctl.gui.rights import why_no_service
from labctl.service import LabClient

__all__ = ["Snapshot", "Tabular", "drawing_of"]

_UNDER_WAY: Final = frozenset({"running", "paused"})


@runtime_checkable
class Tabular(Protocol):
    """A panel that gives what it shows as numbers."""

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return names of columns, and rows."""
        ...


@dataclass(frozen=True, slots=True)
class _Picture:
    """What is to be written, taken in the window's thread; any thread may write it."""

    stem: Path
    image: QImage
    drawing: bytes
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def write(self) -> list[Path]:
        """Write the files and return them.

        Raises:
            RunFileError: the folder cannot be written to.
        """
        picture, drawing = self.stem.with_suffix(".png"), self.stem.with_suffix(".svg")
        try:
            self.stem.parent.mkdir(parents=True, exist_ok=True)
            if not self.image.save(str(picture)):
                raise RunFileError(f"{picture} cannot be written", hint="Is the disk full?")
            drawing.write_bytes(self.drawing)
            if not self.columns:
                return [picture, drawing]
            table = self.stem.with_suffix(".csv")
            with table.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(self.columns)
                writer.writerows(self.rows)
        except OSError as error:
            raise RunFileError(
                f"the snapshot {self.stem.name} cannot be written to {self.stem.parent} "
                f"({error.strerror})",
                hint="Free some space, or make the folder writable.",
            ) from error
        return [picture, drawing, table]


class Snapshot:
    """Takes snapshots of what is seen; writing waits for nobody. For the window's thread.

    During a run the files stand beside the run file and the run's log names them; else they go
    to the folder of the last run, or to the data folder where there was none.

    Args:
        link: to the service, which knows run and folder.
        shown: gives the view that is seen, with its name.
        tell: shows a line to the operator.
    """

    def __init__(
        self,
        link: ServiceLink,
        shown: Callable[[], tuple[str, QWidget]],
        tell: Callable[[str], None],
    ) -> None:
        self._link, self._shown, self._tell = link, shown, tell

    def why_not(self) -> str:
        """Return why none can be taken now; empty when it can."""
        return "" if self._folder() is not None else why_no_service(self._link)

    def take(self) -> None:
        """Take a snapshot of the view that is shown, and tell where it is."""
        folder = self._folder()
        if folder is None:
            return
        title, view = self._shown()
        picture = self._picture(view, folder / self._name(title))
        is_run = self._is_run_under_way()

        def act(client: LabClient) -> tuple[list[Path], str]:
            files = picture.write()
            if not is_run:
                return files, ""
            try:
                client.note(f"snapshot of {title}: {picture.stem.name}")
            except LabError as error:
                return files, f"; the run could not be told: {error}"
            return files, "; noted in the run"

        self._link.ask("take a snapshot", act, self._told, lambda error: self._tell(str(error)))

    def _told(self, found: tuple[list[Path], str]) -> None:
        files, more = found
        kinds = ", ".join(file.suffix.removeprefix(".").upper() for file in files)
        self._tell(f"Snapshot: {files[0].with_suffix('')} ({kinds}){more}")

    def _picture(self, view: QWidget, stem: Path) -> _Picture:
        columns, rows = view.table() if isinstance(view, Tabular) else ([], [])
        return _Picture(stem, view.grab().toImage(), drawing_of(view), columns, rows)

    def _run(self) -> dict[str, Any]:
        run: dict[str, Any] = self._link.latest.get("run") or {}
        return run

    def _is_run_under_way(self) -> bool:
        return self._run().get("state") in _UNDER_WAY

    def _folder(self) -> Path | None:
        if path := self._run().get("path"):
            return Path(path).parent
        folder = (self._link.latest.get("service") or {}).get("folder")
        return None if folder is None else Path(folder)

    def _name(self, title: str) -> str:
        """Return a name that sorts among run files: time, view, and the run it was taken in."""
        words = [f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}"[:-3], title.lower().replace(" ", "_")]
        if self._run().get("uid"):
            words.append(str(self._run()["uid"]))
        return "_".join(words)


def drawing_of(view: QWidget) -> bytes:
    """Return a widget as SVG; lines and texts stay lines and texts.

    pyqtgraph's own export of SVG fails with Qt 6.11 (pyqtgraph issue 3495).
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    # Texts then are as large beside each other as they are on the screen.
    generator.setResolution(view.logicalDpiX())
    generator.setSize(QSize(view.width(), view.height()))
    generator.setViewBox(QRect(0, 0, view.width(), view.height()))
    generator.setTitle(view.windowTitle() or "labctl")
    painter = QPainter(generator)
    with _drawn_as_shapes(view):
        # A plot's own `render` draws its scene only, and takes other arguments.
        QWidget.render(view, painter, QPoint())
    painter.end()
    buffer.close()
    return bytes(buffer.data().data())


@contextmanager
def _drawn_as_shapes(view: QWidget) -> Iterator[None]:
    """Have plots draw their symbols as shapes: otherwise they are stamped as small pictures."""
    plots = view.findChildren(QGraphicsView)
    if isinstance(view, QGraphicsView):
        plots.append(view)
    items: list[Any] = [
        item for plot in plots for item in plot.scene().items() if hasattr(item, "setExportMode")
    ]
    for item in items:
        item.setExportMode(True, {"antialias": True, "resolutionScale": 1.0})
    try:
        yield
    finally:
        for item in items:
            item.setExportMode(False)
