"""The unit of the tag plane: an immutable, sorted stretch of a tagger's stream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MAX_BLOCK_TAGS", "Channels", "TagBlock", "TagFlags", "Times"]

Times: TypeAlias = NDArray[np.int64]
Channels: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]

#: Blocks of 64 Ki tags keep the counting kernels inside the cache.
MAX_BLOCK_TAGS = 65_536


class TagFlags(IntFlag):
    """What an interval of the stream suffered; stored with the block in the run file."""

    NONE = 0
    OVERFLOW = 1
    """The instrument's buffer overflowed inside the interval."""
    MISSED = 2
    """The instrument counted tags that it did not deliver."""
    GAP = 4
    """The stream was interrupted before the interval (reconnect, restart)."""
    UNSORTED = 8
    """Tags stepped backward by more than the decoder's bound; they were put in order."""


@dataclass(frozen=True, slots=True, eq=False)
class TagBlock:
    """Tags of the half-open interval [start_ps, stop_ps), in time order.

    Attributes:
        times_ps: int64 (n,), sorted, each within [start_ps, stop_ps).
        channels: uint8 or uint16 (n,), the tagger's own channel numbers.
        start_ps: beginning of the covered interval: with no tag inside, none occurred.
        stop_ps: end of the covered interval, exclusive.
        sequence: number of the block in its stream, counting from 0.
        lost: tags the instrument says it dropped inside the interval.
        flags: what the interval suffered; a block with OVERFLOW or MISSED has no live time.
    """

    times_ps: Times
    channels: Channels
    start_ps: int
    stop_ps: int
    sequence: int = 0
    lost: int = 0
    flags: TagFlags = TagFlags.NONE

    def __post_init__(self) -> None:
        if self.times_ps.shape != self.channels.shape:
            raise ValueError(
                f"{self.times_ps.size} times and {self.channels.size} channels do not match"
            )
        if self.stop_ps < self.start_ps:
            raise ValueError(f"stop {self.stop_ps} ps lies before start {self.start_ps} ps")
        self.times_ps.flags.writeable = False
        self.channels.flags.writeable = False

    def __len__(self) -> int:
        return int(self.times_ps.size)

    @property
    def is_lossless(self) -> bool:
        """True when every tag of the interval was delivered."""
        return self.lost == 0 and not self.flags & (TagFlags.OVERFLOW | TagFlags.MISSED)

    @property
    def live_ps(self) -> int:
        """The part of the interval that counts as observed: all of it, or nothing."""
        return self.stop_ps - self.start_ps if self.is_lossless else 0

    def between(self, start_ps: int, stop_ps: int) -> TagBlock:
        """Return the part of the block inside [start_ps, stop_ps), as views.

        The part with the block's beginning carries GAP, which speaks of the time before it, and
        the count of lost tags, so that joined parts tell of each once; the others of a block with
        losses carry MISSED: none of them has live time.
        """
        start = max(self.start_ps, start_ps)
        stop = max(start, min(self.stop_ps, stop_ps))
        lost, flags = self.lost, self.flags
        if not start_ps <= self.start_ps < stop_ps:
            flags = flags & ~TagFlags.GAP | (TagFlags.MISSED if lost else TagFlags.NONE)
            lost = 0
        elif (start, stop) == (self.start_ps, self.stop_ps):
            return self
        first, last = np.searchsorted(self.times_ps, (start, stop), side="left")
        return TagBlock(
            self.times_ps[first:last],
            self.channels[first:last],
            start,
            stop,
            self.sequence,
            lost,
            flags,
        )
