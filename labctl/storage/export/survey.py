"""What a pass over a tagger's stream finds, and the stream as it was in that pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.storage.reader import RunFile
from labctl.storage.schema import CHUNK_ROWS, MAX_APPEND_ROWS, channel_dtype
from labctl.tags.block import TagBlock, TagFlags, Times

__all__ = ["Batch", "Survey", "TagStream", "survey_tags", "together"]

#: Times and channels of the same length.
Batch: TypeAlias = tuple[Times, NDArray[Any]]

#: Tags per write: many appends together where they are small, about 9 MB of times and channels.
_BATCH_TAGS: Final = 4 * CHUNK_ROWS


@dataclass(slots=True)
class Survey:
    """Facts of one tagger's committed stream, or of several together.

    Attributes:
        intervals: how many were recorded one by one.
        tags: how many there are.
        counts: tags of each channel that has any.
        start_ps: earliest beginning of a covered interval, None when nothing was recorded.
        stop_ps: latest end of a covered interval, None as above.
        first_ps: the earliest time, None without tags.
        last_ps: the latest time, None without tags.
        lost: tags that the tagger is known to have dropped.
        flagged: intervals with any flag.
        uncovered: stretches between intervals in which nothing was recorded.
        steps_backward: intervals whose first tag is earlier than a tag before it.
    """

    intervals: int = 0
    tags: int = 0
    counts: Counter[int] = field(default_factory=Counter)
    start_ps: int | None = None
    stop_ps: int | None = None
    first_ps: int | None = None
    last_ps: int | None = None
    lost: int = 0
    flagged: int = 0
    uncovered: int = 0
    steps_backward: int = 0

    @property
    def highest_channel(self) -> int | None:
        """The highest channel of all tags, None without tags."""
        return max(self.counts, default=None)


def survey_tags(run: RunFile, tagger: str) -> Survey:
    """Read all committed tags once and return what they are.

    Raises:
        RunFileError: the file is damaged.
    """
    found = Survey()
    for block in run.tags(tagger, max_tags=MAX_APPEND_ROWS):
        found.intervals += 1
        found.uncovered += found.stop_ps is not None and block.start_ps > found.stop_ps
        found.start_ps = _least(found.start_ps, block.start_ps)
        found.stop_ps = _most(found.stop_ps, block.stop_ps)
        found.lost += block.lost
        found.flagged += block.flags != TagFlags.NONE
        if len(block):
            _add_tags(found, block)
    return found


def together(surveys: Sequence[Survey]) -> Survey:
    """Return the sums and extremes over several streams; each keeps its own clock."""

    def total(name: str) -> int:
        return sum(getattr(survey, name) for survey in surveys)

    def known(name: str) -> list[int]:
        values = (getattr(survey, name) for survey in surveys)
        return [value for value in values if value is not None]

    return Survey(
        intervals=total("intervals"),
        tags=total("tags"),
        counts=sum((survey.counts for survey in surveys), Counter()),
        start_ps=min(known("start_ps"), default=None),
        stop_ps=max(known("stop_ps"), default=None),
        first_ps=min(known("first_ps"), default=None),
        last_ps=max(known("last_ps"), default=None),
        lost=total("lost"),
        flagged=total("flagged"),
        uncovered=total("uncovered"),
        steps_backward=total("steps_backward"),
    )


def _add_tags(found: Survey, block: TagBlock) -> None:
    first_ps, last_ps = int(block.times_ps[0]), int(block.times_ps[-1])
    found.steps_backward += found.last_ps is not None and first_ps < found.last_ps
    found.tags += len(block)
    found.first_ps = _least(found.first_ps, first_ps)
    found.last_ps = _most(found.last_ps, last_ps)
    counts = np.bincount(block.channels)
    found.counts.update({int(at): int(counts[at]) for at in np.flatnonzero(counts)})


def _least(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)


def _most(one: int | None, other: int) -> int:
    return other if one is None else max(one, other)


@dataclass(frozen=True, slots=True)
class TagStream:
    """The tags that a survey found, as often as they are wanted; owned by one thread.

    A file that has grown since gives the same tags: what is committed stays as it is.
    """

    run: RunFile
    tagger: str
    survey: Survey

    @property
    def channel_type(self) -> np.dtype[Any]:
        """u1 or u2, as the run file has it."""
        return channel_dtype(self.run.taggers[self.tagger].n_channels)

    def _blocks(self) -> Iterator[TagBlock]:
        """Yield the intervals that the survey found, each with its tags."""
        left = self.survey.tags
        found = self.run.tags(self.tagger, max_tags=MAX_APPEND_ROWS)
        for number, block in zip(range(self.survey.intervals), found, strict=False):
            is_last = number == self.survey.intervals - 1
            yield self._as_surveyed(block, left) if is_last else block
            left -= len(block)

    def _as_surveyed(self, block: TagBlock, n_tags: int) -> TagBlock:
        """Return the last interval without what the run has added to it since."""
        stop_ps = min(block.stop_ps, _most(self.survey.stop_ps, block.start_ps))
        if (len(block), block.stop_ps) == (n_tags, stop_ps):
            return block
        times_ps, channels = block.times_ps[:n_tags], block.channels[:n_tags]
        return TagBlock(times_ps, channels, block.start_ps, stop_ps)

    def batches(self, see: Callable[[TagBlock], object] | None = None) -> Iterator[Batch]:
        """Yield times and channels, `_BATCH_TAGS` or a little more together but for the last.

        `see` is shown every interval, those without tags included.
        """
        waiting: list[Batch] = []
        size = 0
        for block in self._blocks():
            if see is not None:
                see(block)
            waiting.append((block.times_ps, block.channels))
            size += len(block)
            if size >= _BATCH_TAGS:
                yield _joined(waiting)
                waiting, size = [], 0
        if size:
            yield _joined(waiting)


def _joined(parts: list[Batch]) -> Batch:
    times = np.concatenate([times_ps for times_ps, _ in parts])
    return times, np.concatenate([channels for _, channels in parts])
