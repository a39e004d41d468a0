"""A stretch of the stream of time tags as the board hands it to the measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag

import numpy as np
from numpy.typing import NDArray

from simulated_devices.devices.swabian.enums import TagType

__all__ = ["Codes", "Marks", "Packet"]

Codes = NDArray[np.int8]
"""The vendor's channel number of each tag: negative for falling edges."""

#: MissedEvents counts in 16 bits, and comes more than once where they do not suffice.
_MAX_MISSED = 65_535


class Marks(IntFlag):
    """What happens at the edges of a packet."""

    NONE = 0
    OVERFLOW_BEGINS = 1
    OVERFLOW_ENDS = 2
    TIME_BASE_BROKEN = 4


@dataclass(frozen=True, slots=True)
class Packet:
    """The tags of start_ps <= t < stop_ps by the tagger's clock, sorted.

    Attributes:
        sent: the channels whose tags it may have.
        missed: in an overflow, the number of events of each channel whose time was not kept.
        marks: begin and error lie at the start of the packet, the end of an overflow too.
    """

    start_ps: int
    stop_ps: int
    times_ps: NDArray[np.int64]
    channels: Codes
    sent: frozenset[int]
    missed: Mapping[int, int] = field(default_factory=dict)
    marks: Marks = Marks.NONE

    def of(self, wanted: frozenset[int]) -> Packet:
        """Return the packet with the tags of some channels only."""
        if wanted == self.sent:
            return self
        table = np.zeros(256, dtype=np.bool_)
        table[[channel & 0xFF for channel in wanted]] = True
        kept = table[self.channels.view(np.uint8)]
        missed = {channel: count for channel, count in self.missed.items() if channel in wanted}
        return replace(
            self,
            times_ps=self.times_ps[kept],
            channels=self.channels[kept],
            sent=wanted,
            missed=missed,
        )

    def until(self, stop_ps: int) -> Packet:
        """Return the part before `stop_ps`, with all that was missed."""
        last = int(np.searchsorted(self.times_ps, stop_ps))
        return replace(
            self,
            stop_ps=stop_ps,
            times_ps=self.times_ps[:last],
            channels=self.channels[:last],
        )

    def since(self, start_ps: int) -> Packet:
        """Return the part from `start_ps` on, without what was missed."""
        first = int(np.searchsorted(self.times_ps, start_ps))
        return replace(
            self,
            start_ps=start_ps,
            times_ps=self.times_ps[first:],
            channels=self.channels[first:],
            missed={},
        )

    def counts(self, channels: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the events of each of these channels, with those that were missed."""
        sizes = np.bincount(self.channels.view(np.uint8), minlength=256)
        counted = sizes[[channel & 0xFF for channel in channels]]
        return counted + np.array([self.missed.get(c, 0) for c in channels], dtype=np.int64)

    def events(self) -> list[tuple[int, TagType, int, int]]:
        """Return time, type, channel and count of what are no tags, in the stream's order."""
        found: list[tuple[int, TagType, int, int]] = []
        if self.marks & Marks.TIME_BASE_BROKEN:
            found.append((self.start_ps, TagType.Error, 0, 0))
        if self.marks & Marks.OVERFLOW_ENDS:
            found.append((self.start_ps, TagType.OverflowEnd, 0, 0))
        if self.marks & Marks.OVERFLOW_BEGINS:
            found.append((self.start_ps, TagType.OverflowBegin, 0, 0))
        # They are known when the overflow has lasted until then.
        last_ps = self.stop_ps - 1
        for channel, count in sorted(self.missed.items()):
            parts = [_MAX_MISSED] * (count // _MAX_MISSED) + [count % _MAX_MISSED]
            found += [(last_ps, TagType.MissedEvents, channel, n) for n in parts if n]
        return found
