"""Which tags a run accepts: those of its taggers, on channels that the file can hold."""

from __future__ import annotations

from collections.abc import Sequence

from labctl.errors import nearest
from labctl.storage.header import TaggerHeader
from labctl.storage.schema import channel_dtype, escape_channel
from labctl.tags.block import TagBlock

__all__ = ["AcceptedTags"]


class AcceptedTags:
    """Taggers of a run and their largest channels."""

    def __init__(self, taggers: Sequence[TaggerHeader]) -> None:
        self._largest_channel = {
            tagger.name: escape_channel(channel_dtype(tagger.n_channels)) - 1 for tagger in taggers
        }

    def check_tagger(self, tagger: str) -> None:
        """Raise ValueError if the run has no tagger of this name."""
        if tagger not in self._largest_channel:
            known = ", ".join(self._largest_channel) or "none"
            raise ValueError(
                f"{tagger!r} is not a tagger of this run ({known})"
                f"{nearest(tagger, self._largest_channel)}"
            )

    def check_block(self, tagger: str, block: TagBlock) -> None:
        """Raise ValueError if the run has no such tagger or its file no room for a channel."""
        self.check_tagger(tagger)
        largest = self._largest_channel[tagger]
        if len(block) and int(block.channels.max()) > largest:
            raise ValueError(
                f"{tagger}: channel {block.channels.max()} is outside 0 to {largest} "
                "(n_channels of its TaggerHeader)"
            )
