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

    @property
    def is_finished(self) -> bool:
        """True when the stream has ended for good; a live instrument's never does."""
        ...

    def feed(self, data: bytes) -> TagBlock | None:
        """Return the next block that `data` completes, or None when nothing is complete.

        Called again with no data until it returns None.

        Raises:
            ProtocolError: the bytes are not what the manual allows.
        """
        ...
