"""From frames of the library's stream to blocks of time tags."""

from __future__ import annotations

from collections import deque

import numpy as np

from drivers.swabian_timetagger.frames import (
    HEADER_BYTES,
    EventType,
    Frame,
    parse_frame,
    size_of,
)
from labctl.tags import TagBlock, TagFlags

__all__ = ["TimeTaggerDecoder"]


class TimeTaggerDecoder:
    """Decodes one uninterrupted stream of a Time Tagger.

    A block's channel is the input, whichever edge it was. What lies between OverflowBegin and
    OverflowEnd is a block of its own, flagged OVERFLOW, which has lost as many tags as the
    MissedEvents say. Where the library's buffer was full, the rest of its interval is flagged
    MISSED: how many tags were dropped there is not known. An Error event flags its whole frame
    MISSED and GAP. Tags that step backward are sorted in and flagged UNSORTED; what would fall
    into an interval already delivered is counted as lost and flagged MISSED.
    """

    is_finished = False

    def __init__(self) -> None:
        self._pending = bytearray()
        self._blocks: deque[TagBlock] = deque()
        self._stop_ps: int | None = None
        self._is_overflowing = False

    def feed(self, data: bytes) -> TagBlock | None:
        """Return the next block that `data` completes; bytes may be cut anywhere.

        Raises:
            ProtocolError: the bytes are no frames.
        """
        if not self._pending and len(data) >= HEADER_BYTES and size_of(data) == len(data):
            # The usual case, without a copy.
            self._decode(parse_frame(data))
        elif data or not self._blocks:
            self._pending += data
            self._decode_pending()
        return self._blocks.popleft() if self._blocks else None

    def _decode_pending(self) -> None:
        while len(self._pending) >= HEADER_BYTES:
            size = size_of(bytes(self._pending[:HEADER_BYTES]))
            if len(self._pending) < size:
                return
            data = bytes(self._pending[:size])
            del self._pending[:size]
            self._decode(parse_frame(data))

    def _decode(self, frame: Frame) -> None:
        start_ps = frame.start_ps if self._stop_ps is None else self._stop_ps
        flags = TagFlags.NONE
        if frame.start_ps > start_ps or np.any(frame.events["type"] == EventType.ERROR):
            flags |= TagFlags.MISSED | TagFlags.GAP
        times, channels = frame.times_ps, np.abs(frame.channels).view(np.uint8)
        if not np.all(times[1:] >= times[:-1]):
            order = np.argsort(times, kind="stable")
            times, channels = times[order], channels[order]
            flags |= TagFlags.UNSORTED
        late = int(np.searchsorted(times, start_ps))
        if late:
            flags |= TagFlags.MISSED
        last_ps = int(times[-1]) if times.size else start_ps - 1
        stop_ps = max(start_ps, frame.stop_ps, last_ps + 1)
        block = TagBlock(times[late:], channels[late:], start_ps, stop_ps, lost=late, flags=flags)
        self._stop_ps = stop_ps
        for part in self._parts(block, frame):
            if len(part) or part.lost or part.stop_ps > part.start_ps:
                self._blocks.append(part)

    def _parts(self, block: TagBlock, frame: Frame) -> list[TagBlock]:
        """Cut a block where an overflow begins or ends and where the buffer was full."""
        parts: list[TagBlock] = []
        at_ps, lost, flags = block.start_ps, block.lost, self._state(block.flags)
        for event in frame.events:
            kind = event["type"]
            if kind == EventType.MISSED_EVENTS:
                lost += int(event["missed"])
                flags |= TagFlags.MISSED
            if kind not in {EventType.OVERFLOW_BEGIN, EventType.OVERFLOW_END}:
                continue
            cut_ps = min(max(int(event["time_ps"]), at_ps), block.stop_ps)
            parts.append(_part(block, at_ps, cut_ps, lost, flags))
            self._is_overflowing = kind == EventType.OVERFLOW_BEGIN
            at_ps, lost, flags = cut_ps, 0, self._state(block.flags)
        if frame.is_full:
            kept_ps = int(block.times_ps[-1]) + 1 if len(block) else at_ps
            if kept_ps > at_ps:
                parts.append(_part(block, at_ps, kept_ps, lost, flags))
                at_ps, lost = kept_ps, 0
            flags |= TagFlags.MISSED
        parts.append(_part(block, at_ps, block.stop_ps, lost, flags))
        return parts

    def _state(self, flags: TagFlags) -> TagFlags:
        return flags | TagFlags.OVERFLOW if self._is_overflowing else flags


def _part(block: TagBlock, start_ps: int, stop_ps: int, lost: int, flags: TagFlags) -> TagBlock:
    if (start_ps, stop_ps, lost, flags) == (
        block.start_ps, block.stop_ps, block.lost, block.flags,
    ):  # fmt: skip
        return block
    first, last = np.searchsorted(block.times_ps, (start_ps, stop_ps))
    return TagBlock(
        block.times_ps[first:last],
        block.channels[first:last],
        start_ps,
        stop_ps,
        lost=lost,
        flags=flags,
    )
