"""Blocks of a stream for consumers that take one interval after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from labctl.tags.block import TagBlock
from labctl.tags.pump import TagPump

__all__ = ["TagFeed"]


class TagFeed:
    """A subscription that keeps what lies beyond the interval asked for; a context manager.

    Used by one thread.
    """

    def __init__(self, pump: TagPump) -> None:
        self._pump = pump
        self._blocks = pump.fanout.subscribe()
        self._held: TagBlock | None = None
        self.reached_ps: int | None = None

    @property
    def tagger(self) -> str:
        """Name of the tagger."""
        return self._pump.tagger.name

    def until(self, stop_ps: int) -> Iterator[TagBlock]:
        """Yield the blocks that have arrived and begin before `stop_ps`, without waiting.

        A block that reaches beyond it is given again to the next interval.

        Raises:
            LabError: the stream ended with this error.
        """
        while (block := self._next()) is not None:
            if block.stop_ps > stop_ps:
                self._held = block
                self.reached_ps = stop_ps
                if block.start_ps < stop_ps:
                    yield block
                return
            self.reached_ps = block.stop_ps
            yield block

    def has_reached(self, stop_ps: int) -> bool:
        """Return whether everything before `stop_ps` was given, or nothing more will come."""
        if self.reached_ps is not None and self.reached_ps >= stop_ps:
            return True
        return self._pump.is_finished and self._held is None and not self._blocks.is_waiting

    def _next(self) -> TagBlock | None:
        held, self._held = self._held, None
        return held if held is not None else self._blocks.get(0)

    def close(self) -> None:
        """Stop receiving."""
        self._blocks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
