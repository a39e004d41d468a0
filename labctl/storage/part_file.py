"""One file of a run, opened for reading: finished, growing or left behind by a killed process."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import h5py

from labctl.storage.header import TaggerHeader
from labctl.storage.left_behind import open_left_behind
from labctl.storage.plain import from_json_object
from labctl.storage.record_table import Record, RecordTable
from labctl.storage.schema import STREAMS
from labctl.storage.strangers import check_format, group, names, scalar, translated
from labctl.storage.stream_summary import NOTHING, StreamSummary
from labctl.storage.superblock import is_marked_open
from labctl.storage.tag_table import OnDamage, TagTable
from labctl.storage.writer_lock import has_live_writer
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["PartFile"]

T = TypeVar("T")

_JSON_SUFFIX: Final = "_json"


class PartFile:
    """One file of a run, read-only. Owned by one thread at a time.

    Attributes:
        format_version: of the layout, see `labctl.storage.schema`.
        metadata: everything known at the start, JSON decoded.

    Raises:
        RunFileError: the file is missing, damaged, foreign or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated(path):
            self._file = _opened(path)
        try:
            with translated(path):
                self.format_version = check_format(path, self._file)
                entry = group(path, self._file, "entry")
                self.metadata: Mapping[str, Any] = _metadata(path, entry)
                self._tables = _tag_tables(path, group(path, entry, "tags"))
                self._streams = {name: RecordTable(path, entry, name) for name in STREAMS}
        except BaseException:
            self._file.close()
            raise

    @property
    def taggers(self) -> dict[str, TaggerHeader]:
        """The tag streams by name, in the order of the recorder."""
        return {name: table.header for name, table in self._tables.items()}

    def records(self, stream: str) -> list[Record]:
        """Return the committed records of one of the streams of `schema`."""
        return self._read(lambda: list(self._streams[stream]))

    def objects(self, stream: str) -> list[tuple[Record, dict[str, Any]]]:
        """Return the committed records of a stream of JSON objects with what they say."""
        records = self.records(stream)
        return self._read(lambda: [(record, from_json_object(record.data)) for record in records])

    def origin_ps(self, tagger: str) -> int | None:
        """Return where the tagger's first interval begins; None without one."""
        table = self._tables.get(tagger)
        return None if table is None else self._read(table.origin_ps)

    def summary(self, tagger: str) -> StreamSummary:
        """Return what the index tells of the tagger's stream in this file."""
        table = self._tables.get(tagger)
        return NOTHING if table is None else self._read(table.summary)

    def blocks(
        self,
        tagger: str,
        interval_ps: tuple[int | None, int | None],
        on_damage: OnDamage,
        missing: TagFlags,
    ) -> Generator[TagBlock, None, TagFlags]:
        """Yield a block per append; return the flags that the block behind the file must carry."""
        if tagger not in self._tables:
            return missing | TagFlags.GAP
        blocks = self._tables[tagger].blocks(interval_ps, on_damage, missing)
        # Step by step, so that an error in the caller's loop is not translated.
        while True:
            try:
                with translated(self.path):
                    block = next(blocks)
            except StopIteration as stop:
                flags: TagFlags = stop.value
                return flags
            yield block

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, read: Callable[[], T]) -> T:
        with translated(self.path):
            return read()


def _opened(path: Path) -> h5py.File:
    if not is_marked_open(path):
        return h5py.File(path, "r", rdcc_nbytes=0)
    if has_live_writer(path):
        return h5py.File(path, "r", libver="latest", swmr=True)
    return open_left_behind(path)[0]


def _metadata(path: Path, entry: h5py.Group) -> dict[str, Any]:
    header = group(path, entry, "header")
    metadata: dict[str, Any] = {}
    for name in names(path, header):
        value = scalar(path, header, name)
        if name.endswith(_JSON_SUFFIX):
            metadata[name.removesuffix(_JSON_SUFFIX)] = json.loads(str(value))
        else:
            metadata[name] = value
    return metadata


def _tag_tables(path: Path, tags: h5py.Group) -> dict[str, TagTable]:
    tables = {name: TagTable(path, tags, name) for name in names(path, tags)}
    first = tags.attrs.get("default")
    # HDF5 lists names alphabetically; the default is the recorder's first.
    return dict(sorted(tables.items(), key=lambda item: item[0] != first))
