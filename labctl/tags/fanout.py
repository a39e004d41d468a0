"""One stream of tag blocks, several consumers; lossless or loud, never silently thinned."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Self

from labctl.errors import LabError, TagLossError
from labctl.tags.block import TagBlock

__all__ = ["TagFanout", "TagSubscription"]

#: 64 Mi tags are 576 MB: minutes of a busy tagger, and still far from a laptop's memory.
DEFAULT_CAPACITY_TAGS = 64 * 1024 * 1024


class TagSubscription:
    """One consumer's bounded queue of blocks; drained in the consumer's own thread."""

    def __init__(self, fanout: TagFanout, capacity_tags: int) -> None:
        self._fanout = fanout
        self._capacity_tags = capacity_tags
        self._blocks: deque[TagBlock] = deque()
        self._tags = 0
        #: What this consumer lost; it stays. What ended the stream goes when the stream does on.
        self._loss: TagLossError | None = None
        self._failure: LabError | None = None
        self._is_hurried = False
        self._changed = threading.Condition()

    def _put(self, block: TagBlock, *, wait: bool) -> None:
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._has_room(block) or self._is_hurried)
            if self._loss is None and not self._has_room(block):
                self._loss = TagLossError(
                    f"a consumer fell behind by {self._tags} tags; tags from "
                    f"{block.start_ps} ps on were not carried to it",
                    hint="Lower the rate, or close what keeps the computer busy.",
                )
            if self._loss is None:
                self._blocks.append(block)
                self._tags += len(block)
            self._changed.notify_all()

    def _has_room(self, block: TagBlock) -> bool:
        return not self._blocks or self._tags + len(block) <= self._capacity_tags

    def _hurry(self) -> None:
        with self._changed:
            self._is_hurried = True
            self._changed.notify_all()

    def _begin(self) -> None:
        with self._changed:
            self._is_hurried = False
            self._failure = None

    def _fail(self, error: LabError) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def get(self, timeout_s: float) -> TagBlock | None:
        """Return the oldest block, or None when none arrives within `timeout_s`.

        Raises:
            LabError: the stream ended with this error, or this consumer fell behind; blocks
                that arrived before are given out first. After the former, blocks come again
                once the stream was started again; the first carries GAP.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._error, timeout_s)
            if self._blocks:
                block = self._blocks.popleft()
                self._tags -= len(block)
                self._changed.notify_all()
                return block
            if self._error is not None:
                raise self._error
            return None

    @property
    def _error(self) -> LabError | None:
        return self._loss or self._failure

    @property
    def is_waiting(self) -> bool:
        """True when blocks wait, or an error does."""
        return bool(self._blocks) or self._error is not None

    def clear(self) -> None:
        """Forget the blocks that wait."""
        with self._changed:
            self._blocks.clear()
            self._tags = 0
            self._changed.notify_all()

    def close(self) -> None:
        """Stop receiving."""
        self._hurry()
        self._fanout._remove(self)  # noqa: SLF001  the two classes are one mechanism

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TagFanout:
    """Gives every block to every consumer, in order.

    A sink is called in the pump's thread and must only put the block into a queue of its
    own (the recorder's is bounded and raises TagLossError when it cannot carry more).
    Where the source is patient (a file), publishing waits for the slowest consumer instead.
    """

    def __init__(self, *, is_patient: bool = False) -> None:
        self._is_patient = is_patient
        self._subscriptions: tuple[TagSubscription, ...] = ()
        self._sinks: tuple[Callable[[TagBlock], None], ...] = ()
        self._lock = threading.Lock()

    def publish(self, block: TagBlock) -> None:
        """Give `block` to every consumer.

        Raises:
            LabError: a sink could not take it.
        """
        for subscription in self._subscriptions:
            subscription._put(block, wait=self._is_patient)  # noqa: SLF001  the two classes are one mechanism
        for sink in self._sinks:
            sink(block)

    def hurry(self) -> None:
        """Wait for no consumer any more: the stream is about to stop."""
        for subscription in self._subscriptions:
            subscription._hurry()  # noqa: SLF001  the two classes are one mechanism

    def begin(self) -> None:
        """Forget how the stream ended and wait for consumers again, where the source is patient."""
        for subscription in self._subscriptions:
            subscription._begin()  # noqa: SLF001  the two classes are one mechanism

    def fail(self, error: LabError) -> None:
        """Tell every consumer that the stream ended with `error`."""
        for subscription in self._subscriptions:
            subscription._fail(error)  # noqa: SLF001  the two classes are one mechanism

    def subscribe(self, capacity_tags: int = DEFAULT_CAPACITY_TAGS) -> TagSubscription:
        """Return a queue that receives every block published from now on."""
        subscription = TagSubscription(self, capacity_tags)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def add_sink(self, sink: Callable[[TagBlock], None]) -> None:
        """Call `sink` with every block published from now on, in the pump's thread."""
        with self._lock:
            self._sinks = (*self._sinks, sink)

    def remove_sink(self, sink: Callable[[TagBlock], None]) -> None:
        """Call `sink` no longer."""
        with self._lock:
            self._sinks = tuple(known for known in self._sinks if known != sink)

    def _remove(self, subscription: TagSubscription) -> None:
        with self._lock:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
