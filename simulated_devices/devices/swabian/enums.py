"""The vendor's enumerations; their values are compared with the real package's."""

from __future__ import annotations

from enum import IntEnum, IntFlag

__all__ = ["CHANNEL_UNUSED", "ChannelEdge", "Resolution", "TagType"]

CHANNEL_UNUSED = -134_217_728
"""Stands for no channel."""


class ChannelEdge(IntFlag):
    """Which channels `getChannelList` returns."""

    All = 0
    Rising = 1
    Falling = 2
    HighResAll = 4
    HighResRising = 5
    HighResFalling = 6
    StandardAll = 8
    StandardRising = 9
    StandardFalling = 10


class Resolution(IntEnum):
    """How many converters measure one edge."""

    Standard = 0
    HighResA = 1
    HighResB = 2
    HighResC = 3


class TagType(IntEnum):
    """What an event of the stream is."""

    TimeTag = 0
    Error = 1
    OverflowBegin = 2
    OverflowEnd = 3
    MissedEvents = 4
