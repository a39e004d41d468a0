"""The reading side of one tagger's stream: committed appends, checked, as blocks."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from labctl.errors import RunFileError
from labctl.storage.checksums import crc32
from labctl.storage.committed import committed_rows
from labctl.storage.header import TaggerHeader
from labctl.storage.plain import from_json_object
from labctl.storage.scale_offset import ColumnReader
from labctl.storage.schema import INDEX_ROW, MAX_APPEND_ROWS, channel_dtype, passes_check
from labctl.storage.strangers import attribute, check_size, dataset, group
from labctl.storage.stream_summary import StreamSummary, summary_of
from labctl.storage.tag_codec import decode
from labctl.storage.tail import rest_of, states_of
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["OnDamage", "TagTable"]

OnDamage: TypeAlias = Literal["raise", "flag"]
#: Place of the first row, rows of the index, and for each whether its check agrees.
_Slab: TypeAlias = tuple[int, Any, NDArray[np.bool_]]

_SLAB_ROWS: Final = 4096


class _DamageError(Exception):
    """What is wrong with an append."""


_UNREADABLE: Final = (_DamageError, OSError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class _Append:
    """One commit row, with its place in the index; `is_intact` tells whether its check agrees."""

    at: int
    row: Any
    is_intact: bool

    def __getitem__(self, name: str) -> int:
        return int(self.row[name])


class TagTable:
    """The tags of one tagger in an open file, as far as they are committed now."""

    def __init__(self, path: Path, tags: h5py.Group, name: str) -> None:
        self._path = path
        parent = group(path, tags, name)
        self.header = _tagger_header(path, parent, name)
        self._delta = dataset(path, parent, "delta", np.dtype("<u4"))
        self._channel = dataset(path, parent, "channel", channel_dtype(self.header.n_channels))
        self._delta_reader = ColumnReader(self._delta)
        self._channel_reader = ColumnReader(self._channel)
        self._index = dataset(path, parent, "index", INDEX_ROW)
        self._tail = dataset(path, parent, "tail", INDEX_ROW)

    def origin_ps(self) -> int | None:
        """Return where the first interval begins; None before there is one."""
        first = next((append for append in self._appends() if append.is_intact), None)
        return None if first is None else first["start_ps"]

    def summary(self) -> StreamSummary:
        """Return what the index tells of the stream."""
        rows, tail = self._committed()
        return summary_of(
            [
                *((slab, intact) for _, slab, intact in rows),
                *((np.atleast_1d(append.row), np.ones(1, np.bool_)) for append in tail),
            ]
        )

    def blocks(
        self,
        interval_ps: tuple[int | None, int | None],
        on_damage: OnDamage,
        missing: TagFlags,
    ) -> Generator[TagBlock, None, TagFlags]:
        """Yield a block per append that overlaps [start, stop), cut to it.

        The first carries the flags `missing`; those that the next one must carry are returned.
        """
        for append in self._appends(interval_ps):
            if not append.is_intact:
                if on_damage == "raise":
                    raise self._damage(append, "its index row fails its check")
                for _, block in self._earlier_state(append, missing):
                    yield _cut(block, interval_ps)
                # Not even its interval can be trusted; the next block says that something is gone.
                missing = TagFlags.GAP
                continue
            for block in self._blocks_of(append, on_damage, missing):
                yield _cut(block, interval_ps)
            missing = TagFlags.NONE
        return missing

    def _appends(
        self, interval_ps: tuple[int | None, int | None] = (None, None)
    ) -> Iterator[_Append]:
        """Yield the appends that overlap the interval, and all that are damaged."""
        slabs, tail = self._committed()
        for first, rows, intact in slabs:
            wanted = ~intact | _overlaps(rows, interval_ps)
            for at in np.flatnonzero(wanted).tolist():
                yield _Append(first + at, rows[at], bool(intact[at]))
        for append in tail:
            if _overlaps(append.row, interval_ps):
                yield append

    def _committed(self) -> tuple[Iterator[_Slab], list[_Append]]:
        """Return the committed rows of the index, and that of the tail if it has one."""
        # Index and tail before the rows: what they vouch for was flushed before them.
        for column in (self._tail, self._index, self._delta, self._channel):
            column.refresh()
        check_size(self._path, self._index)
        n_appends = committed_rows(self._index)
        newest = states_of(self._tail[:], n_appends)[:1]
        return self._slabs(n_appends), [_Append(n_appends, row, is_intact=True) for row in newest]

    def _slabs(self, n_appends: int) -> Iterator[_Slab]:
        for first in range(0, n_appends, _SLAB_ROWS):
            rows = self._index[first : min(first + _SLAB_ROWS, n_appends)]
            yield first, rows, passes_check(rows) & (rows["number"] == first + np.arange(rows.size))

    def _blocks_of(
        self, append: _Append, on_damage: OnDamage, missing: TagFlags
    ) -> Iterator[TagBlock]:
        """Yield the append as one block; as two if its newest rows did not arrive."""
        try:
            yield self._block(append, missing)
        except _UNREADABLE as error:
            if on_damage == "raise":
                raise self._damage(append, str(error)) from error
            for state, block in self._earlier_state(append, missing):
                yield block
                append = _Append(append.at, rest_of(append.row, state), is_intact=True)
                missing = TagFlags.NONE
            yield TagBlock(
                np.empty(0, np.int64),
                np.empty(0, self._channel.dtype),
                append["start_ps"],
                append["stop_ps"],
                lost=append["lost"] + append["tag_count"],
                flags=missing | TagFlags(append["flags"]) | TagFlags.MISSED,
            )

    def _earlier_state(self, append: _Append, missing: TagFlags) -> Iterator[tuple[Any, TagBlock]]:
        """Yield what the tail knows of an append from before its newest rows, if it is readable."""
        for state in states_of(self._tail[:], append.at):
            with suppress(*_UNREADABLE):
                yield state, self._block(_Append(append.at, state, is_intact=True), missing)
                return

    def _block(self, append: _Append, missing: TagFlags) -> TagBlock:
        times_ps, channels = self._decoded(append)
        return TagBlock(
            times_ps,
            channels,
            append["start_ps"],
            append["stop_ps"],
            lost=append["lost"],
            flags=missing | TagFlags(append["flags"]),
        )

    def _decoded(self, append: _Append) -> tuple[Any, Any]:
        first, n_rows = append["first_row"], append["row_count"]
        if n_rows > MAX_APPEND_ROWS:
            raise _DamageError(f"{n_rows} rows are more than an append can hold")
        if first + n_rows > min(self._delta.shape[0], self._channel.shape[0]):
            raise _DamageError("its rows are missing")
        delta = self._delta_reader.read(first, first + n_rows)
        channel = self._channel_reader.read(first, first + n_rows)
        if crc32(delta) != append["delta_crc32"]:
            raise _DamageError("its times fail their checksum")
        if crc32(channel) != append["channel_crc32"]:
            raise _DamageError("its channels fail their checksum")
        times_ps, channels = decode(delta, channel, append["t0_ps"])
        if times_ps.size != append["tag_count"]:
            raise _DamageError(f"it holds {times_ps.size} tags, not {append['tag_count']}")
        return times_ps, channels

    def _damage(self, append: _Append, what: str) -> RunFileError:
        interval = (
            f" ({append['tag_count']} tags from {append['start_ps']} to {append['stop_ps']} ps)"
            if append.is_intact
            else ""
        )
        return RunFileError(
            f"{self._path} is damaged: append {append.at} of {self.header.name}{interval}: {what}; "
            f"the {append.at} appends before it are intact",
            device=self.header.name,
            hint='on_damage="flag" reads all intact appends and flags the damaged ones as lost.',
        )


def _tagger_header(path: Path, parent: h5py.Group, name: str) -> TaggerHeader:
    texts = from_json_object(attribute(path, parent, "channel_names", str))
    return TaggerHeader(
        name=name,
        resolution_ps=int(attribute(path, parent, "resolution_ps", np.integer)),
        n_channels=int(attribute(path, parent, "n_channels", np.integer)),
        simulated=bool(attribute(path, parent, "simulated", np.bool_)),
        channel_names={int(channel): str(text) for channel, text in texts.items()},
    )


def _overlaps(rows: Any, interval_ps: tuple[int | None, int | None]) -> Any:
    """Return for one row or many whether it has a part in [start, stop)."""
    start_ps, stop_ps = interval_ps
    begins_in_time = stop_ps is None or rows["start_ps"] < stop_ps
    ends_in_time = start_ps is None or rows["stop_ps"] > start_ps
    return begins_in_time & np.ones(rows.shape, np.bool_) & ends_in_time


def _cut(block: TagBlock, interval_ps: tuple[int | None, int | None]) -> TagBlock:
    start_ps, stop_ps = interval_ps
    if start_ps is None and stop_ps is None:
        return block
    return block.between(
        block.start_ps if start_ps is None else start_ps,
        block.stop_ps if stop_ps is None else stop_ps,
    )
