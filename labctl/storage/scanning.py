"""Everything committed in a run file, sound or damaged: the common ground of verify and recover.

`open_run` refuses a file that is truncated and stops at the first damaged record. A scan goes on:
what cannot be read is named, and everything behind it is looked at all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import h5py
import numpy as np

from labctl.storage.checksums import crc32
from labctl.storage.committed import committed_rows
from labctl.storage.record_table import Record, RecordTable
from labctl.storage.scale_offset import ColumnReader
from labctl.storage.schema import INDEX_ROW, MAX_APPEND_ROWS, RECORD_ROW, Rows, passes_check
from labctl.storage.strangers import check_size, dataset, group
from labctl.storage.tag_codec import decode
from labctl.storage.tag_table import TagTable
from labctl.storage.tail import has_broken_row, rest_of, states_of
from labctl.tags.block import TagBlock, TagFlags

__all__ = [
    "READ_ERRORS",
    "OnProgress",
    "RecordScan",
    "ScannedAppend",
    "ScannedRecord",
    "Share",
    "TagScan",
]

OnProgress: TypeAlias = Callable[[float], object]

#: Slabs as small as the chunks of the index: an unreadable chunk must not cost its neighbors.
_SLAB_ROWS: Final = 512
#: What HDF5 and NumPy raise over bytes that are damaged or not there.
READ_ERRORS: Final = (OSError, RuntimeError, ValueError, MemoryError)


@dataclass(frozen=True, slots=True)
class Share:
    """Tells the progress of one part, which begins at `done` of `total` rows."""

    on_progress: OnProgress | None
    done: int
    total: int

    def tell(self, at: int) -> None:
        """Say that row `at` of the part has been dealt with."""
        if self.on_progress is not None:
            self.on_progress(min(1.0, (self.done + at + 1) / max(1, self.total)))


@dataclass(frozen=True, slots=True)
class ScannedAppend:
    """One append. Without `row` not even its interval is known; without `block` its tags are gone.

    `damage` is empty when all is well. With both a row and a block, it says what in the append
    contradicts the layout although all checksums agree. `overlaps`: it begins before the one
    before it ends, and no GAP says that the clock began again.
    """

    at: int
    row: Any = None
    block: TagBlock | None = None
    damage: str = ""
    overlaps: bool = False


@dataclass(frozen=True, slots=True)
class ScannedRecord:
    """One record of a stream, None when it is damaged."""

    at: int
    record: Record | None
    damage: str = ""


class TagScan:
    """All appends of one tagger, in their order."""

    def __init__(self, path: Path, tags: h5py.Group, name: str, *, was_closed: bool) -> None:
        self._was_closed = was_closed
        table = TagTable(path, tags, name)
        self.header = table.header
        parent = group(path, tags, name)
        self._delta: h5py.Dataset = parent["delta"]
        self._channel: h5py.Dataset = parent["channel"]
        self._delta_rows = ColumnReader(self._delta)
        self._channel_rows = ColumnReader(self._channel)
        self._index = dataset(path, parent, "index", INDEX_ROW)
        self._tail = dataset(path, parent, "tail", INDEX_ROW)
        check_size(path, self._index)

    @property
    def n_rows(self) -> int:
        """Rows of the index, committed or not: an upper bound for progress."""
        return int(self._index.shape[0])

    def __iter__(self) -> Iterator[ScannedAppend]:
        self._tail.refresh()
        self._index.refresh()
        tail = _read(self._tail, 0, 2)
        if tail is None:
            tail = np.empty(0, INDEX_ROW)
        n_appends = _committed(self._index)
        # Last, because what the commit rows vouch for was flushed before them.
        self._delta.refresh()
        self._channel.refresh()
        before: Any = None
        for at, row, damage in _index_rows(self._index, n_appends):
            if damage or row["number"] != at:
                what = damage or f"its index row is that of append {row['number']}"
                yield from self._with_earlier_state(ScannedAppend(at, damage=what), tail)
                before = None
                continue
            yield from self._with_earlier_state(self._scanned(at, row, before), tail)
            before = row
        for newest in states_of(tail, n_appends)[:1]:
            scanned = self._scanned(n_appends, newest, before)
            yield from self._with_earlier_state(scanned, tail)
        if not self._was_closed and has_broken_row(tail):
            what = "a row of the tail fails its check; the newest tags may be missing"
            yield ScannedAppend(n_appends, damage=what)

    def _with_earlier_state(self, scanned: ScannedAppend, tail: Rows) -> Iterator[ScannedAppend]:
        """Yield the append; if it is unreadable, first what the tail knows of it from before."""
        states = [] if scanned.block is not None else states_of(tail, scanned.at)
        for state in states:
            earlier = self._scanned(scanned.at, state, None)
            if earlier.block is not None:
                yield earlier
                if scanned.row is not None:
                    scanned = replace(scanned, row=rest_of(scanned.row, state))
                break
        yield scanned

    def _scanned(self, at: int, row: Any, before: Any) -> ScannedAppend:
        try:
            block, damage = self._block(row)
        except READ_ERRORS as error:
            return ScannedAppend(at, row, damage=f"its rows cannot be read: {error}")
        damage = damage or _contradiction(row, block, before)
        return ScannedAppend(at, row, block, damage, _overlaps(row, before))

    def _block(self, row: Any) -> tuple[TagBlock | None, str]:
        first, n_rows = int(row["first_row"]), int(row["row_count"])
        if n_rows > MAX_APPEND_ROWS:
            return None, f"{n_rows} rows are more than an append can hold"
        if first + n_rows > min(self._delta.shape[0], self._channel.shape[0]):
            return None, "its rows are missing"
        delta = self._delta_rows.read(first, first + n_rows)
        channel = self._channel_rows.read(first, first + n_rows)
        if crc32(delta) != row["delta_crc32"]:
            return None, "its times fail their checksum"
        if crc32(channel) != row["channel_crc32"]:
            return None, "its channels fail their checksum"
        times_ps, channels = decode(delta, channel, int(row["t0_ps"]))
        if times_ps.size != row["tag_count"]:
            return None, f"it holds {times_ps.size} tags, not {row['tag_count']}"
        block = TagBlock(
            times_ps,
            channels,
            int(row["start_ps"]),
            int(row["stop_ps"]),
            lost=int(row["lost"]),
            flags=TagFlags(int(row["flags"])),
        )
        return block, ""


class RecordScan:
    """All records of one stream, in their order."""

    def __init__(self, path: Path, entry: h5py.Group, name: str) -> None:
        RecordTable(path, entry, name)
        parent = group(path, entry, name)
        self._data: h5py.Dataset = parent["data"]
        self._index = dataset(path, parent, "index", RECORD_ROW)
        check_size(path, self._index)

    def __iter__(self) -> Iterator[ScannedRecord]:
        self._index.refresh()
        n_records = _committed(self._index)
        self._data.refresh()
        for at, row, damage in _index_rows(self._index, n_records):
            yield ScannedRecord(at, None, damage) if damage else self._scanned(at, row)

    def _scanned(self, at: int, row: Any) -> ScannedRecord:
        offset, length = int(row["offset"]), int(row["length"])
        if offset + length > self._data.shape[0]:
            return ScannedRecord(at, None, "its bytes are missing")
        try:
            data = self._data[offset : offset + length].tobytes()
        except READ_ERRORS as error:
            return ScannedRecord(at, None, f"its bytes cannot be read: {error}")
        if crc32(data) != row["crc32"]:
            return ScannedRecord(at, None, "its bytes fail their checksum")
        record = Record(data, int(row["utc_ns"]), int(row["number"]), int(row["total"]))
        return ScannedRecord(at, record)


def _committed(index: h5py.Dataset) -> int:
    with suppress(*READ_ERRORS):
        return committed_rows(index)
    # Its end cannot be read, so every row may have been committed.
    return int(index.shape[0])


def _index_rows(index: h5py.Dataset, n_rows: int) -> Iterator[tuple[int, Any, str]]:
    """Yield place, row and damage of each commit row."""
    for first in range(0, n_rows, _SLAB_ROWS):
        stop = min(first + _SLAB_ROWS, n_rows)
        rows = _read(index, first, stop)
        if rows is None:
            yield from ((at, None, "its index row cannot be read") for at in range(first, stop))
            continue
        intact = passes_check(rows)
        for at, row in enumerate(rows):
            yield first + at, row, "" if intact[at] else "its index row fails its check"


def _read(rows: h5py.Dataset, first: int, stop: int) -> Any:
    try:
        return rows[first:stop]
    except READ_ERRORS:
        return None


def _contradiction(row: Any, block: TagBlock | None, before: Any) -> str:
    """Return what the append says that cannot be, checksums notwithstanding."""
    if block is None:
        return ""
    times_ps = block.times_ps
    if np.any(times_ps[1:] < times_ps[:-1]):
        return "its times are not in order"
    if times_ps.size and not block.start_ps <= times_ps[0] <= times_ps[-1] < block.stop_ps:
        return "it has tags outside its interval"
    if (
        before is not None
        and int(before["first_row"]) + int(before["row_count"]) != row["first_row"]
    ):
        return "its rows do not follow those of the append before it"
    return ""


def _overlaps(row: Any, before: Any) -> bool:
    # After a reconnect the tagger's clock may begin again.
    has_gap = bool(int(row["flags"]) & TagFlags.GAP)
    return before is not None and bool(row["start_ps"] < before["stop_ps"]) and not has_gap
