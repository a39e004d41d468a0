"""The rows of one tagger: gathered chunk by chunk in memory, written whole where possible."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import h5py
import numpy as np

from labctl.storage.checksums import crc32
from labctl.storage.schema import CHUNK_ROWS
from labctl.storage.tag_codec import EncodedTags

__all__ = ["NO_ROWS", "RowChecksums", "TagRows"]


class RowChecksums(NamedTuple):
    """CRC-32 of the rows of an append so far."""

    delta: int
    channel: int


#: The checksums to begin with.
NO_ROWS: Final = RowChecksums(0, 0)


class TagRows:
    """The datasets `delta` and `channel`. Owned by the thread that owns the file.

    At most one chunk waits in memory. A row is written to the file once and never touched again.
    """

    def __init__(self, group: h5py.Group, channel_dtype: np.dtype[Any]) -> None:
        self._delta = _extendable(group, "delta", np.dtype("<u4"))
        self._channel = _extendable(group, "channel", channel_dtype)
        # The chunk that row `n_rows` belongs to, each row at its place in it.
        self._delta_chunk = np.empty(CHUNK_ROWS, self._delta.dtype)
        self._channel_chunk = np.empty(CHUNK_ROWS, self._channel.dtype)
        self._n_rows = 0
        self._n_written = 0

    @property
    def n_rows(self) -> int:
        """Rows appended so far, written or not."""
        return self._n_rows

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in the file."""
        return self._delta_chunk.itemsize + self._channel_chunk.itemsize

    def append(self, rows: EncodedTags, before: RowChecksums) -> RowChecksums:
        """Take the rows; return the checksums of those `before` together with these."""
        delta_crc32, channel_crc32 = before
        done = 0
        while done < rows.delta.size:
            at = self._n_rows % CHUNK_ROWS
            n_rows = min(CHUNK_ROWS - at, rows.delta.size - done)
            delta = self._delta_chunk[at : at + n_rows]
            channel = self._channel_chunk[at : at + n_rows]
            delta[:] = rows.delta[done : done + n_rows]
            channel[:] = rows.channel[done : done + n_rows]
            # While they are in the processor's cache.
            delta_crc32 = crc32(delta, delta_crc32)
            channel_crc32 = crc32(channel, channel_crc32)
            done += n_rows
            self._n_rows += n_rows
            if at + n_rows == CHUNK_ROWS:
                self.write()
        return RowChecksums(delta_crc32, channel_crc32)

    def write(self) -> None:
        """Write the rows that wait; they do not count before their commit row."""
        if self._n_written < self._n_rows:
            self._write(self._delta, self._delta_chunk)
            self._write(self._channel, self._channel_chunk)
            self._n_written = self._n_rows

    def _write(self, dataset: h5py.Dataset, chunk: np.ndarray[Any, Any]) -> None:
        first, n_new = self._n_written, self._n_rows - self._n_written
        dataset.id.set_extent((self._n_rows,))
        if n_new == CHUNK_ROWS:
            dataset.id.write_direct_chunk((first,), chunk)
        else:
            at = first % CHUNK_ROWS
            dataset[first:] = chunk[at : at + n_new]


def _extendable(group: h5py.Group, name: str, dtype: np.dtype[Any]) -> h5py.Dataset:
    return group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(CHUNK_ROWS,))
