"""Where a stream was interrupted: what comes after it goes on in the same tag time."""

from __future__ import annotations

from dataclasses import replace

from labctl.tags.block import TagBlock, TagFlags

__all__ = ["Seam"]

#: A tagger whose clock went on meanwhile is this close to the bench's clock, transport and
#: drift included; one that began anew is not, or is told by times that were there before.
_SAME_CLOCK_PS = 1_000_000_000_000


class Seam:
    """Joins the parts of a stream that was interrupted; used by the stream's own thread.

    Some taggers begin at zero again after a restart. Their times are shifted by the bench time
    that has passed, which is uncertain by the transport delay: nothing may be counted across
    the seam, and GAP says so.
    """

    def __init__(self, resolution_ps: int) -> None:
        self._resolution_ps = resolution_ps
        self.forget()

    def forget(self) -> None:
        """Begin anew: the next block comes as it is."""
        self._stop_ps: int | None = None
        self._offset_s: float | None = None
        self._shift_ps = 0

    def interrupt(self, stop_ps: int, offset_s: float | None) -> None:
        """Note that the stream ended at `stop_ps`, and bench time minus tag time until then.

        None for the offset where nothing has come since the last interruption.
        """
        self._stop_ps = stop_ps
        self._offset_s = self._offset_s if offset_s is None else offset_s
        self._shift_ps = 0

    def joined(self, block: TagBlock, now_s: float) -> TagBlock:
        """Return the block that arrived at bench time `now_s` in the tag time of the whole."""
        flags = block.flags
        if self._stop_ps is not None:
            self._shift_ps = self._shift(block, now_s, self._stop_ps)
            self._stop_ps = None
            flags |= TagFlags.GAP
        if not self._shift_ps:
            return block if flags == block.flags else replace(block, flags=flags)
        return replace(
            block,
            times_ps=block.times_ps + self._shift_ps,
            start_ps=block.start_ps + self._shift_ps,
            stop_ps=block.stop_ps + self._shift_ps,
            flags=flags,
        )

    def _shift(self, block: TagBlock, now_s: float, stop_ps: int) -> int:
        expected_ps = stop_ps
        if self._offset_s is not None:
            expected_ps = round((now_s - self._offset_s) * 1e12)
        if block.start_ps >= stop_ps and abs(block.stop_ps - expected_ps) < _SAME_CLOCK_PS:
            return 0
        wanted_ps = max(expected_ps - block.stop_ps, stop_ps - block.start_ps)
        # Whole steps, so that times stay what the tagger can say; rounded up, never into the past.
        return -(-wanted_ps // self._resolution_ps) * self._resolution_ps
