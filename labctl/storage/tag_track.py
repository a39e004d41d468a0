"""The writing side of one tagger's stream: pieces of blocks become appends with a commit row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labctl.storage.header import TaggerHeader
from labctl.storage.plain import to_json_text
from labctl.storage.schema import (
    INDEX_ROW,
    INDEX_STRUCT,
    MAX_APPEND_TAGS,
    TAIL_ROWS,
    Rows,
    channel_dtype,
    seal,
)
from labctl.storage.tag_codec import TagEncoder
from labctl.storage.tag_rows import NO_ROWS, RowChecksums, TagRows
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["TagTrack"]

_INDEX_CHUNK = 512


@dataclass(slots=True)
class _OpenAppend:
    """The append that still takes blocks; its numbers are those of its future index row."""

    number: int
    first_row: int
    t0_ps: int
    last_ps: int
    start_ps: int
    stop_ps: int
    utc_ns: int
    flags: TagFlags
    lost: int
    row_count: int = 0
    tag_count: int = 0
    checksums: RowChecksums = NO_ROWS

    def takes(self, block: TagBlock) -> bool:
        is_clean = not (self.flags or self.lost or block.flags or block.lost)
        fits = self.tag_count + len(block) <= MAX_APPEND_TAGS
        return is_clean and fits and block.start_ps == self.stop_ps

    def row(self, revision: int) -> bytes:
        fields = INDEX_STRUCT.pack(
            self.number,
            self.first_row,
            self.row_count,
            self.tag_count,
            self.t0_ps,
            self.start_ps,
            self.stop_ps,
            self.utc_ns,
            self.lost,
            self.flags,
            revision,
            *self.checksums,
        )
        return seal(fields)


class TagTrack:
    """Appends one tagger's tags to the file. Owned by the thread that owns the file.

    `add` encodes, and writes whenever a chunk of rows is full; `write_data`, then `commit` put
    everything into the file.
    """

    def __init__(self, tags: h5py.Group, tagger: TaggerHeader) -> None:
        dtype = channel_dtype(tagger.n_channels)
        group = tags.create_group(tagger.name)
        group.attrs.update(
            {
                "NX_class": "NXdata",
                "signal": "rate_hz",
                "axes": "time_s",
                "resolution_ps": np.int64(tagger.resolution_ps),
                "n_channels": np.int64(tagger.n_channels),
                "channel_names": to_json_text(dict(tagger.channel_names)),
                "simulated": np.bool_(tagger.simulated),
            }
        )
        self._encoder = TagEncoder(dtype)
        self._rows = TagRows(group, dtype)
        self._index = _table(group, "index", INDEX_ROW)
        # Written at once: its space must exist before SWMR begins.
        self._tail = group.create_dataset("tail", data=np.zeros(2, INDEX_ROW))
        self._rate = _table(group, "rate_hz", "<f8")
        self._time = _table(group, "time_s", "<f8")
        self._rate.attrs.update({"units": "Hz", "long_name": "rate of all channels (Hz)"})
        self._time.attrs.update({"units": "s", "long_name": "tag time (s)"})
        self._closed: list[bytes] = []
        self._open: _OpenAppend | None = None
        self._n_tags = 0
        self._n_appends = 0
        self._first_start_ps: int | None = None
        self._stop_ps: int | None = None
        self._tail_is_behind = False
        self._revision = 0

    @property
    def n_tags(self) -> int:
        """Tags added so far, committed or not."""
        return self._n_tags

    @property
    def stop_ps(self) -> int | None:
        """End of the last block added, or None before the first."""
        return self._stop_ps

    def add(self, block: TagBlock, utc_ns: int) -> int:
        """Take the block; return the bytes that it adds to the file."""
        if self._open is not None and not self._open.takes(block):
            self._close_append()
        current = self._open = self._open or self._begin(block)
        rows = self._encoder.encode(block.times_ps, block.channels, current.last_ps)
        current.checksums = self._rows.append(rows, current.checksums)
        if len(block):
            current.last_ps = int(block.times_ps[-1])
        current.row_count += rows.delta.size
        current.tag_count += len(block)
        current.stop_ps = self._stop_ps = block.stop_ps
        current.utc_ns = utc_ns
        self._n_tags += len(block)
        self._tail_is_behind = True
        return rows.delta.size * self._rows.row_bytes

    def write_data(self) -> None:
        """Write the encoded rows; they do not count before `commit`."""
        self._rows.write()

    def commit(self) -> None:
        """Write the commit rows of everything added; the rows must have been flushed."""
        if self._open is not None and self._open.row_count >= TAIL_ROWS:
            self._close_append()
        if self._closed:
            rows = np.frombuffer(b"".join(self._closed), INDEX_ROW)
            self._extend(self._rate, _rates_hz(rows))
            self._extend(self._time, (rows["stop_ps"] - float(self._first_start_ps or 0)) * 1e-12)
            self._extend(self._index, rows)
            self._closed.clear()
        if self._open is not None and self._tail_is_behind:
            self._revision += 1
            row = self._open.row(self._revision)
            self._tail[self._revision % 2] = np.frombuffer(row, INDEX_ROW)[0]
            self._tail_is_behind = False

    def finish(self) -> None:
        """Complete the open append, so that the next `commit` moves it to the index."""
        if self._open is not None:
            self._close_append()

    def _begin(self, block: TagBlock) -> _OpenAppend:
        if self._first_start_ps is None:
            self._first_start_ps = block.start_ps
        t0_ps = int(block.times_ps[0]) if len(block) else block.start_ps
        return _OpenAppend(
            number=self._n_appends,
            first_row=self._rows.n_rows,
            t0_ps=t0_ps,
            last_ps=t0_ps,
            start_ps=block.start_ps,
            stop_ps=block.stop_ps,
            utc_ns=0,
            flags=block.flags,
            lost=block.lost,
        )

    def _close_append(self) -> None:
        if self._open is not None:
            self._closed.append(self._open.row(self._revision))
            self._n_appends += 1
            self._open = None

    def _extend(self, dataset: h5py.Dataset, rows: Rows) -> None:
        dataset.resize((self._n_appends,))
        dataset[self._n_appends - rows.size :] = rows


def _table(group: h5py.Group, name: str, dtype: Any) -> h5py.Dataset:
    return group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(_INDEX_CHUNK,))


def _rates_hz(rows: Rows) -> NDArray[np.float64]:
    # As floats: the difference of two int64 times can exceed int64.
    seconds = (rows["stop_ps"].astype(float) - rows["start_ps"].astype(float)) * 1e-12
    rates_hz = np.full(rows.size, np.nan)
    np.divide(rows["tag_count"], seconds, out=rates_hz, where=seconds > 0)
    return rates_hz
