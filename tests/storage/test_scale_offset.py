"""Packed columns against HDF5's own filter, which is the oracle for both directions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.storage.scale_offset import (
    PACKED_ROWS,
    ColumnReader,
    create_packed,
    packed_chunks,
    write_packed,
)


@pytest.fixture(scope="module")
def file() -> Iterator[h5py.File]:
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        yield file


def by_hdf5(group: h5py.Group, values: NDArray[Any], fill: int, rows: int = PACKED_ROWS) -> Any:
    column = group.create_dataset(
        "by_hdf5",
        values.shape,
        values.dtype,
        maxshape=(None,),
        chunks=(rows,),
        scaleoffset=0,
        fillvalue=fill,
    )
    column[:] = values
    return column


def by_us(group: h5py.Group, values: NDArray[Any], fill: int) -> Any:
    column = create_packed(group, "by_us", values.size, values.dtype, fill)
    write_packed(column, 0, packed_chunks(values, fill))
    return column


def rng() -> np.random.Generator:
    return np.random.default_rng(9)


#: Values and fill value: what steps and channels look like, and the edges of the filter.
CASES = {
    "steps at 1 Mcps": (rng().exponential(1e6, 40_000).astype("<u4"), 0),
    "four channels": (rng().integers(1, 5, 40_000).astype("u1"), 4),
    "two bytes": (rng().integers(0, 301, 40_000).astype("<u2"), 300),
    "all 32 bits": (rng().integers(0, 2**32, 20_000).astype("<u4"), 0),
    "the largest step alone": (np.array([2**32 - 1], "<u4"), 0),
    "nothing but fill": (np.full(20_000, 255, "u1"), 255),
    "one value": (np.full(PACKED_ROWS, 7, "u1"), 3),
    "rare escapes": (np.where(rng().random(20_000) < 0.01, 255, 3).astype("u1"), 255),
}


@pytest.mark.parametrize("case", CASES)
def test_chunks_are_those_of_hdf5_byte_by_byte(file: h5py.File, case: str) -> None:
    values, fill = CASES[case]
    group = file.create_group(f"written {case}")

    ours, theirs = by_us(group, values, fill), by_hdf5(group, values, fill)

    np.testing.assert_array_equal(ours[:], values)
    for first in range(0, values.size, PACKED_ROWS):
        # HDF5's own chunk, of which it does not promise the bits after the last row.
        chunk = ours.id.read_direct_chunk((first,))
        if first + PACKED_ROWS <= values.size:
            assert chunk == theirs.id.read_direct_chunk((first,))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rows", [PACKED_ROWS, 256 * 1024])
def test_any_rows_of_a_column_that_hdf5_packed_are_read(
    file: h5py.File, case: str, rows: int
) -> None:
    values, fill = CASES[case]
    reader = ColumnReader(by_hdf5(file.create_group(f"read {case} {rows}"), values, fill, rows))

    edges = [0, 1, PACKED_ROWS - 1, PACKED_ROWS, PACKED_ROWS + 1, values.size]
    for first in edges:
        for stop in (edge for edge in edges if first <= edge <= values.size):
            np.testing.assert_array_equal(reader.read(first, stop), values[first:stop])


@settings(max_examples=40, deadline=None)
@given(
    largest=st.integers(1, 2**32 - 1),
    smallest=st.integers(0, 2**32 - 1),
    fill=st.integers(0, 2**32 - 1),
    seed=st.integers(0, 99),
)
def test_whatever_the_range_hdf5_reads_what_was_packed(
    largest: int, smallest: int, fill: int, seed: int
) -> None:
    smallest, largest = sorted((smallest, largest))
    values = np.random.default_rng(seed).integers(smallest, largest + 1, 700).astype("<u4")
    values[::7] = fill
    with h5py.File("example", "w", driver="core", backing_store=False) as file:
        column = by_us(file, values, fill)
        np.testing.assert_array_equal(column[:], values)
        np.testing.assert_array_equal(ColumnReader(column).read(0, 700), values)


@pytest.mark.parametrize(
    "stored", [{}, {"chunks": (4096,)}, {"chunks": (4096,), "compression": 1, "shuffle": True}]
)
def test_a_column_that_is_stored_otherwise_is_left_to_hdf5(
    file: h5py.File, stored: dict[str, Any]
) -> None:
    values = np.arange(50_000, dtype="<u4")
    column = file.create_dataset(f"stored {stored}", data=values, **stored)

    np.testing.assert_array_equal(ColumnReader(column).read(4000, 9000), values[4000:9000])


@pytest.mark.parametrize(
    "chunk", [b"\x18\0\0\0\x08" + bytes(100), b"\xff\0\0\0" + bytes(60_000), b"\0"]
)
def test_a_chunk_that_cannot_hold_its_codes_is_refused(tmp_path: Path, chunk: bytes) -> None:
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        column = create_packed(file, "delta", PACKED_ROWS, np.dtype("<u4"), 0)
        column.id.write_direct_chunk((0,), chunk)

        with pytest.raises(ValueError, match="cannot hold codes"):
            ColumnReader(column).read(0, 5)
