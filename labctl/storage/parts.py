"""A run that outgrows one file goes on in the next, without a tag lost or doubled at the seam."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from labctl.errors import RunFileError
from labctl.storage.header import RunHeader, TaggerHeader
from labctl.storage.names import part_path
from labctl.storage.writer import Acknowledgement, RunWriter
from labctl.tags.block import TagBlock

__all__ = ["PartedWriter"]


class PartedWriter:
    """Writes a run as `RunWriter` does, into as many files as the size limit asks for.

    Counts and numbers of acknowledgements are those of the whole run. A part is closed and
    acknowledged before the next one takes data; the next one is durable before that, so that
    a run is never without an open file. Threads as for `RunWriter`.

    Args:
        path: the first file; header: its part and former_part are set here.
        limit_bytes: a file that has reached this size takes nothing after its next commit.

    Raises:
        RunFileError: the first file exists, is being written, or cannot be created.
    """

    def __init__(
        self,
        path: Path,
        header: RunHeader,
        taggers: Sequence[TaggerHeader],
        *,
        limit_bytes: int,
    ) -> None:
        self.path = path
        self._header = header
        self._taggers = tuple(taggers)
        self._limit_bytes = limit_bytes
        self._number = 1
        self._before: Acknowledgement | None = None
        self._part = RunWriter(path, header, taggers)
        self.acknowledged = self._part.acknowledged

    def add_tags(self, tagger: str, block: TagBlock, utc_ns: int) -> int:
        """Take a block; return the bytes that it adds to the file."""
        return self._part.add_tags(tagger, block, utc_ns)

    def add_record(
        self, stream: str, record: bytes, utc_ns: int, number: int | None = None, total: int = 0
    ) -> int:
        """Take a record of one of the streams; return the bytes that it adds to the file."""
        return self._part.add_record(stream, record, utc_ns, number, total)

    def commit(self) -> None:
        """Hand everything taken so far to the system; go on in the next file if this one is full.

        Raises:
            RunFileError: the file could not be written, or the next one not be created. All that
                was acknowledged is intact.
        """
        self._part.commit()
        if self._part.path.stat().st_size >= self._limit_bytes:
            self._roll_over()

    def sync(self) -> Acknowledgement:
        """Make the latest commit durable; return what is safe now."""
        self.acknowledged = _sum(self._before, self._part.sync())
        return self.acknowledged

    def finish(self) -> Acknowledgement:
        """Commit all, close the file and free it for others."""
        self.acknowledged = _sum(self._before, self._part.finish())
        return self.acknowledged

    def abandon(self) -> None:
        """Close the file as it is; only what was acknowledged counts."""
        self._part.abandon()

    def _roll_over(self) -> None:
        number = self._number + 1
        header = replace(self._header, part=number, former_part=self._part.path.name)
        following = RunWriter(part_path(self.path, number), header, self._taggers)
        try:
            self._before = _sum(self._before, self._part.finish())
        except BaseException:
            with suppress(RunFileError, OSError):
                following.abandon()
            raise
        self.acknowledged = self._before
        self._part, self._number = following, number


def _sum(before: Acknowledgement | None, part: Acknowledgement) -> Acknowledgement:
    """Return what is safe of the run, from that of the closed parts and of the open one."""
    if before is None:
        return part
    return replace(
        part,
        number=before.number + part.number,
        n_tags=_total(before.n_tags, part.n_tags),
        safe_until_ps={**before.safe_until_ps, **part.safe_until_ps},
        n_records=_total(before.n_records, part.n_records),
    )


def _total(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    total = Counter(one)
    total.update(other)
    return dict(total)
