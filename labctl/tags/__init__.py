"""Time tags as a first-class, lossless stream.

A tagger's bytes become `TagBlock`s in a decoder, the pump carries them to a fan-out, and
from there each consumer (recorder, analysis, run) takes them in its own thread. What the
instrument lost is written on the block; what we could not carry raises TagLossError.
"""

from labctl.tags.block import MAX_BLOCK_TAGS, Channels, TagBlock, TagFlags, Times
from labctl.tags.decoder import TagDecoder
from labctl.tags.fanout import TagFanout, TagSubscription
from labctl.tags.feed import TagFeed
from labctl.tags.pump import TagPump, split
from labctl.tags.tagger import TimeTagger

__all__ = [
    "MAX_BLOCK_TAGS",
    "Channels",
    "TagBlock",
    "TagDecoder",
    "TagFanout",
    "TagFeed",
    "TagFlags",
    "TagPump",
    "TagSubscription",
    "TimeTagger",
    "Times",
    "split",
]
