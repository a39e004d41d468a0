"""The reading side of one record stream."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.committed import committed_rows
from labctl.storage.schema import RECORD_ROW, passes_check
from labctl.storage.strangers import check_size, dataset, group

__all__ = ["Record", "RecordTable"]

_SLAB_ROWS: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One committed record; `number` and `total` as in `schema`."""

    data: bytes
    utc_ns: int
    number: int
    total: int


class RecordTable:
    """The records of one stream of an open file, as far as they are committed now."""

    def __init__(self, path: Path, entry: h5py.Group, name: str) -> None:
        self._path = path
        self._name = name
        parent = group(path, entry, name)
        self._data = dataset(path, parent, "data", np.dtype("<u1"))
        self._index = dataset(path, parent, "index", RECORD_ROW)

    def __iter__(self) -> Iterator[Record]:
        self._index.refresh()
        self._data.refresh()
        check_size(self._path, self._index)
        check_size(self._path, self._data)
        n_records = committed_rows(self._index)
        for first in range(0, n_records, _SLAB_ROWS):
            rows = self._index[first : min(first + _SLAB_ROWS, n_records)]
            intact = passes_check(rows)
            for at, row in enumerate(rows):
                if not intact[at]:
                    raise self._damage(first + at, "its index row fails its check")
                yield self._record(first + at, row)

    def _record(self, at: int, row: Any) -> Record:
        offset, length = int(row["offset"]), int(row["length"])
        if offset + length > self._data.shape[0]:
            raise self._damage(at, "its bytes are missing")
        data = self._data[offset : offset + length].tobytes()
        if zlib.crc32(data) != row["crc32"]:
            raise self._damage(at, "its bytes fail their checksum")
        return Record(data, int(row["utc_ns"]), int(row["number"]), int(row["total"]))

    def _damage(self, at: int, what: str) -> RunFileError:
        return RunFileError(
            f"{self._path} is damaged: record {at} of {self._name}: {what}; "
            f"the {at} records before it and the other parts of the file are readable"
        )
