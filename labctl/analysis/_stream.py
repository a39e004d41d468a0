"""What all streaming analyzers share: gaps, live time, and results in mid-stream."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import _checks
from labctl.analysis._align import Aligner
from labctl.analysis._counters import Counter
from labctl.tags.block import TagBlock, TagFlags

PS_PER_S = 10**12

CounterT = TypeVar("CounterT", bound=Counter)


class LiveTime:
    """Observed time of a stream of blocks, and where it was interrupted."""

    def __init__(self) -> None:
        self.live_ps = 0
        self.flags = TagFlags.NONE
        self.lost = 0
        self._stop_ps: int | None = None
        self._is_broken = False

    def enter(self, block: TagBlock) -> bool:
        """Take note of a block; return whether it continues the stretch before it.

        Raises:
            ValueError: tags lie outside the block's interval, or a block was refused before.
        """
        if self._is_broken:
            raise ValueError(
                "this analyzer refused a block and its counts are void; make a new one"
            )
        self._is_broken = True  # until `accept`
        _checks.interval(block)
        self.flags |= block.flags
        self.lost += block.lost
        self.live_ps += block.live_ps
        continues = (
            block.is_lossless
            and not block.flags & TagFlags.GAP
            and self._stop_ps in (None, block.start_ps)
        )
        self._stop_ps = block.stop_ps if block.is_lossless else None
        return continues

    def accept(self) -> None:
        """Declare the block last entered as counted."""
        self._is_broken = False

    def refuse_if_broken(self) -> None:
        """Raise ValueError if a block was refused."""
        if self._is_broken:
            raise ValueError(
                "this analyzer refused a block and its counts are void; make a new one"
            )

    @property
    def live_s(self) -> float:
        """Observed time in seconds."""
        return self.live_ps / PS_PER_S


class StreamAnalyzer(Generic[CounterT]):
    """An aligner and a counter fed by blocks; owned by the thread that calls `update`."""

    def __init__(self, aligner: Aligner, counter: CounterT) -> None:
        self._time = LiveTime()
        self._aligner = aligner
        self._counter = counter

    def update(self, block: TagBlock) -> None:
        """Add a block to the counts.

        Tags of a block that is not lossless are not counted, and no coincidence spans it, a
        block with flag GAP, or a step from one block's stop_ps to another start_ps.

        Raises:
            ValueError: a tag is out of order, outside its block's interval, or its channel is
                n_channels or more; the analyzer then accepts nothing more.
        """
        if not self._time.enter(block):
            self._cut()
        if block.is_lossless:
            for batch in self._aligner.push(block):
                self._counter.count(batch)
        self._time.accept()

    def _cut(self) -> None:
        """Count the tags held for reordering, then let nothing meet what follows."""
        self._counter.count(self._aligner.pending())
        self._counter.cut()
        self._aligner.clear()

    def _complete(self) -> CounterT:
        """Return a counter that includes the tags still held; the stream can go on."""
        self._time.refuse_if_broken()
        counter = copy.deepcopy(self._counter)
        counter.count(self._aligner.pending())
        return counter


def used_channels(pairs: NDArray[np.int64], n_channels: int) -> NDArray[np.bool_]:
    """Return which channels any of the pairs names."""
    used = np.zeros(n_channels, dtype=np.bool_)
    used[pairs.ravel()] = True
    return used
