"""One mechanism for all text of a run: bytes appended to a stream, and an index of records."""

from __future__ import annotations

import h5py
import numpy as np

from labctl.storage.checksums import crc32
from labctl.storage.schema import RECORD_ROW, RECORD_STRUCT, seal

__all__ = ["RecordStream"]

_DATA_CHUNK = 16 * 1024
_INDEX_CHUNK = 256


class RecordStream:
    """Appends records to one stream of the file. Owned by the thread that owns the file.

    `append` only remembers; `write_data`, then `commit` put everything into the file.
    """

    def __init__(self, entry: h5py.Group, name: str) -> None:
        group = entry.create_group(name)
        group.attrs["NX_class"] = "NXcollection"
        self._data = group.create_dataset(
            "data", (0,), "<u1", maxshape=(None,), chunks=(_DATA_CHUNK,)
        )
        self._index = group.create_dataset(
            "index", (0,), RECORD_ROW, maxshape=(None,), chunks=(_INDEX_CHUNK,)
        )
        self._pieces: list[bytes] = []
        self._rows: list[bytes] = []
        self._n_bytes = 0
        self._n_records = 0

    @property
    def n_records(self) -> int:
        """Records appended so far, committed or not."""
        return self._n_records

    def append(self, record: bytes, utc_ns: int, number: int | None = None, total: int = 0) -> None:
        """Remember one record; without a `number` it is its ordinal from 1."""
        n_bytes, self._n_records = len(record), self._n_records + 1
        fields = RECORD_STRUCT.pack(
            self._n_bytes,
            n_bytes,
            crc32(record),
            utc_ns,
            self._n_records if number is None else number,
            total,
        )
        self._rows.append(seal(fields))
        self._pieces.append(record)
        self._n_bytes += n_bytes

    def write_data(self) -> None:
        """Write the bytes of the remembered records."""
        payload = b"".join(self._pieces)
        if payload:
            self._data.resize((self._n_bytes,))
            self._data[self._n_bytes - len(payload) :] = np.frombuffer(payload, np.uint8)
        self._pieces.clear()

    def commit(self) -> None:
        """Write their index rows; the bytes must have been flushed."""
        if self._rows:
            self._index.resize((self._n_records,))
            first = self._n_records - len(self._rows)
            self._index[first:] = np.frombuffer(b"".join(self._rows), RECORD_ROW)
        self._rows.clear()
