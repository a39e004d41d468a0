"""The source behind every file that is a header and then records of one fixed size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.errors import RunFileError
from labctl.tags.block import MAX_BLOCK_TAGS, Channels, TagBlock, Times
from labctl.tags.formats.ordering import ORDER_BOUND_PS, TagSorter
from labctl.tags.formats.source import Disorder, Metadata

__all__ = ["Decoded", "RecordArea", "RecordDecoder", "RecordSource", "Records"]

Records: TypeAlias = NDArray[Any]

#: Read at a time: 64 Ki records keep decoding and sorting inside the cache.
_CHUNK_RECORDS = 65_536
#: A tagger of 65 channels with a dead time of 1 ns each delivers 65 000 tags in the 1 µs of
#: the re-sort. Many times more, and the stream is not one recording.
_MAX_UNSETTLED = 1_048_576


@dataclass(frozen=True, slots=True)
class Decoded:
    """Tags of one chunk in file order, and the time that the tagger had reached at its end."""

    times_ps: Times
    channels: Channels
    reached_ps: int = 0


class RecordDecoder(Protocol):
    """Turns the records of one pass, chunk by chunk, into tags; keeps what must be carried."""

    def decode(self, records: Records, first: int) -> Decoded:
        """Return the tags of `records`, of which the first one is number `first` of the file."""
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """What the records held beside tags, under the names it has in the metadata."""
        ...


@dataclass(frozen=True, slots=True)
class RecordArea:
    """Where the records of a file lie; measured once, so that a growing file stays as opened."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    count: int

    def chunks(self, n_records: int) -> Iterator[tuple[int, Records]]:
        """Yield (number of the first record, records), at most `n_records` at a time."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                for first in range(0, self.count, n_records):
                    expected = min(n_records, self.count - first)
                    records = np.fromfile(file, self.dtype, expected)
                    if records.size < expected:
                        raise RunFileError(
                            f"{self.path}: ends after record {first + records.size}, but had "
                            f"{self.count} records when it was opened.",
                            hint="Do not change a tag file while it is read.",
                        )
                    yield first, records
        except OSError as error:
            raise RunFileError(f"{self.path}: cannot be read: {error.strerror}.") from error


@dataclass(kw_only=True)
class RecordSource:
    """A `TagSource` over records; the format supplies the header's facts and a decoder.

    One pass at a time: a second iteration, started before the first has ended, takes over
    `disorder` and the counts in `metadata` and `warnings`.
    """

    area: RecordArea
    format_name: str
    resolution_ps: int | None
    n_channels: int
    header: Metadata
    new_decoder: Callable[[], RecordDecoder]
    start_ps: int | None = None
    header_warnings: tuple[str, ...] = ()
    chunk_records: int = _CHUNK_RECORDS
    _disorder: Disorder = field(default_factory=Disorder, init=False)
    _counts: Mapping[str, int] = field(default_factory=dict, init=False)

    @property
    def path(self) -> Path:
        """The file."""
        return self.area.path

    @property
    def disorder(self) -> Disorder:
        """How far the tags of the newest pass were from being sorted."""
        return self._disorder

    @property
    def metadata(self) -> Metadata:
        """The header's entries and, from the first block on, what the newest pass counted."""
        return {**self.header, **self._counts}

    @property
    def warnings(self) -> tuple[str, ...]:
        """The header's contradictions, and what the newest pass left out or had to move."""
        return self.header_warnings + tuple(self._pass_warnings())

    def blocks(self, max_tags: int = MAX_BLOCK_TAGS) -> Iterator[TagBlock]:
        """Yield the tags from the beginning; see `TagSource.blocks`."""
        sorter = TagSorter(max_tags=max_tags, start_ps=self.start_ps)
        return self._read(sorter)

    def _read(self, sorter: TagSorter) -> Iterator[TagBlock]:
        decoder = self.new_decoder()
        reached_ps = 0
        self._disorder, self._counts = sorter.disorder, decoder.counts
        for first, records in self.area.chunks(self.chunk_records):
            decoded = decoder.decode(records, first)
            reached_ps = max(reached_ps, decoded.reached_ps)
            complete = sorter.feed(decoded.times_ps, decoded.channels)
            self._disorder, self._counts = sorter.disorder, decoder.counts
            if sorter.unsettled > _MAX_UNSETTLED:
                raise self._not_one_recording(first, sorter)
            yield from complete
        yield from sorter.finish(reached_ps)

    def _not_one_recording(self, first: int, sorter: TagSorter) -> RunFileError:
        step_s = sorter.disorder.largest_ps / 1e12
        return RunFileError(
            f"{self.path}: from about record {first} on, {sorter.unsettled} tags lie inside "
            f"{ORDER_BOUND_PS / 1e6:g} µs; times step backward by up to {step_s:.6g} s. The clock "
            "was reset inside the recording, or the file is damaged.",
            hint="Split the file where its time starts again, and read the parts.",
        )

    def _pass_warnings(self) -> Iterator[str]:
        if n_markers := self._counts.get("markers_skipped", 0):
            yield f"Markers left out, as they are not detections: {n_markers}."
        if n_unknown := self._counts.get("records_unknown", 0):
            yield (
                f"Records of no documented kind left out: {n_unknown}; "
                "the file is damaged, or newer than this reader."
            )
        if n_off_grid := self._counts.get("times_off_grid", 0):
            yield (
                f"Times that are no multiple of {self.resolution_ps} ps, as the first ones are: "
                f"{n_off_grid}; the file is damaged, or joined from two."
            )
        if n_displaced := self._disorder.displaced:
            yield (
                f"Tags moved forward: {n_displaced}. They lay more than "
                f"{ORDER_BOUND_PS / 1e6:g} µs (up to {self._disorder.largest_ps} ps) before an "
                "earlier one; do not trust coincidences of the blocks flagged UNSORTED."
            )
