"""What a pass over a tagger's stream finds, and the stream as it was in that pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.storage.reader import RunFile
from labctl.storage.schema import CHUNK_ROWS, MAX_APPEND_ROWS, channel_dtype
from labctl.tags.block import TagFlags, Times

__all__ = ["Batch", "Survey", "TagStream", "survey_tags"]

#: Times and channels of the same length.
Batch: TypeAlias = tuple[Times, NDArray[Any]]

#: Tags per write: many appends together where they are small, about 9 MB of times and channels.
_BATCH_TAGS: Final = 4 * CHUNK_ROWS


@dataclass(slots=True)
class Survey:
    """Facts of one tagger's committed stream.

    Attributes:
        tags: how many there are.
        start_ps: beginning of the first covered interval, None when nothing was recorded.
        stop_ps: latest end of a covered interval, None as above.
        first_ps: the earliest time, None without tags.
        last_ps: the latest time, None without tags.
        highest_channel: of all tags, None without tags.
        lost: tags that the tagger is known to have dropped.
        flagged: intervals with any flag.
        uncovered: stretches between intervals in which nothing was recorded.
        steps_backward: intervals whose first tag is earlier than a tag before it.
    """

    tags: int = 0
    start_ps: int | None = None
    stop_ps: int | None = None
    first_ps: int | None = None
    last_ps: int | None = None
    highest_channel: int | None = None
    lost: int = 0
    flagged: int = 0
    uncovered: int = 0
    steps_backward: int = 0


def survey_tags(run: RunFile, tagger: str) -> Survey:
    """Read all committed tags once and return what they are.

    Raises:
        RunFileError: the file is damaged.
    """
    found = Survey()
    for block in run.tags(tagger, max_tags=MAX_APPEND_ROWS):
        if found.start_ps is None:
            found.start_ps = block.start_ps
        found.uncovered += found.stop_ps is not None and block.start_ps > found.stop_ps
        found.stop_ps = max(block.stop_ps, _or(found.stop_ps, block.stop_ps))
        found.lost += block.lost
        found.flagged += block.flags != TagFlags.NONE
        if len(block):
            _add_tags(found, block.times_ps, block.channels)
    return found


def _add_tags(found: Survey, times_ps: Times, channels: NDArray[Any]) -> None:
    first_ps, last_ps, channel = int(times_ps[0]), int(times_ps[-1]), int(channels.max())
    found.steps_backward += found.last_ps is not None and first_ps < found.last_ps
    found.tags += int(times_ps.size)
    found.first_ps = min(first_ps, _or(found.first_ps, first_ps))
    found.last_ps = max(last_ps, _or(found.last_ps, last_ps))
    found.highest_channel = max(channel, _or(found.highest_channel, channel))


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


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

    def batches(self) -> Iterator[Batch]:
        """Yield times and channels, `_BATCH_TAGS` or a little more together but for the last."""
        waiting: list[Batch] = []
        size, left = 0, self.survey.tags
        for block in self.run.tags(self.tagger, max_tags=MAX_APPEND_ROWS):
            taken = min(len(block), left - size)
            waiting.append((block.times_ps[:taken], block.channels[:taken]))
            size += taken
            if size >= min(_BATCH_TAGS, left):
                is_last = size == left
                if size:
                    yield _joined(waiting)
                if is_last:
                    return
                waiting, size, left = [], 0, left - size


def _joined(parts: list[Batch]) -> Batch:
    times = np.concatenate([times_ps for times_ps, _ in parts])
    return times, np.concatenate([channels for _, channels in parts])
