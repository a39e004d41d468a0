"""The thread that owns a run file: takes what was queued, writes it and acknowledges it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from labctl.errors import RunFileError
from labctl.storage.disk_space import free_space_fault
from labctl.storage.mailbox import Mailbox
from labctl.storage.writer import Acknowledgement, RunWriter
from labctl.tags.block import TagBlock

__all__ = ["AckRule", "Item", "QueuedRecord", "QueuedTags", "WriterThread"]

#: What an item weighs in the queue beside its arrays or bytes.
_ITEM_BYTES: Final = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AckRule:
    """When to acknowledge: after this time or this many bytes, whichever comes first."""

    interval_s: float
    n_bytes: int


@dataclass(frozen=True, slots=True)
class QueuedTags:
    """A block on its way into the file."""

    tagger: str
    block: TagBlock
    utc_ns: int

    @property
    def size_bytes(self) -> int:
        """Memory that it holds in the queue."""
        return self.block.times_ps.nbytes + self.block.channels.nbytes + _ITEM_BYTES


@dataclass(frozen=True, slots=True)
class QueuedRecord:
    """A record of one of the streams on its way into the file."""

    stream: str
    record: bytes
    utc_ns: int
    number: int | None = None
    total: int = 0

    @property
    def size_bytes(self) -> int:
        """Memory that it holds in the queue."""
        return len(self.record) + _ITEM_BYTES


#: An event is set once all that was queued before it is acknowledged, or the file failed.
Item: TypeAlias = QueuedTags | QueuedRecord | threading.Event


class WriterThread:
    """Drains `mailbox` into `writer` until the mailbox is closed and empty.

    The writer belongs to this thread from `start` on. `fault` and `disk_fault` are set by it and
    read by everyone: after `fault` nothing is written any more, after `disk_fault` no tags should
    be queued.
    """

    def __init__(
        self,
        writer: RunWriter,
        mailbox: Mailbox[Item],
        rule: AckRule,
        *,
        min_free_bytes: int,
        on_ack: Callable[[Acknowledgement], None] | None,
    ) -> None:
        self.fault: RunFileError | None = None
        self.disk_fault: RunFileError | None = None
        self._writer = writer
        self._mailbox = mailbox
        self._rule = rule
        self._min_free_bytes = min_free_bytes
        self._on_ack = on_ack
        self._in_hand: deque[Item] = deque()
        self._waiting: list[threading.Event] = []
        self._unsafe_bytes = 0
        self._unsafe_since_s: float | None = None
        # A daemon, so that a forgotten close() cannot keep the process alive: the file is
        # consistent at every moment.
        self._thread = threading.Thread(
            target=self._run, name=f"recorder of {writer.path.name}", daemon=True
        )

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end, which comes after the mailbox was closed."""
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._mailbox.is_exhausted:
                self._in_hand.extend(self._mailbox.take_all(self._time_left_s()))
                while self._in_hand:
                    self._handle(self._in_hand.popleft())
                    if self._is_due():
                        self._acknowledge()
                if self._is_due():
                    self._acknowledge()
            self._publish(self._writer.finish())
        except Exception as error:  # noqa: BLE001 - a thread has no caller: `fault` is its raise
            self._fail(error)
        self._release_waiting()

    def _handle(self, item: Item) -> None:
        if isinstance(item, threading.Event):
            self._waiting.append(item)
            return
        if isinstance(item, QueuedTags):
            n_bytes = self._writer.add_tags(item.tagger, item.block, item.utc_ns)
        else:
            n_bytes = self._writer.add_record(
                item.stream, item.record, item.utc_ns, item.number, item.total
            )
        self._unsafe_bytes += n_bytes
        if self._unsafe_since_s is None:
            self._unsafe_since_s = time.monotonic()

    def _time_left_s(self) -> float | None:
        if self._unsafe_since_s is None:
            return None
        return max(0.0, self._unsafe_since_s + self._rule.interval_s - time.monotonic())

    def _is_due(self) -> bool:
        if self._waiting or self._unsafe_bytes >= self._rule.n_bytes:
            return True
        left_s = self._time_left_s()
        return left_s is not None and left_s <= 0

    def _acknowledge(self) -> None:
        if self._unsafe_since_s is not None:
            acknowledgement = self._writer.commit()
            self._unsafe_bytes = 0
            self._unsafe_since_s = None
            self._publish(acknowledgement)
        # Before the waiting are told: whoever returns from sync() sees the disk as it was left.
        self.disk_fault = free_space_fault(self._writer.path, self._min_free_bytes)
        self._release_waiting()

    def _publish(self, acknowledgement: Acknowledgement) -> None:
        if self._on_ack is None:
            return
        try:
            self._on_ack(acknowledgement)
        except Exception:  # noqa: BLE001 - a consumer's mistake must not end the recording
            _log.exception("on_ack of the recorder of %s failed", self._writer.path)

    def _fail(self, error: Exception) -> None:
        safe = self._writer.acknowledged
        until = ", ".join(f"{name} to {ps} ps" for name, ps in safe.safe_until_ps.items())
        fault = RunFileError(
            f"the recorder stopped: {error}",
            hint=f"All up to acknowledgement {safe.number} is intact ({until or 'no tags'}).",
        )
        fault.__cause__ = error
        self.fault = fault
        self._mailbox.close()
        with suppress(RunFileError, OSError):
            self._writer.abandon()
        for item in (*self._in_hand, *self._mailbox.take_all(0)):
            if isinstance(item, threading.Event):
                item.set()

    def _release_waiting(self) -> None:
        for event in self._waiting:
            event.set()
        self._waiting.clear()
