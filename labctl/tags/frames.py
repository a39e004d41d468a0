"""Tag blocks as bytes, for the one tagger that is a file: no hardware speaks this.

A frame is a header and the columns of one block, little endian: magic `TAGB`, start_ps, stop_ps,
lost (i8 each), tag count, flags (u4 each), then the times (i8) and the channels (u2). A frame
with the END bit has no tags and says that nothing follows.
"""

from __future__ import annotations

import struct

import numpy as np

from labctl.errors import ProtocolError
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["END_FRAME", "FrameDecoder", "frame_of"]

_HEADER = struct.Struct("<4sqqqII")
_MAGIC = b"TAGB"
_END_BIT = 1 << 31
_BYTES_PER_TAG = 10
#: A block of a file is at most this long; more in a header means that it is none.
_MAX_TAGS = 1 << 26

END_FRAME = _HEADER.pack(_MAGIC, 0, 0, 0, 0, _END_BIT)


def frame_of(block: TagBlock) -> bytes:
    """Return the frame of a block."""
    head = _HEADER.pack(
        _MAGIC, block.start_ps, block.stop_ps, block.lost, len(block), int(block.flags)
    )
    times = block.times_ps.astype("<i8", copy=False).tobytes()
    return head + times + block.channels.astype("<u2", copy=False).tobytes()


class FrameDecoder:
    """Decodes frames cut anywhere, one block per call."""

    def __init__(self) -> None:
        self.is_finished = False
        self._pending = bytearray()

    def feed(self, data: bytes) -> TagBlock | None:
        """Return the next block, or None when no frame is complete.

        Raises:
            ProtocolError: the bytes are no frames.
        """
        self._pending += data
        if self.is_finished or len(self._pending) < _HEADER.size:
            return None
        magic, start_ps, stop_ps, lost, count, flags = _HEADER.unpack_from(self._pending)
        if magic != _MAGIC or count > _MAX_TAGS or stop_ps < start_ps:
            raise ProtocolError(f"expected a frame, got {bytes(self._pending[:16])!r}")
        if flags & _END_BIT:
            self.is_finished = True
            return None
        size = _HEADER.size + count * _BYTES_PER_TAG
        if len(self._pending) < size:
            return None
        times = np.frombuffer(self._pending, "<i8", count, _HEADER.size).astype(np.int64)
        channels = np.frombuffer(self._pending, "<u2", count, _HEADER.size + 8 * count)
        block = TagBlock(
            times,
            channels.astype(np.uint16),
            start_ps,
            stop_ps,
            lost=lost,
            flags=TagFlags(flags),
        )
        del channels
        del self._pending[:size]
        return block
