"""The run file as its writer sees it: created whole, then appended to and committed. No threads."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.disk_space import probe_space
from labctl.storage.durability import sync_data, sync_folder
from labctl.storage.header import HeaderValue, RunHeader, TaggerHeader, header_entries
from labctl.storage.record_stream import RecordStream
from labctl.storage.schema import FORMAT, FORMAT_VERSION, STREAMS
from labctl.storage.superblock import superblock_bytes
from labctl.storage.tag_track import TagTrack
from labctl.storage.writer_lock import WriterLock
from labctl.tags.block import TagBlock

__all__ = ["Acknowledgement", "RunWriter"]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What is on the disk for good: it survives kill -9 and the loss of power.

    Attributes:
        number: counts the acknowledgements of the run from 1; 0 before the first.
        utc_ns: host clock when the disk confirmed.
        n_tags: tagger -> tags since the start of the run.
        safe_until_ps: tagger -> end of the last block; taggers without a block are absent.
        n_records: stream ("points", "events" ...) -> records since the start of the run.
    """

    number: int
    utc_ns: int
    n_tags: Mapping[str, int]
    safe_until_ps: Mapping[str, int]
    n_records: Mapping[str, int]


class RunWriter:
    """A new run file, durable in its folder from the start.

    Owned by one thread, which alone calls its methods. The exception is `sync`: it may run in a
    second thread while the owner goes on with `add_tags` and `add_record`. Rows that these write
    meanwhile do not count. Commit rows, and with them the slot of a tail that is overwritten, are
    written by `commit` alone; the owner calls neither it, `finish` nor `abandon` during a `sync`.

    Attributes:
        acknowledged: what is durable; set by `sync`.

    Raises:
        RunFileError: the file exists, is being written, or cannot be created.
    """

    def __init__(self, path: Path, header: RunHeader, taggers: Sequence[TaggerHeader]) -> None:
        self.path = path
        names = [tagger.name for tagger in taggers]
        if len(set(names)) < len(names):
            raise ValueError(f"taggers {names} do not have names of their own")
        entries = header_entries(header)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFileError(f"{path} could not be created: {error}") from error
        self._lock = WriterLock(path)
        try:
            with _translated(path, "could not be created"):
                self._create(header, entries, taggers)
        except FileExistsError as error:
            self._lock.release()
            raise RunFileError(f"{path} exists; a run is never overwritten") from error
        except BaseException:
            self._lock.release()
            raise
        self.acknowledged = self._committed = self._state(0)

    def _create(
        self,
        header: RunHeader,
        entries: Mapping[str, HeaderValue],
        taggers: Sequence[TaggerHeader],
    ) -> None:
        probe_space(self.path.parent)
        # Mode x: HDF5 creates with O_EXCL, so an existing run is never overwritten.
        # Without a chunk cache a write goes straight to its place in the file. With one, each
        # acknowledgement rewrote whole chunks: 1.3 MB at any rate, however low, against 15 kB.
        self._file = h5py.File(self.path, "x", libver="latest", rdcc_nbytes=0)
        try:
            self._file.attrs.update(
                {
                    "NX_class": "NXroot",
                    "format": FORMAT,
                    "format_version": np.int64(FORMAT_VERSION),
                    "default": "entry",
                }
            )
            entry = self._file.create_group("entry")
            entry.attrs.update({"NX_class": "NXentry", "default": "tags"})
            _write_header(entry, header, entries)
            tags = entry.create_group("tags")
            tags.attrs["NX_class"] = "NXcollection"
            if taggers:
                tags.attrs["default"] = taggers[0].name
            self._tracks = {tagger.name: TagTrack(tags, tagger) for tagger in taggers}
            self._streams = {name: RecordStream(entry, name) for name in STREAMS}
            self._parts: list[TagTrack | RecordStream] = [
                *self._tracks.values(),
                *self._streams.values(),
            ]
            self._file.swmr_mode = True
            self._file.flush()
            self._descriptor = self._file.id.get_vfd_handle()
            sync_data(self._descriptor)
            self._superblock_while_open = superblock_bytes(self.path)
            sync_folder(self.path.parent)
            sync_folder(self.path.parent.parent)
        except BaseException:
            with suppress(OSError, RuntimeError):
                self._file.close()
            # Nothing was recorded yet, and a half-made file could not be read by anyone.
            self.path.unlink(missing_ok=True)
            raise

    def add_tags(self, tagger: str, block: TagBlock, utc_ns: int) -> int:
        """Take a block; return the bytes that it adds to the file."""
        with _translated(self.path, "could not be written"):
            return self._tracks[tagger].add(block, utc_ns)

    def add_record(
        self, stream: str, record: bytes, utc_ns: int, number: int | None = None, total: int = 0
    ) -> int:
        """Take a record of one of the streams; return the bytes that it adds to the file."""
        self._streams[stream].append(record, utc_ns, number, total)
        return len(record)

    def commit(self) -> None:
        """Write everything taken so far, with its commit rows; `sync` makes it durable."""
        with _translated(self.path, "could not be written"):
            for part in self._parts:
                part.write_data()
            # The rows must be in the file before the index rows that vouch for them.
            self._file.flush()
            for part in self._parts:
                part.commit()
            self._file.flush()
        self._committed = self._state(self.acknowledged.number + 1)

    def sync(self) -> Acknowledgement:
        """Wait until the latest commit is on the disk; return it as what is safe now."""
        with _translated(self.path, "could not be written"):
            sync_data(self._descriptor)
        self.acknowledged = replace(self._committed, utc_ns=time.time_ns())
        return self.acknowledged

    def finish(self) -> Acknowledgement:
        """Commit all, make it durable, close the file and free it for others."""
        for track in self._tracks.values():
            track.finish()
        self.commit()
        acknowledgement = self.sync()
        self.abandon()
        return acknowledgement

    def abandon(self) -> None:
        """Close the file as it is; only what was acknowledged counts."""
        try:
            with _translated(self.path, "could not be closed"):
                self._file.close()
        except RunFileError:
            # HDF5 has called the file complete, with an end that was never written. Unmarked it
            # would be refused as truncated; as left behind, all that was committed is readable.
            with self.path.open("r+b") as stream:
                stream.write(self._superblock_while_open)
            raise
        finally:
            self._lock.release()

    def _state(self, number: int) -> Acknowledgement:
        tracks = self._tracks.items()
        return Acknowledgement(
            number=number,
            utc_ns=time.time_ns(),
            n_tags={name: track.n_tags for name, track in tracks},
            safe_until_ps={
                name: track.stop_ps for name, track in tracks if track.stop_ps is not None
            },
            n_records={name: stream.n_records for name, stream in self._streams.items()},
        )


def _write_header(entry: h5py.Group, header: RunHeader, entries: Mapping[str, HeaderValue]) -> None:
    collection = entry.create_group("header")
    collection.attrs["NX_class"] = "NXcollection"
    for name, value in entries.items():
        _write_scalar(collection, name, value)
    # NeXus, base class NXentry: names and types as its manual gives them.
    _write_scalar(entry, "title", header.experiment)
    _write_scalar(entry, "entry_identifier", header.uid)
    _write_scalar(entry, "start_time", str(entries["start_utc"]))
    _write_scalar(entry, "program_name", "labctl")
    entry["program_name"].attrs["version"] = str(entries["labctl_version"])


def _write_scalar(group: h5py.Group, name: str, value: HeaderValue) -> None:
    stored: Any = value
    if isinstance(value, str):
        # Fixed length, so that no reader of a stranger's file ever needs object types.
        raw = value.encode("utf-8", "backslashreplace")
        stored = np.array(raw, h5py.string_dtype("utf-8", max(1, len(raw))))
    elif isinstance(value, int) and not isinstance(value, bool):
        stored = np.int64(value)
    group.create_dataset(name, data=stored)


@contextmanager
def _translated(path: Path, what_happened: str) -> Iterator[None]:
    """Turn the errors of HDF5 and the system into RunFileError, the operator's cause first."""
    try:
        yield
    except FileExistsError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        # HDF5 reports a full disk as RuntimeError as well as OSError.
        raise RunFileError(f"{path} {what_happened}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    """Return the system's own words if HDF5 wrapped them in addresses and offsets."""
    found = re.search(r"error message = '([^']+)'", str(error))
    return found[1] if found else str(error)
