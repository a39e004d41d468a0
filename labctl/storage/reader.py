"""Open a run file: finished, growing or left behind by a killed process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import h5py

from labctl.errors import RunFileError, nearest
from labctl.storage.header import TaggerHeader
from labctl.storage.plain import from_json_object
from labctl.storage.record_table import Record, RecordTable
from labctl.storage.schema import END_STATUSES, STREAMS
from labctl.storage.strangers import (
    check_format,
    group,
    names,
    scalar,
    translated,
)
from labctl.storage.superblock import ClosedView, is_marked_open
from labctl.storage.tag_table import OnDamage, TagTable
from labctl.storage.writer_lock import has_live_writer
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock

__all__ = ["RunFile", "RunStatus", "open_run"]

RunStatus: TypeAlias = Literal["running", "finished", "aborted", "failed", "interrupted"]

_JSON_SUFFIX: Final = "_json"


def open_run(path: str | Path) -> RunFile:
    """Return the run in this file; close it, or use it in a `with` statement.

    Raises:
        RunFileError: the file is missing, damaged, not a run file, of a later version, or holds
            what no recorder writes (links, objects of variable length, impossible sizes).
    """
    return RunFile(Path(path))


class RunFile:
    """One run, read-only. Each call shows what is committed at that moment.

    Owned by one thread at a time. `on_damage` says what to do with an append whose checksum
    fails: "raise" RunFileError, or "flag" it: its interval comes as an empty block with MISSED and
    the number of its tags as lost; after an append whose very index row is damaged the next block
    carries GAP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated(path):
            self._file = _opened(path)
        try:
            with translated(path):
                self._format_version = check_format(path, self._file)
                self._entry = group(path, self._file, "entry")
                self._metadata = self._read_metadata()
                tags = group(path, self._entry, "tags")
                self._tables = self._read_taggers(tags)
                self._streams = {name: RecordTable(path, self._entry, name) for name in STREAMS}
        except BaseException:
            self._file.close()
            raise

    @property
    def format_version(self) -> int:
        """Version of the layout, see `labctl.storage.schema`."""
        return self._format_version

    @property
    def status(self) -> RunStatus:
        """How the run ended; without an end, "running" while its writer lives on this machine."""
        status = self.end.get("status")
        if status is None:
            return "running" if has_live_writer(self.path) else "interrupted"
        if status not in END_STATUSES:
            raise RunFileError(f"{self.path} ended with the unknown status {status!r}")
        known: RunStatus = status
        return known

    @property
    def end(self) -> Mapping[str, Any]:
        """Status, reason, stop_utc, result, planned, taken and repeated; empty without an end."""
        ends = self._objects("end")
        return ends[-1] if ends else {}

    @property
    def result(self) -> Any:
        """The experiment's result as JSON gave it, or None."""
        return self.end.get("result")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Everything known at the start, see `labctl.storage.RunHeader`; JSON is decoded."""
        return self._metadata

    @property
    def configuration(self) -> str:
        """The text of instruments.toml as it was when the run began."""
        return str(self._metadata.get("configuration", ""))

    @property
    def taggers(self) -> Mapping[str, TaggerHeader]:
        """The tag streams by name, in the order of the file."""
        return {name: table.header for name, table in self._tables.items()}

    def points(self) -> list[dict[str, Any]]:
        """Return the points: their values with `number`, `total` and `utc_ns`."""
        return [
            self._object(record)
            | {"number": record.number, "total": record.total, "utc_ns": record.utc_ns}
            for record in self._records("points")
        ]

    def events(self) -> list[dict[str, Any]]:
        """Return the events: level, source, payload, utc_ns."""
        return self._objects("events")

    def parameters(self) -> list[dict[str, Any]]:
        """Return the changes of settings: instrument, setting, value, unit, utc_ns."""
        return self._objects("parameters")

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots of all instruments: moment, instruments, utc_ns."""
        return self._objects("snapshots")

    def figures(self) -> dict[str, bytes]:
        """Return the run's pictures as PNG files, by their names."""
        parts = (record.data.partition(b"\0") for record in self._records("figures"))
        return {name.decode("utf-8", "replace"): png for name, _, png in parts}

    def log(self) -> list[str]:
        """Return the lines of the log."""
        return [record.data.decode("utf-8", "replace") for record in self._records("log")]

    def tags(
        self,
        tagger: str | None = None,
        start_s: float | None = None,
        stop_s: float | None = None,
        *,
        on_damage: OnDamage = "raise",
        max_tags: int = MAX_BLOCK_TAGS,
    ) -> Iterator[TagBlock]:
        """Yield the committed tags in blocks of at most `max_tags`, one append in memory.

        `start_s` and `stop_s` count from the first interval of the tagger in this file. Only tags
        of one and the same time can make a block longer than `max_tags`. `sequence` numbers the
        blocks that are yielded.

        Raises:
            RunFileError: an append is damaged and `on_damage` is "raise".
            ValueError: `tagger` is unknown, or None although the run has several.
        """
        table = self._tables[self._tagger_name(tagger)]
        return self._translated(table.blocks(start_s, stop_s, on_damage, max_tags))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _translated(self, blocks: Iterator[TagBlock]) -> Iterator[TagBlock]:
        # Step by step, so that an error in the caller's loop is not translated.
        while True:
            with translated(self.path):
                block = next(blocks, None)
            if block is None:
                return
            yield block

    def _tagger_name(self, tagger: str | None) -> str:
        known = ", ".join(self._tables) or "none"
        if tagger is None:
            if len(self._tables) != 1:
                raise ValueError(f"{self.path} has these taggers: {known}; name one")
            return next(iter(self._tables))
        if tagger not in self._tables:
            raise ValueError(
                f"{self.path} has no tagger {tagger!r} ({known}){nearest(tagger, self._tables)}"
            )
        return tagger

    def _records(self, stream: str) -> list[Record]:
        with translated(self.path):
            return list(self._streams[stream])

    def _object(self, record: Record) -> dict[str, Any]:
        with translated(self.path):
            return from_json_object(record.data)

    def _objects(self, stream: str) -> list[dict[str, Any]]:
        return [
            self._object(record) | {"utc_ns": record.utc_ns} for record in self._records(stream)
        ]

    def _read_metadata(self) -> dict[str, Any]:
        header = group(self.path, self._entry, "header")
        metadata: dict[str, Any] = {}
        for name in names(self.path, header):
            value = scalar(self.path, header, name)
            if name.endswith(_JSON_SUFFIX):
                metadata[name.removesuffix(_JSON_SUFFIX)] = json.loads(str(value))
            else:
                metadata[name] = value
        return metadata

    def _read_taggers(self, tags: h5py.Group) -> dict[str, TagTable]:
        tables = {name: TagTable(self.path, tags, name) for name in names(self.path, tags)}
        first = tags.attrs.get("default")
        # HDF5 lists names alphabetically; the default is the recorder's first.
        return dict(sorted(tables.items(), key=lambda item: item[0] != first))


def _opened(path: Path) -> h5py.File:
    if not is_marked_open(path):
        return h5py.File(path, "r")
    if has_live_writer(path):
        return h5py.File(path, "r", libver="latest", swmr=True)
    return h5py.File(ClosedView(path), "r")
