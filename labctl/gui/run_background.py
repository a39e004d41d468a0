"""Work that takes longer than a frame, done in a thread of its own, the newest first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer

__all__ = ["Background", "Job"]

_TICK_MS: Final = 33


class Job:
    """What a piece of work sees of the window; used in its thread."""

    def __init__(self, post: Callable[[Job, Callable[[], None]], None]) -> None:
        self._post = post
        self._is_over = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether nobody wants it any more: it ends as soon as it can."""
        return self._is_over.is_set()

    def supersede(self) -> None:
        """Let it end; what it posts from now on is dropped."""
        self._is_over.set()

    def post(self, act: Callable[[], None]) -> None:
        """Have `act` called in the window's thread, unless the job is over by then."""
        self._post(self, act)


class Background(QObject):
    """Does one job at a time; a new one supersedes what is done and what waits.

    Lives in the window's thread. There is a thread and a running timer only while there is work.
    """

    def __init__(self, name: str, parent: QObject) -> None:
        super().__init__(parent)
        self._name = name
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._waiting: tuple[Job, Callable[[Job], None]] | None = None
        self._thread: threading.Thread | None = None
        self._posted: deque[tuple[Job, Callable[[], None]]] = deque()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def is_busy(self) -> bool:
        """Whether something is being done."""
        return self._thread is not None or bool(self._posted)

    def begin(self, work: Callable[[Job], None]) -> None:
        """Do `work` as soon as what is done now has noticed that it is over."""
        self.drop()
        self._job = Job(lambda job, act: self._posted.append((job, act)))
        with self._lock:
            self._waiting = (self._job, work)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._timer.start(_TICK_MS)

    def drop(self) -> None:
        """Want nothing of what is done now."""
        if self._job is not None:
            self._job.supersede()
        with self._lock:
            self._waiting = None

    def end(self) -> None:
        """Drop everything and wait for the thread."""
        self.drop()
        thread = self._thread
        if thread is not None:
            thread.join()
        self._posted.clear()
        self._timer.stop()

    def _run(self) -> None:
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, None
                if waiting is None:
                    self._thread = None
                    return
            job, work = waiting
            work(job)

    def _tick(self) -> None:
        for _ in range(len(self._posted)):
            job, act = self._posted.popleft()
            if not job.is_over:
                act()
        if not self.is_busy:
            self._timer.stop()
