"""From a tagger's bytes to blocks of time tags, without I/O."""

from __future__ import annotations

from typing import Protocol

from labctl.tags.block import TagBlock

__all__ = ["TagDecoder"]


class TagDecoder(Protocol):
    """Decodes one uninterrupted stream; bytes may be cut anywhere.

    Blocks join: each begins where the one before ended. Any chunking of the bytes gives the
    same tags.
    """

    def feed(self, data: bytes) -> TagBlock | None:
        """Return what `data` completes, or None when nothing is complete yet.

        Raises:
            ProtocolError: the bytes are not what the manual allows.
        """
        ...
