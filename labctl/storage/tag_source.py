"""A run file as a tag file: the format `run` of the entry-point group `labctl.formats`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labctl.errors import RunFileError
from labctl.storage.reader import RunFile, open_run
from labctl.storage.schema import HDF5_SIGNATURE, channel_dtype, escape_channel
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock, TagFlags
from labctl.tags.formats.source import Disorder, Metadata

__all__ = ["FORMAT", "RunFormat", "RunTagSource"]


class RunFormat:
    """Run files of labctl: HDF5, whose contents decide when it is opened."""

    name = "run"
    description = "labctl run file (HDF5)"

    def recognizes(self, path: Path, head: bytes) -> bool:
        """Tell whether the file begins as HDF5 does."""
        del path
        return head.startswith(HDF5_SIGNATURE)

    def open(self, path: Path) -> RunTagSource:
        """Return the tags of the run's first tagger.

        Raises:
            RunFileError: the file is damaged, foreign, or of a run without a tagger.
        """
        return RunTagSource(path)


class RunTagSource:
    """The tags of a run's first tagger, read afresh by each pass over `blocks`.

    An interval that the file does not cover comes as an empty block with GAP and MISSED; a block
    that begins before the end of its forerunner is joined to it: its earlier tags are moved to
    that end, counted in `disorder`, and the block carries UNSORTED.
    """

    format_name = RunFormat.name

    def __init__(self, path: Path) -> None:
        self.path = path
        self.disorder = Disorder()
        with open_run(path) as run:
            if not run.taggers:
                raise RunFileError(f"{path} has no tags: its run used no tagger")
            tagger = next(iter(run.taggers.values()))
            self.resolution_ps: int | None = tagger.resolution_ps
            self.n_channels = escape_channel(channel_dtype(tagger.n_channels))
            self.metadata: Metadata = {
                name: value
                for name, value in run.metadata.items()
                if isinstance(value, (str, int, float))
            }
            self.warnings = tuple(_warnings(run))
            self._tagger = tagger.name

    def blocks(self, max_tags: int = MAX_BLOCK_TAGS) -> Iterator[TagBlock]:
        """Yield the tags as joined blocks of at most `max_tags`.

        Raises:
            RunFileError: an append is damaged.
            ValueError: `max_tags` is not positive.
        """
        if max_tags < 1:
            raise ValueError(f"max_tags = {max_tags} is not positive")
        return self._blocks(max_tags)

    def _blocks(self, max_tags: int) -> Iterator[TagBlock]:
        self.disorder = Disorder()
        stop_ps: int | None = None
        sequence = 0
        with open_run(self.path) as run:
            for block in run.tags(self._tagger, max_tags=max_tags):
                for joined in self._joined(block, stop_ps):
                    yield _numbered(joined, sequence)
                    stop_ps = joined.stop_ps
                    sequence += 1

    def _joined(self, block: TagBlock, stop_ps: int | None) -> Iterator[TagBlock]:
        if stop_ps is None or block.start_ps == stop_ps:
            yield block
        elif block.start_ps > stop_ps:
            yield TagBlock(
                block.times_ps[:0],
                block.channels[:0],
                stop_ps,
                block.start_ps,
                flags=TagFlags.GAP | TagFlags.MISSED,
            )
            yield block
        else:
            yield self._moved(block, stop_ps)

    def _moved(self, block: TagBlock, stop_ps: int) -> TagBlock:
        early = block.times_ps < stop_ps
        n_early = int(np.count_nonzero(early))
        if n_early:
            self.disorder = Disorder(
                self.disorder.steps_backward + 1,
                max(self.disorder.largest_ps, stop_ps - int(block.times_ps[0])),
                self.disorder.displaced + n_early,
            )
        return TagBlock(
            np.where(early, np.int64(stop_ps), block.times_ps),
            block.channels,
            stop_ps,
            max(block.stop_ps, stop_ps + 1),
            block.sequence,
            block.lost,
            block.flags | TagFlags.UNSORTED,
        )


def _warnings(run: RunFile) -> Iterator[str]:
    names = list(run.taggers)
    if len(names) > 1:
        yield (
            f"The run has {len(names)} taggers ({', '.join(names)}); only {names[0]}, the first, "
            "is read."
        )
    if next(iter(run.taggers.values())).simulated:
        yield "The tags are simulated."
    if run.status in ("interrupted", "running"):
        yield f"The run has no end (status {run.status}): tags after the last commit are missing."


def _numbered(block: TagBlock, sequence: int) -> TagBlock:
    return TagBlock(
        block.times_ps,
        block.channels,
        block.start_ps,
        block.stop_ps,
        sequence,
        block.lost,
        block.flags,
    )


FORMAT = RunFormat()
