"""What a tag-file format and an opened tag file look like to the rest of labctl."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock

__all__ = ["Disorder", "Metadata", "TagFileFormat", "TagSource"]

Metadata = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Disorder:
    """How far a stream, in the order of the file, was from being sorted in time.

    Attributes:
        steps_backward: neighbours of which the later one has the earlier time.
        largest_ps: the farthest that a tag lies before the latest tag in front of it.
        displaced: tags that lay farther back than the bound of the re-sort, so that their
            time had to be changed (see `labctl.tags.formats.ordering`).
    """

    steps_backward: int = 0
    largest_ps: int = 0
    displaced: int = 0


class TagSource(Protocol):
    """One tag file, opened: what it says about itself, and its tags from the beginning.

    Counts that only reading can tell (`disorder`, some keys of `metadata`, some
    `warnings`) belong to the newest pass of `blocks` and are complete at its end.
    """

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def format_name(self) -> str:
        """Name of the format that reads the file, as registered."""
        ...

    @property
    def resolution_ps(self) -> int | None:
        """Unit of the recorded times; None when unknown or not a whole number of ps."""
        ...

    @property
    def n_channels(self) -> int:
        """The highest channel number that the format can hold, plus one."""
        ...

    @property
    def metadata(self) -> Metadata:
        """What the file says about its recording, under the file's own names."""
        ...

    @property
    def disorder(self) -> Disorder:
        """How far the tags read so far were from being sorted."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user must know before trusting the tags, each a sentence."""
        ...

    def blocks(self, max_tags: int = MAX_BLOCK_TAGS) -> Iterator[TagBlock]:
        """Yield the tags from the beginning as sorted blocks of at most `max_tags` tags.

        Blocks are joined: the `stop_ps` of one is the `start_ps` of the next. Tags of the
        same picosecond stay in one block, even where this makes it longer than `max_tags`.

        Raises:
            RunFileError: the file is damaged, or was changed while it was read.
            ValueError: `max_tags` is not positive.
        """
        ...


class TagFileFormat(Protocol):
    """A kind of tag file, registered under the entry-point group `labctl.formats`."""

    @property
    def name(self) -> str:
        """Short name, equal to the name of the entry point."""
        ...

    @property
    def description(self) -> str:
        """One line for lists and error messages."""
        ...

    def recognizes(self, path: Path, head: bytes) -> bool:
        """Tell whether `path`, which begins with `head` (up to 512 bytes), is of this kind."""
        ...

    def open(self, path: Path) -> TagSource:
        """Read what precedes the tags and return the source.

        Raises:
            RunFileError: the file is damaged or of a variant that is not read.
        """
        ...
