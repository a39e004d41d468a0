"""Recorded tag files of other programs and of labctl, read as one kind of source.

A format is an object with `recognizes` and `open`, registered under the entry-point group
`labctl.formats`; a package that brings its own format plugs in the same way as ours. Every
source yields sorted, joined `TagBlock`s with picosecond times in bounded memory. What the
file says about itself is in `metadata`, what the user must know in `warnings`, and how far
the file was from being in order in `disorder`.
"""

from __future__ import annotations

from labctl.tags.formats.discovery import open_tags
from labctl.tags.formats.source import Disorder, TagFileFormat, TagSource

__all__ = ["Disorder", "TagFileFormat", "TagSource", "open_tags"]
