"""The pump: one thread per tagger that carries its stream to the consumers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import LabError, ReplyTimeoutError
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock
from labctl.tags.decoder import TagDecoder
from labctl.tags.fanout import TagFanout
from labctl.tags.tagger import TimeTagger

__all__ = ["TagPump", "split"]

#: A read returns at least this often, so that stopping never waits longer.
_READ_TIMEOUT_S = 0.05


class TagPump:
    """Reads, decodes and publishes one tagger's stream between `start` and `stop`.

    The pump keeps the relation between bench time and tag time: `tag_time_ps(now_s)` is at
    most the true tag time, by the shortest transport delay seen so far.
    """

    def __init__(self, tagger: TimeTagger, clock: Clock) -> None:
        self.tagger = tagger
        self.fanout = TagFanout(is_patient=tagger.is_patient)
        self.error: LabError | None = None
        #: True once a stream that ends, such as a file's, has been delivered to its end.
        self.is_finished = False
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress = threading.Condition()
        self._start_ps: int | None = None
        self._stop_ps: int | None = None
        self._offset_s: float | None = None
        self._sequence = 0
        self._tags = 0
        self._lost = 0

    @property
    def is_running(self) -> bool:
        """True while the stream is carried."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def start_ps(self) -> int | None:
        """Beginning of the interval delivered so far, or None before the first block."""
        return self._start_ps

    @property
    def stop_ps(self) -> int | None:
        """End of the interval delivered so far, or None before the first block."""
        return self._stop_ps

    @property
    def tags(self) -> int:
        """Tags carried since the pump was made."""
        return self._tags

    @property
    def lost(self) -> int:
        """Tags the instrument says it dropped since the pump was made."""
        return self._lost

    def tag_time_ps(self, now_s: float) -> int | None:
        """Return the tag time at bench time `now_s`, or None before the first block."""
        if self._offset_s is None:
            return None
        return round((now_s - self._offset_s) * 1e12)

    def start(self) -> None:
        """Begin streaming.

        Raises:
            LabError: the tagger does not start.
        """
        if self.is_running:
            return
        self.error = None
        self.is_finished = False
        self._start_ps = None
        self._stop_ps = self._offset_s = None
        self._stopping.clear()
        self.fanout.take_time()
        decoder = self.tagger.start_stream()
        self._thread = threading.Thread(
            target=self._run, args=(decoder,), name=f"pump {self.tagger.name}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End streaming and join the thread; raises what the instrument raises."""
        if self._thread is None:
            return
        self._stopping.set()
        self.fanout.hurry()
        self._thread.join()
        self._thread = None
        self.tagger.stop_stream()

    def wait_for(self, stop_ps: int, timeout_s: float) -> bool:
        """Wait in wall-clock time until tags up to `stop_ps` were delivered.

        Raises:
            LabError: the stream ended with this error.
        """
        with self._progress:
            self._progress.wait_for(
                lambda: (
                    self.error is not None
                    or (self._stop_ps is not None and self._stop_ps >= stop_ps)
                ),
                timeout_s,
            )
        if self.error is not None:
            raise self.error
        return self._stop_ps is not None and self._stop_ps >= stop_ps

    def _run(self, decoder: TagDecoder) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    data = self.tagger.read_stream(_READ_TIMEOUT_S)
                except ReplyTimeoutError:
                    continue
                block = decoder.feed(data)
                while block is not None:
                    self._deliver(block)
                    block = decoder.feed(b"")
                if decoder.is_finished:
                    self._finish()
                    return
        except LabError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  consumers must learn of a driver's bug too
            failure = LabError(f"the driver failed: {error!r}", device=self.tagger.name)
            failure.__cause__ = error
            self._fail(failure)

    def _fail(self, error: LabError) -> None:
        self.error = error
        self.fanout.fail(error)
        with self._progress:
            self._progress.notify_all()

    def _finish(self) -> None:
        with self._progress:
            self.is_finished = True
            self._progress.notify_all()

    def _deliver(self, block: TagBlock) -> None:
        now_s = self._clock.now_s()
        for part in split(block):
            self.fanout.publish(replace(part, sequence=self._sequence))
            self._sequence += 1
        offset_s = now_s - block.stop_ps * 1e-12
        with self._progress:
            self._tags += len(block)
            self._lost += block.lost
            if self._start_ps is None:
                self._start_ps = block.start_ps
            self._stop_ps = block.stop_ps
            self._offset_s = offset_s if self._offset_s is None else min(self._offset_s, offset_s)
            self._progress.notify_all()


def split(block: TagBlock, max_tags: int = MAX_BLOCK_TAGS) -> Iterator[TagBlock]:
    """Yield `block` in pieces of about `max_tags`, which together cover the same interval.

    Tags of equal time stay together, so a piece can be larger by those.
    """
    first, start_ps = 0, block.start_ps
    while len(block) - first > max_tags:
        stop_ps = int(block.times_ps[first + max_tags])
        last = int(block.times_ps.searchsorted(stop_ps, side="left"))
        if last <= first:
            last = int(block.times_ps.searchsorted(stop_ps, side="right"))
            if last >= len(block):
                break
            stop_ps = int(block.times_ps[last])
        yield TagBlock(
            block.times_ps[first:last], block.channels[first:last], start_ps, stop_ps,
            flags=block.flags,
        )  # fmt: skip
        first, start_ps = last, stop_ps
    # What the instrument lost is said once, with the last piece.
    yield replace(
        block, times_ps=block.times_ps[first:], channels=block.channels[first:], start_ps=start_ps
    )
