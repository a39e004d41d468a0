"""The first bytes of an HDF5 file, read before HDF5 does: complete? closed? left behind?

HDF5's SWMR mode takes every bad checksum for a write in progress and retries a hundred times,
waiting twice as long each time: on a damaged file it does not come back. So that mode is for
files with a live writer only. A file that its writer left behind is read through `ClosedView`,
which shows it to HDF5 as closed (what h5clear does to the file itself) and leaves it untouched.

Layout and checksum: HDF5 File Format Specification 3.0, section II.A, superblock version 3, with
offsets of eight bytes as every HDF5 of today writes them.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labctl.errors import RunFileError
from labctl.storage.schema import HDF5_SIGNATURE

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ClosedView", "has_begun", "is_marked_open", "lookup3", "superblock_bytes"]

_SUPERBLOCK: Final = struct.Struct("<8sBBBBQQQQI")
_FLAGS: Final = 4
_END_OF_FILE: Final = 7
_VERSION: Final = 3
#: File consistency flags: bit 0, open for writing; bit 2, open for SWMR writing.
_OPEN_FLAGS: Final = 0b101
_OPEN_WITHOUT_SWMR: Final = 0b001
#: A superblock that is read while its writer rewrites it may be half old and half new.
_ATTEMPTS: Final = 3
_WORD: Final = 0xFFFFFFFF
_THREE_WORDS: Final = struct.Struct("<3I")
#: What may be missing of a chunk at the end of the file: the largest of a recorder has 1 MiB.
_ROOM_BEHIND_THE_END: Final = 2 * 1024 * 1024


def is_marked_open(path: Path) -> bool:
    """Return whether the file's writer has not closed it: it lives, or it died.

    Raises:
        RunFileError: the file is missing, truncated, damaged or was not written by a recorder.
    """
    for _ in range(_ATTEMPTS):
        head, size = _head(path)
        _check_kind(path, head)
        if len(head) == _SUPERBLOCK.size and lookup3(head[:-4]) == _SUPERBLOCK.unpack(head)[-1]:
            break
    else:
        raise RunFileError(f"{path} is damaged: its first {_SUPERBLOCK.size} bytes are not intact")
    fields = _SUPERBLOCK.unpack(head)
    flags, end_of_file = fields[_FLAGS], fields[_END_OF_FILE]
    if flags & _OPEN_FLAGS:
        # Its writer had no time to note the true end.
        return True
    if size < end_of_file:
        raise RunFileError(
            f"{path} is truncated: {size} of {end_of_file} bytes are there",
            hint="Copy the file again.",
        )
    return False


def has_begun(path: Path) -> bool:
    """Return whether a recorder has come so far with this file that it may hold anything.

    Nothing is recorded before SWMR begins, and what HDF5 wrote until then may be incomplete.
    """
    head = superblock_bytes(path)
    if len(head) < _SUPERBLOCK.size or not head.startswith(HDF5_SIGNATURE):
        return False
    return bool(_SUPERBLOCK.unpack(head)[_FLAGS] & _OPEN_FLAGS != _OPEN_WITHOUT_SWMR)


def superblock_bytes(path: Path) -> bytes:
    """Return the superblock as it is in the file."""
    return _head(path)[0]


class ClosedView(io.RawIOBase):
    """A read-only file object: the file as it would be had its writer closed it.

    It ends with some room of zeros, so that a last chunk that is there in part can be read.
    `instead` gives bytes to show at some places instead of those in the file.
    """

    def __init__(self, path: Path, instead: Mapping[int, bytes] | None = None) -> None:
        self._stream = path.open("rb", buffering=0)
        self._size = os.fstat(self._stream.fileno()).st_size + _ROOM_BEHIND_THE_END
        fields = list(_SUPERBLOCK.unpack(self._stream.read(_SUPERBLOCK.size)))
        fields[_FLAGS] = 0
        fields[_END_OF_FILE] = self._size
        body = _SUPERBLOCK.pack(*fields)[:-4]
        head = body + lookup3(body).to_bytes(4, "little")
        self._instead = {0: head, **(instead or {})}
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, and return the new position."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer, with zeros behind the end of the file; return its length."""
        view = memoryview(buffer).cast("B")
        # A damaged address can be larger than any file's.
        self._stream.seek(min(self._position, self._size))
        filled = 0
        while filled < len(view):
            count = self._stream.readinto(view[filled:])
            if not count:
                view[filled:] = bytes(len(view) - filled)
                break
            filled += count
        for place, shown in self._instead.items():
            first = max(place, self._position)
            stop = min(place + len(shown), self._position + len(view))
            if first < stop:
                part = shown[first - place : stop - place]
                view[first - self._position : stop - self._position] = part
        self._position += len(view)
        return len(view)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()


def _head(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as stream:
            return stream.read(_SUPERBLOCK.size), path.stat().st_size
    except OSError as error:
        raise RunFileError(f"{path} cannot be read: {error.strerror or error}") from error


def _check_kind(path: Path, head: bytes) -> None:
    if not head:
        raise RunFileError(f"{path} is empty: nothing was recorded in it")
    if not head.startswith(HDF5_SIGNATURE):
        raise RunFileError(f"{path} is not a run file: it does not begin as HDF5 does")
    version = head[8:9]
    if version and version[0] != _VERSION:
        raise RunFileError(
            f"{path} is HDF5, but not a run file of labctl: its superblock has version "
            f"{version[0]}, not {_VERSION}"
        )


def lookup3(key: bytes) -> int:
    """Return Bob Jenkins' lookup3 hash (hashlittle, 2006, initial value 0).

    `key` is not empty.
    """
    a = b = c = (0xDEADBEEF + len(key)) & _WORD
    # The hash takes three words at a time; the last ones are filled up with zeros.
    *firsts, last = _THREE_WORDS.iter_unpack(key + bytes(-len(key) % _THREE_WORDS.size))
    for x, y, z in firsts:
        a, b, c = _mix((a + x) & _WORD, (b + y) & _WORD, (c + z) & _WORD)
    return _final((a + last[0]) & _WORD, (b + last[1]) & _WORD, (c + last[2]) & _WORD)


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = (a - c) & _WORD ^ _rotated(c, bits)
        c = (c + b) & _WORD
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, bits)) & _WORD
        a, b, c = b, c, a
    # After seven turns the variable that was changed last has the name b.
    return b


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _WORD
