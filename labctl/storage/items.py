"""What the recorder's queue carries from the callers' threads to the one that writes."""

from __future__ import annotations

import threading
from typing import Final, NamedTuple, TypeAlias

from labctl.tags.block import TagBlock

__all__ = ["Item", "QueuedRecord", "QueuedTags"]

#: What an item weighs in the queue beside its arrays or bytes.
_ITEM_BYTES: Final = 200


class QueuedTags(NamedTuple):
    """A block on its way into the file."""

    tagger: str
    block: TagBlock
    utc_ns: int

    @property
    def size_bytes(self) -> int:
        """Memory that it holds in the queue."""
        return self.block.times_ps.nbytes + self.block.channels.nbytes + _ITEM_BYTES


class QueuedRecord(NamedTuple):
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
