"""The reading side of one tagger's stream: committed appends, checked, as blocks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.committed import committed_rows
from labctl.storage.header import TaggerHeader
from labctl.storage.plain import from_json_object
from labctl.storage.schema import INDEX_ROW, MAX_APPEND_ROWS, channel_dtype, passes_check
from labctl.storage.strangers import attribute, check_size, dataset, group
from labctl.storage.tag_codec import decode, split
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["OnDamage", "TagTable"]

OnDamage: TypeAlias = Literal["raise", "flag"]

_SLAB_ROWS: Final = 4096


class _DamageError(Exception):
    """What is wrong with an append."""


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
        self._index = dataset(path, parent, "index", INDEX_ROW)
        self._tail = dataset(path, parent, "tail", INDEX_ROW)

    def blocks(
        self,
        start_s: float | None,
        stop_s: float | None,
        on_damage: OnDamage,
        max_tags: int,
    ) -> Iterator[TagBlock]:
        """Yield the blocks of [start_s, stop_s), counted from the first committed start."""
        sequence = 0
        origin_ps: int | None = None
        missing = TagFlags.NONE
        for append in self._appends():
            if not append.is_intact:
                if on_damage == "raise":
                    raise self._damage(append, "its index row fails its check")
                # Not even its interval can be trusted; the next block says that something is gone.
                missing = TagFlags.GAP
                continue
            if origin_ps is None:
                origin_ps = append["start_ps"]
            first_ps = None if start_s is None else origin_ps + round(start_s * 1e12)
            stop_ps = None if stop_s is None else origin_ps + round(stop_s * 1e12)
            if not _overlaps(append, first_ps, stop_ps):
                continue
            whole = self._block(append, on_damage, missing)
            missing = TagFlags.NONE
            for part in split(_cut(whole, first_ps, stop_ps), max_tags):
                yield _numbered(part, sequence)
                sequence += 1

    def _appends(self) -> Iterator[_Append]:
        # Index and tail before the rows: what they vouch for was flushed before them.
        for column in (self._tail, self._index, self._delta, self._channel):
            column.refresh()
        check_size(self._path, self._index)
        n_appends = committed_rows(self._index)
        tail = self._tail[:]
        for first in range(0, n_appends, _SLAB_ROWS):
            rows = self._index[first : min(first + _SLAB_ROWS, n_appends)]
            intact = passes_check(rows) & (rows["number"] == first + np.arange(rows.size))
            for at, row in enumerate(rows):
                yield _Append(first + at, row, bool(intact[at]))
        current = tail[passes_check(tail) & (tail["number"] == n_appends)]
        if current.size:
            yield _Append(n_appends, current[np.argmax(current["revision"])], is_intact=True)

    def _block(self, append: _Append, on_damage: OnDamage, missing: TagFlags) -> TagBlock:
        flags = missing | TagFlags(append["flags"])
        try:
            times_ps, channels = self._decoded(append)
            return TagBlock(
                times_ps,
                channels,
                append["start_ps"],
                append["stop_ps"],
                lost=append["lost"],
                flags=flags,
            )
        except (_DamageError, OSError, RuntimeError, ValueError) as error:
            if on_damage == "raise":
                raise self._damage(append, str(error)) from error
            return TagBlock(
                np.empty(0, np.int64),
                np.empty(0, self._channel.dtype),
                append["start_ps"],
                append["stop_ps"],
                lost=append["lost"] + append["tag_count"],
                flags=flags | TagFlags.MISSED,
            )

    def _decoded(self, append: _Append) -> tuple[Any, Any]:
        first, n_rows = append["first_row"], append["row_count"]
        if n_rows > MAX_APPEND_ROWS:
            raise _DamageError(f"{n_rows} rows are more than an append can hold")
        if first + n_rows > min(self._delta.shape[0], self._channel.shape[0]):
            raise _DamageError("its rows are missing")
        delta = self._delta[first : first + n_rows]
        channel = self._channel[first : first + n_rows]
        if zlib.crc32(delta) != append["delta_crc32"]:
            raise _DamageError("its times fail their checksum")
        if zlib.crc32(channel) != append["channel_crc32"]:
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


def _overlaps(append: _Append, first_ps: int | None, stop_ps: int | None) -> bool:
    begins_in_time = stop_ps is None or append["start_ps"] < stop_ps
    ends_in_time = first_ps is None or append["stop_ps"] > first_ps
    return begins_in_time and ends_in_time


def _cut(block: TagBlock, first_ps: int | None, stop_ps: int | None) -> TagBlock:
    if first_ps is None and stop_ps is None:
        return block
    return block.between(
        block.start_ps if first_ps is None else first_ps,
        block.stop_ps if stop_ps is None else stop_ps,
    )


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
