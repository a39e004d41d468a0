"""Puts a nearly sorted stream in order, with bounded memory, and cuts it into blocks.

Taggers deliver tags a little out of order, because their channels have separate buffers: a
quTAG recording steps backward 173 times in 267 801 tags, by up to 86 ns. A tag that lies at
most `bound_ps` before the latest tag in front of it is put exactly where it belongs. The
result equals a stable sort of the whole stream and does not depend on how it was chunked.

A tag that lies farther back may belong into a block that is already gone, and blocks neither
overlap nor change. Three things could be done with it. To drop it makes the singles wrong,
and silently so. To open an overlapping block breaks every consumer. So it is **moved forward
to the earliest instant that is still open**, `bound_ps` before the latest tag in front of it:
the singles stay right, its time is wrong, the block that receives it carries
`TagFlags.UNSORTED`, and `Disorder.displaced` counts it. Coincidences of a flagged block are
not to be trusted. The rule looks at the stream only, never at chunks, so that displaced tags,
too, come out the same for any chunking.
"""

from __future__ import annotations

import numpy as np

from labctl.tags.block import MAX_BLOCK_TAGS, Channels, TagBlock, TagFlags, Times
from labctl.tags.formats.source import Disorder

__all__ = ["ORDER_BOUND_PS", "TagSorter"]

#: 1 µs: ten times the largest backward step (86 ns) seen in a real recording.
ORDER_BOUND_PS = 1_000_000


class TagSorter:
    """Takes a stream in pieces of any size; returns it as sorted, joined blocks.

    Times are within -2**62 and 2**63 - 2. Owned by the iteration that feeds it.

    Args:
        bound_ps: largest disorder that is put right exactly.
        max_tags: size of a full block; only the last one is smaller, save for tags of one
            picosecond, which stay together (in one longer block, where they are more).
        start_ps: beginning of the first block, to which earlier tags are moved forward; None
            for the time of the first tag.
    """

    def __init__(
        self,
        *,
        bound_ps: int = ORDER_BOUND_PS,
        max_tags: int = MAX_BLOCK_TAGS,
        start_ps: int | None = None,
    ) -> None:
        if bound_ps < 0:
            raise ValueError(f"bound_ps = {bound_ps} ps is negative")
        if max_tags < 1:
            raise ValueError(f"max_tags = {max_tags} is not positive")
        self._bound_ps = bound_ps
        self._max_tags = max_tags
        self._start_ps = start_ps
        self._earliest_ps = -(2**63) if start_ps is None else start_ps
        self._times_ps: Times = np.empty(0, np.int64)
        self._channels: Channels = np.empty(0, np.uint8)
        # Times given to displaced tags that are not in a block yet; never decreasing.
        self._displaced_ps: Times = np.empty(0, np.int64)
        self._last_ps: int | None = None
        self._newest_ps = 0
        self._sequence = 0
        self._disorder = Disorder()

    @property
    def disorder(self) -> Disorder:
        """How far the tags fed so far were from being sorted."""
        return self._disorder

    @property
    def unsettled(self) -> int:
        """Number of held tags that a tag to come may still precede."""
        return self._times_ps.size - self._settled()

    def feed(self, times_ps: Times, channels: Channels) -> list[TagBlock]:
        """Take the next tags of the stream and return the blocks that are now complete."""
        if times_ps.size == 0:
            return []
        is_ordered, times_ps = self._within_bound(times_ps)
        merged_ps = np.concatenate((self._times_ps, times_ps))
        merged: Channels = np.concatenate((self._channels, channels))  # type: ignore[assignment]
        if not is_ordered:
            order = np.argsort(merged_ps, kind="stable")
            merged_ps, merged = merged_ps[order], merged[order]
        self._times_ps, self._channels = merged_ps, merged
        return self._full_blocks(self._settled())

    def finish(self, reached_ps: int = 0) -> list[TagBlock]:
        """Return the remaining blocks; the last one ends after its last tag, or later.

        `reached_ps` is the time up to which the tagger is known to have run. Without any
        tag there is one empty block when the beginning is known and something was covered,
        and none otherwise.
        """
        blocks = self._full_blocks(self._times_ps.size)
        if self._times_ps.size:
            stop_ps = max(int(self._times_ps[-1]) + 1, reached_ps)
            blocks.append(self._cut(self._times_ps.size, stop_ps))
        elif self._start_ps is not None and reached_ps > self._start_ps:
            blocks.append(self._cut(0, reached_ps))
        return blocks

    def _within_bound(self, times_ps: Times) -> tuple[bool, Times]:
        """Note the disorder of new tags; return whether there is none, and the open times."""
        first_ps = int(times_ps[0])
        if self._last_ps is None:
            self._last_ps = self._newest_ps = first_ps
        backward = int(np.count_nonzero(times_ps[1:] < times_ps[:-1])) + (first_ps < self._last_ps)
        self._last_ps = int(times_ps[-1])
        if backward == 0 and first_ps >= max(self._newest_ps, self._earliest_ps):
            self._newest_ps = self._last_ps
            return True, times_ps
        latest_ps = np.maximum.accumulate(np.concatenate(([self._newest_ps], times_ps)))
        self._newest_ps = int(latest_ps[-1])
        lateness_ps = latest_ps[:-1] - times_ps
        open_ps = np.maximum(latest_ps[:-1] - self._bound_ps, self._earliest_ps)
        late = times_ps < open_ps
        self._disorder = Disorder(
            self._disorder.steps_backward + backward,
            max(self._disorder.largest_ps, int(lateness_ps.max())),
            self._disorder.displaced + int(np.count_nonzero(late)),
        )
        self._displaced_ps = np.concatenate((self._displaced_ps, open_ps[late]))
        return False, np.where(late, open_ps, times_ps)

    def _settled(self) -> int:
        """Return how many of the held tags no tag to come can precede."""
        return int(np.searchsorted(self._times_ps, self._newest_ps - self._bound_ps, "left"))

    def _full_blocks(self, settled: int) -> list[TagBlock]:
        """Cut full blocks off the first `settled` tags, each ending where the next begins."""
        blocks: list[TagBlock] = []
        while settled > self._max_tags:
            times_ps = self._times_ps[:settled]
            next_ps = times_ps[self._max_tags]
            cut = int(np.searchsorted(times_ps, next_ps, "left"))
            if cut == 0:
                cut = int(np.searchsorted(times_ps, next_ps, "right"))
            if cut == settled:
                break
            blocks.append(self._cut(cut, int(times_ps[cut])))
            settled -= cut
        return blocks

    def _cut(self, count: int, stop_ps: int) -> TagBlock:
        """Return the first `count` held tags as a block that ends at `stop_ps`."""
        if self._start_ps is None:
            self._start_ps = int(self._times_ps[0])
        n_displaced = int(np.searchsorted(self._displaced_ps, stop_ps, "left"))
        block = TagBlock(
            self._times_ps[:count],
            self._channels[:count],
            self._start_ps,
            stop_ps,
            self._sequence,
            flags=TagFlags.UNSORTED if n_displaced else TagFlags.NONE,
        )
        self._times_ps, self._channels = self._times_ps[count:], self._channels[count:]
        self._displaced_ps = self._displaced_ps[n_displaced:]
        self._start_ps = stop_ps
        self._sequence += 1
        return block
