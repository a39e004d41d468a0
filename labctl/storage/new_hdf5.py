"""New HDF5 files on a disk that may get full.

HDF5 cannot close a file whose last bytes find no room: it keeps half of it open, and the process
may crash when it ends. So HDF5 writes through a file object that takes everything and remembers
the first error, which is raised when HDF5 is through.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import h5py

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["hdf5_in", "new_hdf5"]


@contextmanager
def new_hdf5(path: Path, libver: str | None = None) -> Iterator[h5py.File]:
    """Give a new HDF5 file of this name, which is closed at the end.

    Raises:
        OSError: it could not be written. Whatever the block raised afterwards is its cause.
    """
    with path.open("w+b", buffering=0) as file, hdf5_in(file, libver) as target:
        yield target


@contextmanager
def hdf5_in(file: BinaryIO, libver: str | None = None) -> Iterator[h5py.File]:
    """Give an HDF5 file inside an empty file, which can be read and written and stays open.

    Raises:
        OSError: as for `new_hdf5`.
    """
    stream = _Patient(file)
    try:
        with h5py.File(stream, "w", libver=libver) as target:
            yield target
    except Exception as error:
        if stream.fault is not None:
            raise stream.fault from error
        raise
    if stream.fault is not None:
        raise stream.fault


class _Patient(io.RawIOBase):
    """A file object that keeps its first error and drops what is written afterwards."""

    def __init__(self, file: BinaryIO) -> None:
        self.fault: OSError | None = None
        self._file = file
        self._position = 0
        self._size = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
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
        """Fill the buffer, with zeros where nothing is, and return its length."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._position)
        data = self._file.read(len(view))
        view[: len(data)] = data
        view[len(data) :] = bytes(len(view) - len(data))
        self._position += len(view)
        return len(view)

    def write(self, buffer: ReadableBuffer) -> int:
        """Write all of it unless something failed before; return its length."""
        view = memoryview(buffer).cast("B")
        try:
            if self.fault is None:
                self._write(view)
        except OSError as error:
            self.fault = error
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file, and return it."""
        self._size = self._position if size is None else size
        try:
            if self.fault is None:
                self._file.truncate(self._size)
        except OSError as error:
            self.fault = error
        return self._size

    def _write(self, view: memoryview) -> None:
        self._file.seek(self._position)
        while view:
            # Without a buffer in between, a full disk takes a part before it refuses the rest.
            view = view[self._file.write(view) :]
