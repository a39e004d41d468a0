"""Columns of an archived run: HDF5's scale-offset filter, its loops replaced by compiled ones.

Any HDF5 reads such a column without help; these functions read and write the same bytes some
five times as fast. A chunk is (HDF5 1.14, H5Zscaleoffset.c): the bits of a code, u4; the number
8, u1; the smallest value, u8; eight bytes of zeros; all little-endian; then the codes, each the
value less the smallest, or all ones for the fill value; one byte more. Where codes would need all
the bits of a value, the values stand there as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from labctl.storage import _kernels

__all__ = ["PACKED_ROWS", "ColumnReader", "create_packed", "packed_chunks", "write_packed"]

#: Rows per packed chunk. A rare long gap widens the codes of its own chunk only; beyond that a
#: chunk costs 37 bytes of header and index.
PACKED_ROWS: Final = 16 * 1024

_HEADER: Final = struct.Struct("<IBQ8x")
_FILTER: Final = h5py.h5z.FILTER_SCALEOFFSET
#: Places in the filter's parameters, and their values for unsigned little-endian integers.
_CLASS, _SIZE, _SIGN, _ORDER, _HAS_FILL = range(3, 8)
_INTEGER, _UNSIGNED, _LITTLE_ENDIAN, _FILL_DEFINED = 0, 0, 0, 1
_WORD_BITS: Final = 32
_WORD_BYTES: Final = 4


def create_packed(
    parent: h5py.Group, name: str, n_rows: int, dtype: np.dtype[Any], fill: int
) -> h5py.Dataset:
    """Return a new packed column; a `fill` that is often the largest or smallest value costs none.

    The filter sets one code aside for the fill value, whether a row has it or not.
    """
    return parent.create_dataset(
        name,
        (n_rows,),
        dtype,
        maxshape=(None,),
        chunks=(PACKED_ROWS,),
        scaleoffset=0,
        fillvalue=fill,
    )


def packed_chunks(values: NDArray[Any], fill: int) -> list[bytes]:
    """Return the chunks of these rows as they stand in the file, the last one filled up."""
    n_missing = -values.size % PACKED_ROWS
    if n_missing:
        values = np.append(values, np.full(n_missing, fill, values.dtype))
    parts = (values[at : at + PACKED_ROWS] for at in range(0, values.size, PACKED_ROWS))
    return [_packed(part, fill) for part in parts]


def write_packed(column: h5py.Dataset, first: int, chunks: Sequence[bytes]) -> None:
    """Write chunks of a packed column; row `first` begins one."""
    for number, chunk in enumerate(chunks):
        column.id.write_direct_chunk((first + number * PACKED_ROWS,), chunk)


def _packed(values: NDArray[Any], fill: int) -> bytes:
    smallest, bits = _kernels.bits_needed(values, fill)
    if bits >= 8 * values.dtype.itemsize:
        return _HEADER.pack(8 * values.dtype.itemsize, 8, smallest) + values.tobytes()
    words = np.empty(values.size * bits // _WORD_BITS, np.uint32)
    _kernels.pack(values, smallest, bits, fill, words)
    return _HEADER.pack(bits, 8, smallest) + words.tobytes() + b"\0"


class ColumnReader:
    """Reads rows of a column, packed or not. Owned by one thread."""

    def __init__(self, column: h5py.Dataset) -> None:
        self._column = column
        self._fill = _fill_of_packed(column)
        self._at = -1
        n_rows = 0 if self._fill is None else column.chunks[0]
        self._chunk: NDArray[Any] = np.empty(n_rows, column.dtype)

    def read(self, first: int, stop: int) -> NDArray[Any]:
        """Return the rows [first, stop), which the column has.

        Raises:
            OSError, RuntimeError, ValueError: they cannot be read.
        """
        if self._fill is None:
            rows: NDArray[Any] = self._column[first:stop]
            return rows
        values = np.empty(stop - first, self._column.dtype)
        done = first
        while done < stop:
            at, skipped = divmod(done, self._chunk.size)
            part = values[done - first : done - first + self._chunk.size - skipped]
            if part.size == self._chunk.size:
                self._unpack(at, self._fill, part)
            else:
                # The latest one is kept for the appends that share it.
                if at != self._at:
                    self._at = -1
                    self._unpack(at, self._fill, self._chunk)
                    self._at = at
                part[:] = self._chunk[skipped : skipped + part.size]
            done += part.size
        return values

    def _unpack(self, at: int, fill: int, values: NDArray[Any]) -> None:
        first = at * self._chunk.size
        skipped_filters, raw = self._column.id.read_direct_chunk((first,))
        if skipped_filters:
            raise ValueError(f"the chunk at row {first} is not packed")
        _unpack(raw, fill, values)


def _unpack(raw: bytes, fill: int, values: NDArray[Any]) -> None:
    full_bits = 8 * values.dtype.itemsize
    # A chunk too short for its header has no codes either.
    bits, _, smallest = _HEADER.unpack_from(raw.ljust(_HEADER.size, b"\0"))
    n_bytes = values.size * bits // 8
    if not 1 <= bits <= full_bits or len(raw) < _HEADER.size + n_bytes:
        raise ValueError(f"a packed chunk of {len(raw)} bytes cannot hold codes of {bits} bits")
    if bits == full_bits:
        values[:] = np.frombuffer(raw, values.dtype, values.size, _HEADER.size)
        return
    words = np.frombuffer(raw, np.uint32, n_bytes // _WORD_BYTES, _HEADER.size)
    _kernels.unpack(words, smallest, bits, fill, values)


def _fill_of_packed(column: h5py.Dataset) -> int | None:
    """Return the fill value of a column whose chunks `_unpack` understands, None of another."""
    settings = column.id.get_create_plist()
    if settings.get_nfilters() != 1 or column.chunks[0] % _WORD_BITS:
        return None
    kind, _, parameters, _ = settings.get_filter(0)
    expected = {
        _CLASS: _INTEGER,
        _SIZE: column.dtype.itemsize,
        _SIGN: _UNSIGNED,
        _ORDER: _LITTLE_ENDIAN,
        _HAS_FILL: _FILL_DEFINED,
    }
    if kind != _FILTER or any(parameters[at] != value for at, value in expected.items()):
        return None
    return int(column.fillvalue)
