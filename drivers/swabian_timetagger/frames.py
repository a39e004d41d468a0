"""What the driver and its decoder hand each other: frames, one per buffer of the library.

The vendor's own layout has 16 bytes per event with its type in each. Nearly all events are
tags, so a frame has columns instead: 9 bytes per tag, and the other events apart. Little endian:

    0  magic `SWTT`
    4  u4  number of tags
    8  u4  number of other events
    12 u4  flags: 1 when the library's buffer was full
    16 i8  start_ps, i8 stop_ps: the covered interval
    32 i8  per tag: its time in ps
    .. i1  per tag: the library's channel, negative for a falling edge; zeros up to a multiple of 8
    .. 16 bytes per other event: the library's class `Tag` (u1 type, u1 reserved,
       u2 missed_events, i4 channel, i8 time)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from labctl.errors import ProtocolError

__all__ = ["EVENT", "HEADER_BYTES", "EventType", "Frame", "frame_bytes", "parse_frame", "size_of"]

_HEADER = struct.Struct("<4sIIIqq")
HEADER_BYTES = _HEADER.size
_MAGIC = b"SWTT"
_FULL = 1
_PAD = 8
#: Far above any buffer the driver asks for; more in a header means that it is none.
_MAX_EVENTS = 1 << 28

#: An event as the library's class `Tag` has it.
EVENT = np.dtype(
    [("type", "u1"), ("reserved", "u1"), ("missed", "<u2"), ("channel", "<i4"), ("time_ps", "<i8")]
)


class EventType(IntEnum):
    """The library's `TagType`."""

    TIME_TAG = 0
    ERROR = 1
    OVERFLOW_BEGIN = 2
    OVERFLOW_END = 3
    MISSED_EVENTS = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """One buffer of the stream.

    Attributes:
        times_ps: of the tags.
        channels: int8, of the tags, as the library numbers them.
        events: what else there was, in the stream's order; dtype `EVENT`.
        is_full: whether the library's buffer was full, so that tags may be missing at its end.
    """

    start_ps: int
    stop_ps: int
    times_ps: NDArray[np.int64]
    channels: NDArray[np.int8]
    events: NDArray[np.void]
    is_full: bool = False


def frame_bytes(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    count = frame.times_ps.size
    head = _HEADER.pack(
        _MAGIC,
        count,
        frame.events.size,
        _FULL if frame.is_full else 0,
        frame.start_ps,
        frame.stop_ps,
    )
    columns = (
        np.ascontiguousarray(frame.times_ps, dtype="<i8").data,
        np.ascontiguousarray(frame.channels).data,
        bytes(-count % _PAD),
        frame.events.tobytes(),
    )
    return b"".join((head, *columns))


def size_of(header: bytes) -> int:
    """Return the length of the frame that begins with `header`.

    Raises:
        ProtocolError: no frame begins so.
    """
    head: tuple[bytes, int, int, int, int, int] = _HEADER.unpack_from(header)
    magic, count, events, flags, start_ps, stop_ps = head
    if magic != _MAGIC or max(count, events) > _MAX_EVENTS or flags & ~_FULL:
        raise ProtocolError(f"expected a frame of tags, got {bytes(header[:16])!r}")
    if stop_ps < start_ps:
        raise ProtocolError(
            f"the tagger's time went back from {start_ps} to {stop_ps} ps",
            hint="It does once in 107 days (docstring of getVersion): reconnect the tagger.",
        )
    return HEADER_BYTES + count * 9 + -count % _PAD + events * EVENT.itemsize


def parse_frame(data: bytes) -> Frame:
    """Return the frame in `data`, which is as long as `size_of` says; its arrays are views.

    Raises:
        ProtocolError: an event has no known type.
    """
    _, count, event_count, flags, start_ps, stop_ps = _HEADER.unpack_from(data)
    times_end = HEADER_BYTES + 8 * count
    events = np.frombuffer(data, EVENT, event_count, times_end + count + -count % _PAD)
    types = events["type"]
    if events.size and not 0 < types.min() <= types.max() <= EventType.MISSED_EVENTS:
        raise ProtocolError(f"an event of the stream has no known type: {sorted(set(types))}")
    return Frame(
        start_ps,
        stop_ps,
        np.frombuffer(data, "<i8", count, HEADER_BYTES),
        np.frombuffer(data, np.int8, count, times_end),
        events,
        bool(flags & _FULL),
    )
