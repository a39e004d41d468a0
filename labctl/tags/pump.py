"""The pump: one thread per tagger that carries its stream to the consumers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from labctl.clock import Clock
from labctl.errors import LabError, LinkError, ReplyTimeoutError
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock
from labctl.tags.decoder import TagDecoder
from labctl.tags.fanout import TagFanout
from labctl.tags.seam import Seam
from labctl.tags.tagger import TimeTagger

__all__ = ["TagPump", "split"]

#: A read returns at least this often, so that stopping never waits longer.
_READ_TIMEOUT_S = 0.05


class TagPump:
    """Reads, decodes and publishes one tagger's stream while it has users.

    May be started, stopped and suspended by any thread. A stream that was interrupted while it
    had users goes on in tag time: its first block carries GAP and begins no earlier than the
    last one ended, so that no tag time comes twice. The pump keeps the relation between bench
    time and tag time: `tag_time_ps(now_s)` is at most the true tag time, by the shortest
    transport delay seen so far.
    """

    def __init__(self, tagger: TimeTagger, clock: Clock) -> None:
        self.tagger = tagger
        self.fanout = TagFanout(is_patient=tagger.is_patient)
        self.error: LabError | None = None
        #: True once a stream that ends, such as a file's, has been delivered to its end.
        self.is_finished = False
        #: How often the stream was started again for the same users.
        self.restarts = 0
        self._clock = clock
        self._control = threading.RLock()
        self._users: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress = threading.Condition()
        self._start_ps: int | None = None
        self._stop_ps: int | None = None
        self._offset_s: float | None = None
        self._seam = Seam(tagger.resolution_ps)
        self._sequence = 0
        self._tags = 0
        self._lost = 0

    @property
    def is_running(self) -> bool:
        """True while the stream is carried."""
        return self._thread is not None and self._thread.is_alive() and self.error is None

    @property
    def users(self) -> frozenset[str]:
        """Who wants the stream to run."""
        return self._users

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
        """Return the tag time at bench time `now_s`, or None before the first block.

        After an interruption it is None until the stream has come back.
        """
        offset_s = self._offset_s
        return None if offset_s is None else round((now_s - offset_s) * 1e12)

    def start(self, user: str = "") -> None:
        """Stream for `user` until its `stop`; several users share one stream.

        Raises:
            LabError: the tagger does not start; once it was brought back, by `suspended`, it
                streams for `user`.
        """
        with self._control:
            is_first, self._users = not self._users, self._users | {user}
            if self.is_running:
                return
            if is_first:
                self._forget()
            self._resume()

    def stop(self, user: str = "") -> None:
        """End the stream unless others use it, and join the thread.

        Raises:
            LabError: what the instrument raises.
        """
        with self._control:
            self._users -= {user}
            if not self._users:
                self._halt()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let the tagger answer commands meanwhile, also one whose stream has failed.

        Afterwards the stream goes on for its users; where the tagger is out of reach, they are
        told.

        Raises:
            LabError: the tagger does not start again.
        """
        with self._control:
            # A wire that was lost cannot end the stream; what is asked next will say so.
            with suppress(LabError):
                self._halt()
            try:
                yield
            except (LinkError, ReplyTimeoutError) as error:
                if self._users:
                    self._fail(error)
                raise
            except BaseException:
                self._resume()
                raise
            self._resume()

    def _resume(self) -> None:
        if not self._users:
            return
        try:
            self._launch()
        except LabError as error:
            self._fail(error)
            raise

    def _forget(self) -> None:
        """Begin a new tag time: nobody has seen the former one to its end."""
        self._start_ps = self._stop_ps = self._offset_s = None
        self._seam.forget()

    def _launch(self) -> None:
        if self._stop_ps is not None:
            self.restarts += 1
            self._seam.interrupt(self._stop_ps, self._offset_s)
        self._offset_s = None
        self.error = None
        self.is_finished = False
        self._stopping.clear()
        self.fanout.begin()
        decoder = self.tagger.start_stream()
        self._thread = threading.Thread(
            target=self._run, args=(decoder,), name=f"pump {self.tagger.name}", daemon=True
        )
        self._thread.start()

    def _halt(self) -> None:
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
        error.device = error.device or self.tagger.name
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
        block = self._seam.joined(block, now_s)
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
