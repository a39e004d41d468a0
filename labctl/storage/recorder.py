"""The recorder: a thread that owns a run file and acknowledges what is safe on the disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import numpy as np

from labctl.errors import RunFileError, TagLossError
from labctl.storage.accepted_tags import AcceptedTags
from labctl.storage.disk_space import DiskWatch, free_space_fault
from labctl.storage.header import RunHeader, TaggerHeader
from labctl.storage.items import Item, QueuedRecord, QueuedTags
from labctl.storage.mailbox import Mailbox
from labctl.storage.parts import PartedWriter
from labctl.storage.plain import to_json
from labctl.storage.schema import END_STATUSES, MAX_APPEND_TAGS
from labctl.storage.tag_codec import split
from labctl.storage.writer import Acknowledgement
from labctl.storage.writer_thread import AckRule, WriterThread
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["EndStatus", "Recorder"]

EndStatus: TypeAlias = Literal["finished", "aborted", "failed"]

_MIB: Final = 1024 * 1024
#: A point must not be refused because tags fill the queue.
_TEXT_RESERVE: Final = 16 * _MIB


class Recorder:
    """Records one run into a new file. Its methods may be called from any thread.

    Blocks, points and the rest are queued; the recorder's own thread writes them in order. When
    the oldest has waited for `ack_interval_s` or `ack_bytes` have come together, they are handed
    to the disk, and acknowledged when it has confirmed (fdatasync); meanwhile the thread goes on
    writing, at most four times `ack_bytes`. The file exists, durably, when the constructor
    returns. Without `end` the file reads as interrupted.

    Args:
        path: file to create, see `labctl.storage.run_path`; never overwritten.
        header: facts of the run; taggers: its tag streams.
        ack_interval_s: the longest an item waits until the disk is asked, while the disk keeps up.
        ack_bytes: bytes of the file for which the disk is asked at once.
        queue_bytes: memory for what the disk has not taken yet.
        max_wait_s: how long a call waits for room in the queue.
        min_free_bytes: with less space on the disk, no run starts and a running one takes no
            more tags; what is in the queue, points and the end still find room.
        warn_before_s: how long before that happens, at the present rate, `disk_warning` is set.
        file_limit_bytes: a file of this size is closed, and the run goes on in its next part.
        on_ack: called after each acknowledgement; on_disk_warning: called with the text of each
            new `disk_warning`. Both in a thread of the recorder, and must return soon.

    Raises:
        RunFileError: the file exists, is being written, or cannot be created.
    """

    def __init__(  # noqa: PLR0913 - options with defaults, keyword-only
        self,
        path: Path,
        header: RunHeader,
        taggers: Sequence[TaggerHeader],
        *,
        ack_interval_s: float = 1.0,
        ack_bytes: int = 8 * _MIB,
        queue_bytes: int = 256 * _MIB,
        max_wait_s: float = 2.0,
        min_free_bytes: int = 320 * _MIB,
        warn_before_s: float = 600.0,
        file_limit_bytes: int = 32_000_000_000,
        on_ack: Callable[[Acknowledgement], None] | None = None,
        on_disk_warning: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self._max_wait_s = max_wait_s
        self._planned = header.planned
        self._accepted = AcceptedTags(taggers)
        disk_fault = free_space_fault(path, min_free_bytes)
        if disk_fault is not None:
            raise disk_fault
        self._closing = threading.Lock()
        self._has_ended = False
        self._is_closed = False
        self._writer = PartedWriter(path, header, taggers, limit_bytes=file_limit_bytes)
        self._mailbox: Mailbox[Item] = Mailbox(queue_bytes)
        self._thread = WriterThread(
            self._writer,
            self._mailbox,
            AckRule(ack_interval_s, ack_bytes),
            DiskWatch(path, min_free_bytes, warn_before_s),
            on_ack=on_ack,
            on_disk_warning=on_disk_warning,
        )
        self._thread.start()

    def record(self, tagger: str, block: TagBlock) -> None:
        """Queue a block of tags.

        Raises:
            TagLossError: the queue had no room for `max_wait_s`. The tags that were not taken
                are counted in the file as lost, with MISSED on their interval.
            RunFileError: the file failed, the disk is nearly full, or the run has ended.
            ValueError: the tagger or a channel is not one of the run's.
        """
        self._accepted.check_block(tagger, block)
        self._check_open()
        if self._thread.disk_fault is not None:
            raise _again(self._thread.disk_fault)
        utc_ns = time.time_ns()
        deadline = time.monotonic() + self._max_wait_s
        for part in split(block, MAX_APPEND_TAGS):
            item = QueuedTags(tagger, part, utc_ns)
            wait_s = deadline - time.monotonic()
            if not self._mailbox.put(item, item.size_bytes, wait_s=wait_s):
                self._check_open()
                raise self._lose(item, block)

    def point(self, number: int, total: int, values: Mapping[str, Any]) -> None:
        """Queue the values of point `number` of `total` (0 when unknown).

        Raises:
            RunFileError: as for `record`; the other methods below raise it too.
            TypeError: a value has no JSON form.
        """
        self._put("points", to_json(values), number, total)

    def event(self, level: str, source: str, payload: Any) -> None:
        """Queue an event of the bus."""
        self._put("events", to_json({"level": level, "source": source, "payload": payload}))

    def parameter(self, instrument: str, setting: str, value: Any, unit: str = "") -> None:
        """Queue the change of one setting of an instrument."""
        change = {"instrument": instrument, "setting": setting, "value": value, "unit": unit}
        self._put("parameters", to_json(change))

    def log(self, line: str) -> None:
        """Queue a line of the log."""
        self._put("log", line.encode("utf-8", "backslashreplace"))

    def snapshot(
        self, moment: Literal["start", "change", "end"], instruments: Mapping[str, Any]
    ) -> None:
        """Queue all settings of all instruments at the start, after a change or at the end."""
        self._put("snapshots", to_json({"moment": moment, "instruments": instruments}))

    def figure(self, name: str, png: bytes) -> None:
        """Queue a picture; a name that is used again replaces the earlier picture for readers."""
        self._put("figures", name.encode() + b"\0" + png)

    def end(
        self,
        status: EndStatus,
        reason: str = "",
        result: Any = None,
        *,
        planned: int | None = None,
        taken: int = 0,
        repeated: int = 0,
    ) -> None:
        """Queue how and why the run ended; nothing is taken afterwards but `close`.

        Raises:
            RunFileError: the file failed, or the run has ended before.
            ValueError: `status` is none of the three.
        """
        if status not in END_STATUSES:
            raise ValueError(f"status {status!r} is not one of {', '.join(END_STATUSES)}")
        end = {
            "status": status,
            "reason": reason,
            "stop_utc": datetime.now(UTC).isoformat(timespec="microseconds"),
            "result": result,
            "planned": self._planned if planned is None else planned,
            "taken": taken,
            "repeated": repeated,
        }
        self._put("end", to_json(end))
        self._has_ended = True

    @property
    def acknowledged(self) -> Acknowledgement:
        """The latest acknowledgement; its number is 0 before the first."""
        return self._writer.acknowledged

    @property
    def disk_warning(self) -> str | None:
        """In how many minutes the disk will be full at the present rate; None while it is far."""
        return self._thread.disk_warning

    def safe_until_ps(self, tagger: str) -> int | None:
        """Return the tag time up to which this tagger's tags survive anything; None before."""
        self._accepted.check_tagger(tagger)
        return self.acknowledged.safe_until_ps.get(tagger)

    def sync(self) -> Acknowledgement:
        """Wait until everything queued so far is acknowledged.

        Raises:
            RunFileError: the file failed.
        """
        done = threading.Event()
        if self._mailbox.put_beyond_limit(done, 0):
            done.wait()
        self._check_fault()
        return self.acknowledged

    def close(self) -> None:
        """Write what is queued, acknowledge it and close the file; later calls do nothing.

        Raises:
            RunFileError: the file failed; everything acknowledged is intact.
        """
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            self._thread.finish()
        self._check_fault()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except RunFileError as fault:
            if error is None:
                raise
            # The first error is what the operator must see; the file's goes along with it.
            error.add_note(str(fault))

    def _put(self, stream: str, record: bytes, number: int | None = None, total: int = 0) -> None:
        self._check_open()
        item = QueuedRecord(stream, record, time.time_ns(), number, total)
        accepted = self._mailbox.put(
            item, item.size_bytes, wait_s=self._max_wait_s, reserve_bytes=_TEXT_RESERVE
        )
        if not accepted:
            self._check_open()
            raise RunFileError(
                f"{self.path} did not take a record of {stream}: the disk has not kept up "
                f"for {self._max_wait_s:g} s"
            )

    def _lose(self, refused: QueuedTags, block: TagBlock) -> TagLossError:
        """Queue the loss of the refused part and the rest of its block; return its error."""
        first = refused.block
        n_lost = len(block.between(first.start_ps, block.stop_ps))
        gap = TagBlock(
            np.empty(0, np.int64),
            np.empty(0, np.uint8),
            first.start_ps,
            block.stop_ps,
            lost=n_lost + first.lost,
            flags=first.flags | TagFlags.MISSED,
        )
        # The mark of a loss always finds room; the wait before it keeps such marks few.
        item = QueuedTags(refused.tagger, gap, refused.utc_ns)
        if not self._mailbox.put_beyond_limit(item, item.size_bytes):
            self._check_open()
        return TagLossError(
            f"{n_lost} tags from {first.start_ps} to {block.stop_ps} ps were not recorded: "
            f"the disk has not kept up for {self._max_wait_s:g} s "
            f"and {self._mailbox.size_bytes} bytes wait",
            device=refused.tagger,
            hint="The interval is flagged in the run file.",
        )

    def _check_open(self) -> None:
        # One question in the usual case: this is asked for every point.
        if self._thread.fault is not None or self._is_closed or self._has_ended:
            self._check_fault()
            raise RunFileError(f"{self.path} takes nothing more: its run has ended")

    def _check_fault(self) -> None:
        if self._thread.fault is not None:
            raise _again(self._thread.fault)


def _again(fault: RunFileError) -> RunFileError:
    # A fresh object for each caller: one exception raised in several threads mixes tracebacks.
    copy = RunFileError(fault.message, hint=fault.hint)
    copy.__cause__ = fault.__cause__
    return copy
