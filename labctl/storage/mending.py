"""HDF5's tables of a file that lost power, with the checksums that its half-written blocks lack.

A block that HDF5 rewrites in place (a dataset's header, the array of its chunks' addresses) can
reach the disk in part: some sectors old, some new. Its checksum then fails, and HDF5 gives up the
whole dataset, acknowledged rows included. But the two versions differ only in what was appended
since: old addresses of chunks are in both. So the block is good as it is, but for its checksum and
for the number of rows, and every row is vouched for by checksums of our own.

Nothing here changes the file: the mended blocks are shown to HDF5 through `ClosedView`. Only the
datasets that grow are looked at; all else was complete on the disk before the run began.

Blocks and checksums: HDF5 File Format Specification 3.0, sections IV.A.1.b (object header),
IV.A.2.b and i (dataspace, layout) and VII.D (extensible array).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import h5py

from labctl.storage.schema import STREAMS
from labctl.storage.superblock import lookup3

__all__ = ["mended_blocks"]

_UNDEFINED: Final = 2**64 - 1
_CHECKSUM_BYTES: Final = 4
_ADDRESS_BYTES: Final = 8
#: Message types of an object header.
_DATASPACE, _LAYOUT, _CONTINUATION = 0x01, 0x08, 0x10
#: Flags of an object header: bits 0 and 1 give the size of its length field; bit 2, messages carry
#: their order; bit 4, limits of attributes; bit 5, times.
_LENGTH_BITS, _ORDER_BIT, _LIMITS_BIT, _TIMES_BIT = 0b11, 1 << 2, 1 << 4, 1 << 5
#: A layout that grows: version 4, chunked, indexed by an extensible array.
_CHUNKED_V4: Final = b"\x04\x02"
_EXTENSIBLE_ARRAY: Final = 4
_ARRAY_HEADER_BYTES: Final = 72
#: Signature, version, client and the address of the array's header.
_ARRAY_BLOCK_HEAD_BYTES: Final = 14
#: The client of arrays of plain addresses; with filters, sizes stand beside them.
_WITHOUT_FILTERS: Final = 0
_ADDRESS: Final = struct.Struct("<Q")
_IMPOSSIBLE: Final = (struct.error, IndexError, ValueError, OverflowError)


def mended_blocks(path: Path, file: h5py.File, *, was_closed: bool) -> dict[int, bytes]:
    """Return place and bytes of each block of the file that must be read in other words.

    `file` is the same file, open. Of a file that its writer left behind, addresses that point
    where nothing arrived become those of chunks that were never written: they read as zeros, which
    nothing vouches for. Of a closed one every address stays, so that what it misses is told.
    """
    with _Blocks(path, drops_missing=not was_closed) as blocks:
        for address in _growing_datasets(file):
            with suppress(*_IMPOSSIBLE):
                _mend_dataset(blocks, address)
        return blocks.mended


def _growing_datasets(file: h5py.File) -> Iterator[int]:
    """Yield the addresses of the datasets two and three levels below the entry."""
    with suppress(KeyError, OSError, RuntimeError, ValueError, AttributeError):
        entry = file["entry"]
        tags = entry["tags"]
        groups = [*((tags, name) for name in tags), *((entry, name) for name in STREAMS)]
        for parent, name in groups:
            with suppress(KeyError, OSError, RuntimeError, ValueError, AttributeError):
                group = parent[name]
                for member in group:
                    yield int(group.id.links.get_info(member.encode()).u)


class _Blocks:
    """The bytes of the file, and the blocks that were changed. Owned by one thread."""

    def __init__(self, path: Path, *, drops_missing: bool) -> None:
        self.drops_missing = drops_missing
        self.mended: dict[int, bytes] = {}
        self._descriptor = os.open(path, os.O_RDONLY)
        self.n_bytes = os.fstat(self._descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, address: int, size: int, signature: bytes) -> bytearray | None:
        """Return the block, or None if it is not there."""
        if not 0 < address <= self.n_bytes - size:
            return None
        block = bytearray(os.pread(self._descriptor, size, address))
        return block if block.startswith(signature) else None

    def follow(self, block: bytearray, at: int, mend: Callable[..., bool], *where: int) -> None:
        """Mend what the pointer at this place points to; if nothing is there, drop the pointer."""
        (address,) = _ADDRESS.unpack_from(block, at)
        if address != _UNDEFINED and not mend(address, *where) and self.drops_missing:
            _ADDRESS.pack_into(block, at, _UNDEFINED)

    def seal(self, address: int, block: bytearray) -> bool:
        """Give the block its checksum; return whether it had another one."""
        body = bytes(block[:-_CHECKSUM_BYTES])
        checksum = lookup3(body).to_bytes(_CHECKSUM_BYTES, "little")
        was_wrong = block[-_CHECKSUM_BYTES:] != checksum
        if was_wrong:
            self.mended[address] = body + checksum
        return was_wrong


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the header of a dataset says of its rows: how many (its place), in what chunks.

    `array_at` is the place of the address of the array that tells where the chunks are.
    """

    rows_at: int
    chunk_rows: int
    row_bytes: int
    array_at: int


def _mend_dataset(blocks: _Blocks, address: int) -> None:
    prefix = blocks.read(address, 40, b"OHDR")
    if prefix is None:
        return
    flags = prefix[5]
    length_at = 6 + (16 if flags & _TIMES_BIT else 0) + (4 if flags & _LIMITS_BIT else 0)
    length_bytes = 1 << (flags & _LENGTH_BITS)
    first = length_at + length_bytes
    size = int.from_bytes(prefix[length_at:first], "little")
    block = blocks.read(address, first + size + _CHECKSUM_BYTES, b"OHDR")
    if block is None:
        return
    rows_at = 0
    shape: _Shape | None = None
    for kind, at, length in _messages(block, first, has_order=bool(flags & _ORDER_BIT)):
        if kind == _CONTINUATION:
            _mend_continuation(blocks, *struct.unpack_from("<QQ", block, at))
        elif kind == _DATASPACE and block[at : at + 2] == b"\x02\x01":
            rows_at = at + 4
        elif kind == _LAYOUT:
            shape = _shape(bytes(block[at : at + length]), rows_at, at + length)
    n_chunks = 0 if shape is None else _mend_array(blocks, block, shape.array_at)
    if blocks.seal(address, block) and shape is not None and shape.rows_at:
        # Of a number with old and new bytes nothing is known; that of the chunks is an upper bound.
        n_rows = min(n_chunks * shape.chunk_rows, blocks.n_bytes // shape.row_bytes)
        struct.pack_into("<Q", block, shape.rows_at, n_rows)
        blocks.seal(address, block)


def _messages(block: bytearray, first: int, *, has_order: bool) -> Iterator[tuple[int, int, int]]:
    """Yield type, place and length of each message."""
    at, head = first, 6 if has_order else 4
    while at + head <= len(block) - _CHECKSUM_BYTES:
        kind, length = struct.unpack_from("<BH", block, at)
        yield kind, at + head, length
        at += head + length


def _mend_continuation(blocks: _Blocks, address: int, size: int) -> None:
    block = blocks.read(address, size, b"OCHK")
    if block is not None:
        blocks.seal(address, block)


def _shape(layout: bytes, rows_at: int, stop: int) -> _Shape | None:
    """Return the shape, or None if the dataset does not grow."""
    if not layout.startswith(_CHUNKED_V4):
        return None
    n_dims, dim_bytes = layout[3], layout[4]
    dims = [
        int.from_bytes(layout[at : at + dim_bytes], "little")
        for at in range(5, 5 + n_dims * dim_bytes, dim_bytes)
    ]
    if layout[5 + n_dims * dim_bytes] != _EXTENSIBLE_ARRAY:
        return None
    return _Shape(rows_at, dims[0], dims[-1], stop - _ADDRESS_BYTES)


def _mend_array(blocks: _Blocks, block: bytearray, pointer_at: int) -> int:
    """Mend the array of addresses of chunks; return the number of chunks up to the last one."""
    n_chunks = 0

    def mend(address: int) -> bool:
        nonlocal n_chunks
        head = blocks.read(address, _ARRAY_HEADER_BYTES, b"EAHD")
        if head is None:
            return False
        if head[5] == _WITHOUT_FILTERS:
            array = _Array(blocks, head)
            root_at = _ARRAY_HEADER_BYTES - _CHECKSUM_BYTES - _ADDRESS_BYTES
            blocks.follow(head, root_at, array.index_block)
            blocks.seal(address, head)
            n_chunks = array.n_chunks
        return True

    blocks.follow(block, pointer_at, mend)
    return n_chunks


class _Array:
    """One extensible array: data blocks of addresses, doubling in size from level to level."""

    def __init__(self, blocks: _Blocks, head: bytearray) -> None:
        self.n_chunks = 0
        self._blocks = blocks
        max_bits, self._n_direct, self._min_elements, min_pointers = head[7:11]
        self._page_elements = 1 << head[11]
        self._body = _ARRAY_BLOCK_HEAD_BYTES + (max_bits + 7) // 8
        self._n_levels = 1 + max_bits - (self._min_elements.bit_length() - 1)
        self._n_low_levels = 2 * (min_pointers.bit_length() - 1)

    def index_block(self, address: int) -> bool:
        """Mend the block that all others hang from; return whether it is there."""
        n_low_blocks = sum(self._n_blocks(level) for level in range(self._n_low_levels))
        n_pointers = self._n_direct + n_low_blocks + self._n_levels - self._n_low_levels
        size = _ARRAY_BLOCK_HEAD_BYTES + n_pointers * _ADDRESS_BYTES + _CHECKSUM_BYTES
        block = self._blocks.read(address, size, b"EAIB")
        if block is None:
            return False
        self._elements(block, _ARRAY_BLOCK_HEAD_BYTES, 0, self._n_direct)
        at = _ARRAY_BLOCK_HEAD_BYTES + self._n_direct * _ADDRESS_BYTES
        first = self._n_direct
        for level in range(self._n_levels):
            is_low = level < self._n_low_levels
            for _ in range(self._n_blocks(level) if is_low else 1):
                self._blocks.follow(
                    block, at, self._data_block if is_low else self._super, first, level
                )
                at += _ADDRESS_BYTES
                first += self._n_elements(level) * (1 if is_low else self._n_blocks(level))
        self._blocks.seal(address, block)
        return True

    def _super(self, address: int, first: int, level: int) -> bool:
        n_elements, n_blocks = self._n_elements(level), self._n_blocks(level)
        if n_elements > self._page_elements:
            # Over 131 thousand chunks: 34 thousand million tags in one file.
            return True
        size = self._body + n_blocks * _ADDRESS_BYTES + _CHECKSUM_BYTES
        block = self._blocks.read(address, size, b"EASB")
        if block is None:
            return False
        for number in range(n_blocks):
            at = self._body + number * _ADDRESS_BYTES
            self._blocks.follow(block, at, self._data_block, first + number * n_elements, level)
        self._blocks.seal(address, block)
        return True

    def _data_block(self, address: int, first: int, level: int) -> bool:
        n_elements = self._n_elements(level)
        size = self._body + n_elements * _ADDRESS_BYTES + _CHECKSUM_BYTES
        block = self._blocks.read(address, size, b"EADB")
        if block is None:
            return False
        self._elements(block, self._body, first, n_elements)
        self._blocks.seal(address, block)
        return True

    def _elements(self, block: bytearray, at: int, first: int, n_elements: int) -> None:
        for number, (address,) in enumerate(
            _ADDRESS.iter_unpack(block[at : at + n_elements * _ADDRESS_BYTES])
        ):
            if address == _UNDEFINED:
                continue
            if self._blocks.drops_missing and not 0 < address < self._blocks.n_bytes:
                _ADDRESS.pack_into(block, at + number * _ADDRESS_BYTES, _UNDEFINED)
            else:
                self.n_chunks = max(self.n_chunks, first + number + 1)

    def _n_blocks(self, level: int) -> int:
        return 1 << level // 2

    def _n_elements(self, level: int) -> int:
        return self._min_elements << (level + 1) // 2
