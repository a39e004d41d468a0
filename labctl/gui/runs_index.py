"""What is known of the runs in the data folder: read beside the window, kept, read anew if changed.

A few new files are read by a thread. Many are read by a process of their own, whose Python does
not compete with the one that draws.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from labctl.gui.run_background import Background, Job
from labctl.runs.kept_index import keep_index, kept_index
from labctl.runs.run_index import IndexedRun, Stamp, from_line, index_run, stamped_runs

__all__ = ["RunsIndex", "short_path"]

#: To read more files than this takes longer than to start a process for it.
_MANY: Final = 40
#: The list grows in steps: each draws it anew.
_TELL_EVERY_S: Final = 0.25
_END_WITHIN_S: Final = 2.0

Known = dict[Path, tuple[Stamp, IndexedRun]]


class RunsIndex(QObject):
    """The runs of one folder, newest first; lives in the window's thread.

    Attributes:
        changed: other runs are known than before.
        told: how far the reading is, in words.
    """

    changed = Signal()
    told = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._known: Known = {}
        self._order: list[Path] = []
        self._background = Background("index of runs", self)

    @property
    def runs(self) -> list[IndexedRun]:
        """What is known so far, newest first."""
        return [self._known[path][1] for path in self._order if path in self._known]

    @property
    def is_reading(self) -> bool:
        """Whether files are being read."""
        return self._background.is_busy

    def refresh(self, folder: Path) -> None:
        """Read what is new in the folder or has changed."""
        known = dict(self._known)
        self._background.begin(lambda job: self._read(job, folder, known))

    def end(self) -> None:
        """Stop reading."""
        self._background.end()

    def _read(self, job: Job, folder: Path, known: Known) -> None:
        """Read in the background."""
        try:
            stamps = stamped_runs(folder)
            if not known and len(stamps) > _MANY:
                known = {p: kept for p, kept in kept_index(folder).items() if p in stamps}
        except OSError as error:
            text = f"{folder} cannot be read: {error.strerror}"
            job.post(lambda: self.told.emit(text))
            return
        job.post(lambda: self._take_order(list(stamps)))
        fresh = {path: kept for path, kept in known.items() if _is_fresh(kept, stamps.get(path))}
        _post_found(job, self, fresh, f"looking at {len(stamps)} files …")
        unread = [path for path in stamps if path not in fresh]
        found: Known = {}
        told_s = time.monotonic()
        for number, run in enumerate(_indexed(unread, job), 1):
            path = unread[number - 1]
            found[path] = (stamps[path], run)
            if time.monotonic() - told_s > _TELL_EVERY_S:
                told_s = time.monotonic()
                _post_found(job, self, found, f"reading {number} of {len(unread)} files …")
                fresh |= found
                found = {}
        name = short_path(folder)
        where = f"in {name}" if folder.is_dir() else f"there is no folder {name} yet"
        count = f"{len(stamps)} run{'' if len(stamps) == 1 else 's'} "
        _post_found(job, self, found, count + where if folder.is_dir() else where)
        if len(unread) > _MANY and not job.is_over:
            keep_index(folder, fresh | found)

    def take(self, found: Known, text: str) -> None:
        """Know these too."""
        if any(self._known.get(path) != kept for path, kept in found.items()):
            self._known |= found
            self.changed.emit()
        self.told.emit(text)

    def _take_order(self, order: list[Path]) -> None:
        is_less = len(order) < len(self._known)
        self._order = order
        self._known = {path: self._known[path] for path in order if path in self._known}
        if is_less:
            self.changed.emit()


def short_path(path: Path) -> str:
    """Return a path with ~ for the user's own folder, as everybody writes it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _is_fresh(kept: tuple[Stamp, IndexedRun], stamp: Stamp | None) -> bool:
    # A run under way may end without a word in its file: its writer was killed.
    return kept[0] == stamp and kept[1].found.status != "running"


def _post_found(job: Job, index: RunsIndex, found: Known, text: str) -> None:
    job.post(lambda: index.take(found, text))


def _indexed(paths: list[Path], job: Job) -> Iterator[IndexedRun]:
    """Yield what a list shows of each run, in order, until the job is over."""
    rest = iter(paths)
    if len(paths) > _MANY:
        done = 0
        for run in _read_elsewhere(paths, job):
            done += 1
            yield run
        # Had the other process ended early, the rest is read here.
        rest = iter(paths[done:])
    for path in rest:
        if job.is_over:
            return
        yield index_run(path)


def _read_elsewhere(paths: list[Path], job: Job) -> Iterator[IndexedRun]:
    command = [sys.executable, "-m", "labctl.runs.run_index"]
    try:
        process = subprocess.Popen(  # noqa: S603  our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    except OSError:
        return
    try:
        for path in paths:
            if job.is_over or process.stdin is None or process.stdout is None:
                return
            process.stdin.write(json.dumps(str(path)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                return
            yield from_line(line)
    except OSError:
        return
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_END_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
