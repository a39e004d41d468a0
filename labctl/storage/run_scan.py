"""A run file opened for a scan, even when it is truncated or parts of it cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import h5py

from labctl.errors import RunFileError
from labctl.storage.left_behind import open_left_behind, open_mended
from labctl.storage.mending import mended_blocks
from labctl.storage.scanning import READ_ERRORS, RecordScan, TagScan
from labctl.storage.schema import STREAMS
from labctl.storage.strangers import check_format, group, names, translated
from labctl.storage.superblock import is_marked_open, superblock_bytes
from labctl.storage.writer_lock import has_live_writer

__all__ = ["RunScan"]

#: HDF5 File Format Specification 3.0, section II.A: size and version of the superblock.
_HEAD_BYTES: Final = 48
_HEAD_VERSION: Final = 3
#: As many places fit into a message that people read.
_PLACES_TOLD: Final = 3


class RunScan:
    """One run file, opened for reading even when it is truncated. Owned by one thread.

    Attributes:
        is_closed: its writer closed it; is_growing: its writer lives on this machine.
        taggers, streams: the parts that can be scanned.
        faults: (part, what is wrong with it) for each part that cannot.

    Raises:
        RunFileError: nothing in the file can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[tuple[str, str]] = []
        self.is_growing = False
        self.is_closed = False
        self._file = self._opened()
        try:
            with translated(path):
                check_format(path, self._file)
                self.entry = group(path, self._file, "entry")
            self.taggers = self._scans("tags")
            self.streams = self._record_scans()
        except BaseException:
            self._file.close()
            raise

    @property
    def root(self) -> h5py.File:
        """The open file."""
        return self._file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _opened(self) -> h5py.File:
        try:
            is_open = is_marked_open(self.path)
        except RunFileError as error:
            return self._opened_though(error)
        with translated(self.path):
            if not is_open:
                self.is_closed = True
                return self._opened_closed()
            if has_live_writer(self.path):
                self.is_growing = True
                return h5py.File(self.path, "r", libver="latest", swmr=True)
            file, places = open_left_behind(self.path)
            self._tell_mended(
                places, "their last writes arrived in part; what was not acknowledged may be gone"
            )
            return file

    def _opened_closed(self) -> h5py.File:
        """Open a closed file; where checksums of HDF5's own tables fail, read them all the same."""
        file = h5py.File(self.path, "r")
        if not mended_blocks(self.path, file, was_closed=True):
            return file
        file.close()
        file, places = open_mended(self.path, was_closed=True)
        self._tell_mended(places, "their contents are read all the same")
        return file

    def _tell_mended(self, places: list[int], note: str) -> None:
        if places:
            told = ", ".join(map(str, places[:_PLACES_TOLD]))
            what = f"{len(places)} of HDF5's own tables are not intact (at byte {told}): {note}"
            self.faults.append(("file", what))

    def _opened_though(self, error: RunFileError) -> h5py.File:
        """Open a file whose superblock is damaged or promises more bytes than there are."""
        try:
            head = superblock_bytes(self.path)
        except RunFileError:
            raise error from None
        # The version byte: of another version, ClosedView would make up the head.
        if len(head) < _HEAD_BYTES or head[8] != _HEAD_VERSION:
            raise error
        try:
            file, _ = open_mended(self.path, was_closed=True)
        except READ_ERRORS:
            raise error from None
        self.faults.append(("file", error.message))
        return file

    def _scans(self, parent: str) -> dict[str, TagScan]:
        scans: dict[str, TagScan] = {}
        with translated(self.path):
            tags = group(self.path, self.entry, parent)
            found = names(self.path, tags)
            first = tags.attrs.get("default")
        for name in sorted(found, key=lambda name: name != first):
            try:
                with translated(self.path):
                    scans[name] = TagScan(self.path, tags, name, was_closed=self.is_closed)
            except RunFileError as error:
                self.faults.append((f"tagger {name}", error.message))
        return scans

    def _record_scans(self) -> dict[str, RecordScan]:
        scans: dict[str, RecordScan] = {}
        for name in STREAMS:
            try:
                with translated(self.path):
                    scans[name] = RecordScan(self.path, self.entry, name)
            except RunFileError as error:
                self.faults.append((name, error.message))
        return scans
