"""Messages of the Thorlabs APT protocol in a stream of bytes, without I/O.

A message is a header of six bytes, little-endian: `id` (2), then either two parameters, the
destination and the source, or the length of the data (2), the destination with its top bit
set and the source, followed by the data. There is no terminator and no checksum. Facts: the
public clients thorlabs-apt-protocol 29.0.0 (unpacker.py), qmi 0.54 (apt_packets.py) and pnpq
0.2.1 (apt/protocol.py), which agree.

Because nothing marks the beginning of a message, only what this instrument may say is taken
for one: an id that it sends, with a length this id has, from its address to ours. Everything
else is skipped byte by byte, so that the stream finds its feet after a lost or foreign byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from labctl.errors import ProtocolError

__all__ = ["DEVICE", "HOST", "Deframer", "Message", "with_data", "without_data"]

#: Addresses: a USB device on its own, and the computer.
DEVICE = 0x50
HOST = 0x01
_HAS_DATA = 0x80
_HEADER = struct.Struct("<HHBB")
#: The K10CR2 sends some replies to address 0 (pnpq 0.2.1, apt/protocol.py).
_HOSTS = frozenset({HOST, 0x00})

#: Id of a message from the instrument -> lengths of its data. Where there are two, firmware
#: versions differ (pnpq 0.2.1: the manual's 28 bytes of 0x0481 are 14 on its K10CR1).
_LENGTHS: dict[int, frozenset[int]] = {
    0x0006: frozenset({84}),  # HW_GET_INFO
    0x0080: frozenset({0}),  # HW_RESPONSE
    0x0081: frozenset({68}),  # HW_RICHRESPONSE
    0x0212: frozenset({0}),  # MOD_GET_CHANENABLESTATE
    0x0412: frozenset({6}),  # MOT_GET_POSCOUNTER
    0x0415: frozenset({14}),  # MOT_GET_VELPARAMS
    0x0418: frozenset({22}),  # MOT_GET_JOGPARAMS
    0x042A: frozenset({6}),  # MOT_GET_STATUSBITS
    0x043C: frozenset({6}),  # MOT_GET_GENMOVEPARAMS
    0x0442: frozenset({14}),  # MOT_GET_HOMEPARAMS
    0x0444: frozenset({0}),  # MOT_MOVE_HOMED
    0x0464: frozenset({0, 14}),  # MOT_MOVE_COMPLETED
    0x0466: frozenset({0, 14}),  # MOT_MOVE_STOPPED
    0x0481: frozenset({14, 28}),  # MOT_GET_STATUSUPDATE
    0x0491: frozenset({14}),  # MOT_GET_USTATUSUPDATE
}
#: More than the rest of the longest message: what is cut in two never reaches it.
_MAX_GARBAGE_BYTES = 256


@dataclass(frozen=True, slots=True)
class Message:
    """One message from the instrument; `body` is its data, or its two parameters."""

    id: int
    body: bytes


class Deframer:
    """Finds the messages in a stream that may be cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = 0

    @property
    def missing(self) -> int:
        """The bytes that are certainly needed for the next message: never more than it has."""
        size = len(self._buffer)
        if size < _HEADER.size:
            return _HEADER.size - size
        return _HEADER.size + (_data_length(self._buffer) or 0) - size

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that `data` completes.

        Raises:
            ProtocolError: too much came that is no message of this instrument.
        """
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            length = _data_length(self._buffer)
            if length is None:
                self._skip()
                continue
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            message = Message(
                int.from_bytes(self._buffer[:2], "little"),
                bytes(self._buffer[_HEADER.size : end] if length else self._buffer[2:4]),
            )
            del self._buffer[:end]
            self._skipped = 0
            yield message

    def _skip(self) -> None:
        if self._skipped >= _MAX_GARBAGE_BYTES:
            raise ProtocolError(
                f"{self._skipped} bytes that are no message of a K10CR1, "
                f"the last being {bytes(self._buffer[:16]).hex(' ')}",
                hint="Does the address lead to the right instrument?",
            )
        self._skipped += 1
        del self._buffer[0]


def without_data(message_id: int, parameter_1: int = 0, parameter_2: int = 0) -> bytes:
    """Return a message to the instrument that is a header only."""
    return struct.pack("<HBBBB", message_id, parameter_1, parameter_2, DEVICE, HOST)


def with_data(message_id: int, data: bytes) -> bytes:
    """Return a message to the instrument with `data` behind the header."""
    return _HEADER.pack(message_id, len(data), DEVICE | _HAS_DATA, HOST) + data


def _data_length(buffer: bytearray) -> int | None:
    """Return the length of the data behind a header, None where it is no header."""
    message_id, length, destination, source = _HEADER.unpack_from(buffer)
    if source != DEVICE or destination & ~_HAS_DATA not in _HOSTS:
        return None
    if not destination & _HAS_DATA:
        length = 0
    return length if length in _LENGTHS.get(message_id, ()) else None
