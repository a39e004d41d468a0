"""What the index of a tag stream tells without a single tag: how much, from when to when, lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labctl.tags.block import TagFlags

__all__ = ["NOTHING", "StreamSummary", "summary_of"]


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """A tagger's stream in a run.

    Attributes:
        tags: committed tags.
        start_ps: where the first interval begins; None without one.
        stop_ps: where the last one ends; None without one.
        lost: tags that the instrument says it dropped.
        lossy: intervals that have no live time, for tags were lost in them.
        gaps: how often the stream was interrupted before an interval.
        damaged: rows of the index that fail their check, of which nothing is counted here.
    """

    tags: int = 0
    start_ps: int | None = None
    stop_ps: int | None = None
    lost: int = 0
    lossy: int = 0
    gaps: int = 0
    damaged: int = 0

    @property
    def duration_s(self) -> float:
        """Seconds of the tagger's clock from beginning to end."""
        if self.start_ps is None or self.stop_ps is None:
            return 0.0
        return (self.stop_ps - self.start_ps) * 1e-12

    def __add__(self, later: StreamSummary) -> StreamSummary:
        stop_ps = self.stop_ps if later.stop_ps is None else later.stop_ps
        return StreamSummary(
            self.tags + later.tags,
            later.start_ps if self.start_ps is None else self.start_ps,
            stop_ps,
            self.lost + later.lost,
            self.lossy + later.lossy,
            self.gaps + later.gaps,
            self.damaged + later.damaged,
        )


#: The summary of no stream at all.
NOTHING: Final = StreamSummary()


def summary_of(slabs: Iterable[tuple[Any, Any]]) -> StreamSummary:
    """Return the summary of rows of an index, given as (rows, which of them are intact)."""
    found = NOTHING
    for rows, intact in slabs:
        sound = rows[intact]
        if not sound.size:
            found += StreamSummary(damaged=int(rows.size))
            continue
        flags = sound["flags"]
        is_lossy = (sound["lost"] > 0) | (flags & int(TagFlags.OVERFLOW | TagFlags.MISSED) > 0)
        found += StreamSummary(
            int(sound["tag_count"].sum()),
            int(sound["start_ps"][0]),
            int(sound["stop_ps"][-1]),
            int(sound["lost"].sum()),
            int(np.count_nonzero(is_lossy)),
            int(np.count_nonzero(flags & int(TagFlags.GAP))),
            int(rows.size - sound.size),
        )
    return found
