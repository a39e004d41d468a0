"""Several streams of blocks as one: what `merge` is for whole arrays."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

from labctl.analysis.merging import merge
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["StreamMerger"]


class StreamMerger:
    """Merges the blocks of several taggers on one clock; owned by one thread.

    The merged stream covers what all streams cover: it begins where the last of them begins, and
    ends where the slowest has come. An interval that a stream skips is missing from the merged
    one too, and the next block has the flag GAP. Where any stream has lost tags, the merged
    interval has: its flags are those of all, its `lost` their sum, told with the last piece.
    """

    def __init__(self, n_streams: int) -> None:
        if n_streams < 1:
            raise ValueError(f"n_streams = {n_streams} is not at least 1")
        self._waiting: tuple[deque[TagBlock], ...] = tuple(deque() for _ in range(n_streams))
        self._reached_ps: list[int | None] = [None] * n_streams
        self._from_ps: int | None = None
        self._has_gap = False
        self._sequence = 0

    def update(self, stream: int, block: TagBlock) -> None:
        """Take the next block of a stream.

        Raises:
            ValueError: there is no such stream, or the block begins before its last one ended.
        """
        if not 0 <= stream < len(self._waiting):
            raise ValueError(f"stream = {stream} is outside 0 to {len(self._waiting) - 1}")
        reached_ps = self._reached_ps[stream]
        if reached_ps is not None and block.start_ps < reached_ps:
            raise ValueError(
                f"stream {stream}: a block begins at {block.start_ps} ps, before the end of the "
                f"last one at {reached_ps} ps"
            )
        self._reached_ps[stream] = block.stop_ps
        self._waiting[stream].append(block)

    def take(self) -> tuple[TagBlock, ...]:
        """Return what is complete since the last call: sorted blocks, one after the other.

        Tags of equal time come in the order of their streams.
        """
        reached = [stop_ps for stop_ps in self._reached_ps if stop_ps is not None]
        if len(reached) < len(self._waiting):
            return ()
        if self._from_ps is None:
            self._from_ps = max(blocks[0].start_ps for blocks in self._waiting)
        begin_ps, end_ps = self._from_ps, min(reached)
        if end_ps <= begin_ps:
            return ()
        edges = {
            edge_ps
            for blocks in self._waiting
            for block in blocks
            for edge_ps in (block.start_ps, block.stop_ps)
            if begin_ps < edge_ps < end_ps
        }
        taken = [
            merged
            for start_ps, stop_ps in pairwise([begin_ps, *sorted(edges), end_ps])
            if (merged := self._merged(start_ps, stop_ps)) is not None
        ]
        self._from_ps = end_ps
        return tuple(taken)

    def _merged(self, start_ps: int, stop_ps: int) -> TagBlock | None:
        """Return the merged interval, within which no block begins or ends; None for a gap."""
        parts = [self._part(blocks, start_ps, stop_ps) for blocks in self._waiting]
        present = [part for part in parts if part is not None]
        if len(present) < len(parts):
            self._has_gap = True
            return None
        flags, lost = TagFlags.NONE, 0
        for part in present:
            flags |= part.flags
            lost += part.lost
        if self._has_gap:
            flags |= TagFlags.GAP
            self._has_gap = False
        times_ps, channels = merge([(part.times_ps, part.channels) for part in present])
        self._sequence += 1
        return TagBlock(times_ps, channels, start_ps, stop_ps, self._sequence - 1, lost, flags)

    @staticmethod
    def _part(blocks: deque[TagBlock], start_ps: int, stop_ps: int) -> TagBlock | None:
        """Return the part of a stream in an interval, or None where the stream has a gap."""
        while blocks and blocks[0].stop_ps <= start_ps:
            blocks.popleft()
        if not blocks or blocks[0].start_ps > start_ps:
            return None
        block = blocks[0]
        part = block.between(start_ps, stop_ps)
        flags, lost = block.flags, block.lost
        if start_ps > block.start_ps:
            flags &= ~TagFlags.GAP
        if not block.is_lossless and stop_ps < block.stop_ps:
            # The loss is counted with the last piece; the others are no live time either.
            flags, lost = flags | TagFlags.MISSED, 0
        return TagBlock(part.times_ps, part.channels, part.start_ps, part.stop_ps, 0, lost, flags)
