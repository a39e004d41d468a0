"""The thread that owns a run file, and the one that waits for the disk meanwhile."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from labctl.errors import RunFileError
from labctl.storage.disk_space import DiskWatch
from labctl.storage.items import Item, QueuedRecord, QueuedTags
from labctl.storage.mailbox import Mailbox
from labctl.storage.parts import PartedWriter
from labctl.storage.sync_thread import SyncThread
from labctl.storage.writer import Acknowledgement

__all__ = ["AckRule", "WriterThread"]

#: While the disk confirms, so many times the bytes of an acknowledgement may be written ahead.
_ACKS_AHEAD: Final = 4
#: Points of a fast scan come by the thousand; whether it is time is not asked for each.
_ITEMS_PER_LOOK: Final = 64

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AckRule:
    """When to acknowledge: after this time or this many bytes, whichever comes first."""

    interval_s: float
    n_bytes: int


class WriterThread:
    """Drains `mailbox` into `writer` until the mailbox is closed and empty.

    The writer belongs to this thread from `start` on. When an acknowledgement is due, it commits
    and leaves the wait for the disk (fdatasync) to a second thread: one wait at a time, the next
    commit after its end. Until then it goes on writing, at most four times the bytes of an
    acknowledgement; then it waits too, and what comes stays in the mailbox.

    `fault` is set once and read by everyone: after it nothing is written any more.
    """

    def __init__(
        self,
        writer: PartedWriter,
        mailbox: Mailbox[Item],
        rule: AckRule,
        watch: DiskWatch,
        *,
        on_ack: Callable[[Acknowledgement], None] | None = None,
        on_disk_warning: Callable[[str], None] | None = None,
    ) -> None:
        self.fault: RunFileError | None = None
        self._writer = writer
        self._mailbox = mailbox
        self._rule = rule
        self._watch = watch
        self._on_ack = on_ack
        self._on_disk_warning = on_disk_warning
        self._in_hand: deque[Item] = deque()
        self._waiting: list[threading.Event] = []
        self._n_bytes = 0
        self._unsafe_bytes = 0
        self._unsafe_since_s: float | None = None
        self._syncs = SyncThread(f"sync of {writer.path.name}", mailbox.wake)
        # A daemon, because Python waits for other threads before it calls what atexit holds.
        self._thread = threading.Thread(
            target=self._run, name=f"recorder of {writer.path.name}", daemon=True
        )

    @property
    def disk_fault(self) -> RunFileError | None:
        """Why no more tags should be queued; None while the disk has room."""
        return self._watch.fault

    @property
    def disk_warning(self) -> str | None:
        """When the disk will be full; None while that is far."""
        return self._watch.warning

    def start(self) -> None:
        """Begin to write."""
        # For a forgotten close(): Python stops daemons wherever they are when it exits, and one
        # that is stopped inside HDF5 holds a lock for which the exit then waits forever.
        atexit.register(self.finish)
        self._thread.start()

    def finish(self) -> None:
        """Close the mailbox and wait until what it holds is written and the file is closed."""
        self._mailbox.close()
        self._thread.join()
        atexit.unregister(self.finish)

    def _run(self) -> None:
        try:
            while not self._mailbox.is_exhausted:
                self._in_hand.extend(self._mailbox.take_all(self._time_left_s()))
                while self._in_hand:
                    self._handle_some()
                    self._commit_if_due()
                self._commit_if_due()
            self._wait_for_sync()
            self._tell(self._on_ack, self._writer.finish())
        except Exception as error:  # noqa: BLE001 - a thread has no caller: `fault` is its raise
            self._abandon(error)
        self._release(self._waiting)
        self._syncs.close()

    def _handle_some(self) -> None:
        """Write a few items, up to the first that may make an acknowledgement due."""
        n_written, n_bytes = 0, 0
        add_record = self._writer.add_record
        for _ in range(min(_ITEMS_PER_LOOK, len(self._in_hand))):
            item = self._in_hand.popleft()
            if isinstance(item, QueuedRecord):
                n_bytes += add_record(*item)
                n_written += 1
            elif isinstance(item, QueuedTags):
                n_bytes += self._writer.add_tags(*item)
                n_written += 1
                break
            else:
                self._waiting.append(item)
                break
        self._unsafe_bytes += n_bytes
        if n_written and self._unsafe_since_s is None:
            self._unsafe_since_s = time.monotonic()

    def _time_left_s(self) -> float | None:
        """Return how long to wait for items; the end of a sync wakes this thread itself."""
        if self._unsafe_since_s is None or self._syncs.is_busy:
            return None
        return max(0.0, self._unsafe_since_s + self._rule.interval_s - time.monotonic())

    def _is_due(self) -> bool:
        if self._waiting or self._unsafe_bytes >= self._rule.n_bytes:
            return True
        since_s = self._unsafe_since_s
        return since_s is not None and time.monotonic() >= since_s + self._rule.interval_s

    def _may_write_ahead(self) -> bool:
        return self._syncs.is_busy and self._unsafe_bytes < _ACKS_AHEAD * self._rule.n_bytes

    def _commit_if_due(self) -> None:
        if not self._is_due() or self._may_write_ahead():
            return
        self._wait_for_sync()
        if self._unsafe_since_s is not None:
            self._writer.commit()
        # Not earlier: if the commit fails, they are released by the end of this thread.
        waiting, self._waiting = self._waiting, []
        if self._unsafe_since_s is None:
            self._look_at_disk(self._n_bytes)
            self._release(waiting)
            return
        self._n_bytes += self._unsafe_bytes
        self._unsafe_bytes = 0
        self._unsafe_since_s = None
        n_bytes = self._n_bytes
        self._syncs.begin(lambda: self._sync(n_bytes, waiting))

    def _wait_for_sync(self) -> None:
        """Wait until no sync is in flight; raise what one raised."""
        if error := self._syncs.wait():
            raise error

    def _sync(self, n_bytes: int, waiting: list[threading.Event]) -> None:
        """Wait for the disk and tell everyone; runs in the second thread."""
        try:
            self._tell(self._on_ack, self._writer.sync())
            # Before the waiting are told: whoever returns from sync() sees the disk as it is.
            self._look_at_disk(n_bytes)
        except Exception as error:
            self._set_fault(error)
            raise
        finally:
            self._release(waiting)

    def _look_at_disk(self, n_bytes: int) -> None:
        if new_warning := self._watch.look(time.monotonic(), n_bytes):
            self._tell(self._on_disk_warning, new_warning)

    def _tell(self, consumer: Callable[[T], None] | None, news: T) -> None:
        if consumer is None:
            return
        try:
            consumer(news)
        except Exception:  # noqa: BLE001 - a consumer's mistake must not end the recording
            _log.exception("what was told %r failed", news)

    def _abandon(self, error: Exception) -> None:
        # What is in flight may still become safe; the fault then says so.
        self._syncs.wait()
        self._set_fault(error)
        with suppress(RunFileError, OSError):
            self._writer.abandon()
        left = (*self._in_hand, *self._mailbox.take_all(0))
        self._release([item for item in left if isinstance(item, threading.Event)])

    def _set_fault(self, error: Exception) -> None:
        if self.fault is None:
            safe = self._writer.acknowledged
            until = ", ".join(f"{name} to {ps} ps" for name, ps in safe.safe_until_ps.items())
            fault = RunFileError(
                f"the recorder stopped: {error}",
                hint=f"All up to acknowledgement {safe.number} is intact ({until or 'no tags'}).",
            )
            fault.__cause__ = error
            self.fault = fault
        self._mailbox.close()

    @staticmethod
    def _release(waiting: list[threading.Event]) -> None:
        for event in waiting:
            event.set()
