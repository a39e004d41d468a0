"""What stands in for the vendor's TimeTagStream and the buffers it hands out."""

# The names are the vendor's.
# ruff: noqa: N802, N815

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulated_devices.devices.swabian.enums import TagType
from simulated_devices.devices.swabian.measurements import IteratorBase
from simulated_devices.devices.swabian.packet import Codes, Packet
from simulated_devices.devices.swabian.tagger import TimeTagger

__all__ = ["TimeTagStream", "TimeTagStreamBuffer"]

NumberT = TypeVar("NumberT", bound=np.generic)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Events in the stream's order; `types` and `missed` are None where all are tags."""

    times_ps: NDArray[np.int64]
    channels: Codes
    types: NDArray[np.uint8] | None = None
    missed: NDArray[np.uint16] | None = None

    def __len__(self) -> int:
        return int(self.times_ps.size)


@dataclass(frozen=True)
class TimeTagStreamBuffer:
    """What the stream has collected; its arrays belong to who asks for them.

    Attributes:
        size: number of events.
        hasOverflows: whether the board's buffer overflowed.
        tStart: time at which the stream began.
        tGetData: time of the stream when the buffer was handed out.
    """

    size: int
    hasOverflows: bool
    tStart: int
    tGetData: int
    _chunks: tuple[_Chunk, ...] = ()

    def getTimestamps(self) -> NDArray[np.int64]:
        """Return the times in ps."""
        return self._joined(np.int64, lambda chunk: chunk.times_ps)

    def getChannels(self) -> NDArray[np.int32]:
        """Return the channels, falling edges negative."""
        return self._joined(np.int8, lambda chunk: chunk.channels).astype(np.int32)

    def getEventTypes(self) -> NDArray[np.uint8]:
        """Return the types as in `TagType`."""
        return self._mostly_zero(np.uint8, lambda chunk: chunk.types)

    def getMissedEvents(self) -> NDArray[np.uint16]:
        """Return how many events each MissedEvents stands for."""
        return self._mostly_zero(np.uint16, lambda chunk: chunk.missed)

    def _joined(
        self, dtype: type[NumberT], of: Callable[[_Chunk], NDArray[NumberT]]
    ) -> NDArray[NumberT]:
        return np.concatenate([np.empty(0, dtype=dtype), *map(of, self._chunks)])

    def _mostly_zero(
        self, dtype: type[NumberT], of: Callable[[_Chunk], NDArray[NumberT] | None]
    ) -> NDArray[NumberT]:
        values = np.zeros(self.size, dtype=dtype)
        begin = 0
        for chunk in self._chunks:
            if (column := of(chunk)) is not None:
                values[begin : begin + len(chunk)] = column
            begin += len(chunk)
        return values

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: Python frees what nobody holds."""


class TimeTagStream(IteratorBase):
    """Collects events until they are fetched; what does not fit is dropped without a word."""

    delivers_tags: ClassVar[bool] = True

    def __init__(self, tagger: TimeTagger, n_max_events: int, channels: Sequence[int]) -> None:
        self._n_max_events = n_max_events
        self._chunks: list[_Chunk] = []
        self._size = 0
        self._has_overflows = False
        self._reached_ps = self._seen_ps = tagger.board.position_ps
        super().__init__(tagger, channels)

    def getData(self) -> TimeTagStreamBuffer:
        """Return what was collected since the last call."""
        with self._lock:
            if self._board.port.is_held:
                # The laboratory has not handed it over yet.
                return TimeTagStreamBuffer(0, False, self._begin_ps, self._seen_ps)
            chunks, self._chunks = tuple(self._chunks), []
            size, self._size = self._size, 0
            has_overflows, self._has_overflows = self._has_overflows, False
            self._seen_ps = self._reached_ps
            return TimeTagStreamBuffer(
                size, has_overflows, self._begin_ps, self._reached_ps, chunks
            )

    def getCounts(self) -> int:
        """Return the number of events that wait."""
        with self._lock:
            return 0 if self._board.port.is_held else self._size

    def _seen_until_ps(self) -> int:
        # A host that waits for the stream has waited long enough for what is there already.
        return self._seen_ps

    def _take(self, packet: Packet) -> None:
        for chunk in _chunks_of(packet):
            fits = min(len(chunk), self._n_max_events - self._size)
            if fits:
                self._chunks.append(_first(chunk, fits))
                self._size += fits
        self._has_overflows |= bool(packet.missed)
        self._reached_ps = packet.stop_ps

    def _forget(self) -> None:
        self._chunks.clear()
        self._size = 0


def _chunks_of(packet: Packet) -> list[_Chunk]:
    """Return the tags and the other events of a packet, in the order of the stream."""
    tags = _Chunk(packet.times_ps, packet.channels)
    events = packet.events()
    if not events:
        return [tags]
    before = [event for event in events if event[1] is not TagType.MissedEvents]
    after = [event for event in events if event[1] is TagType.MissedEvents]
    return [_event_chunk(before), tags, _event_chunk(after)]


def _event_chunk(events: list[tuple[int, TagType, int, int]]) -> _Chunk:
    times, types, channels, counts = zip(*events, strict=True) if events else ((), (), (), ())
    return _Chunk(
        np.array(times, dtype=np.int64),
        np.array(channels, dtype=np.int8),
        np.array(types, dtype=np.uint8),
        np.array(counts, dtype=np.uint16),
    )


def _first(chunk: _Chunk, count: int) -> _Chunk:
    if count == len(chunk):
        return chunk
    return _Chunk(
        chunk.times_ps[:count],
        chunk.channels[:count],
        None if chunk.types is None else chunk.types[:count],
        None if chunk.missed is None else chunk.missed[:count],
    )
