"""Open a run: finished, growing or left behind by a killed process, in one file or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from labctl.errors import RunFileError, nearest
from labctl.storage.header import TaggerHeader
from labctl.storage.names import MASTER_SUFFIX, first_part, part_path, run_parts
from labctl.storage.part_file import PartFile
from labctl.storage.record_table import Record
from labctl.storage.schema import END_STATUSES
from labctl.storage.stream_summary import NOTHING, StreamSummary
from labctl.storage.superblock import has_begun
from labctl.storage.table import Table
from labctl.storage.tag_codec import split
from labctl.storage.tag_table import OnDamage
from labctl.storage.writer_lock import has_live_writer
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock, TagFlags

__all__ = ["RunFile", "RunStatus", "open_part", "open_run"]

RunStatus: TypeAlias = Literal["running", "finished", "aborted", "failed", "interrupted"]


def open_run(path: str | Path) -> RunFile:
    """Return the run with this file, any of its parts or its master file; close it after use.

    Raises:
        RunFileError: a file is missing, damaged, not a run file, of a later version, or holds
            what no recorder writes (links, objects of variable length, impossible sizes).
    """
    parts = run_parts(Path(path))
    if parts[0].suffix == MASTER_SUFFIX:
        raise RunFileError(
            f"{path} is a master file, which only points at {first_part(parts[0]).name}",
            hint="Put the run's files into its folder.",
        )
    return RunFile(parts, part_path)


def open_part(path: str | Path) -> RunFile:
    """Return what this one file holds, without the other parts of its run.

    Raises:
        RunFileError: as for `open_run`.
    """
    return RunFile((Path(path),), None)


class RunFile:
    """One run, read-only. Each call shows what is committed at that moment.

    Owned by one thread at a time. `on_damage` says what to do with an append whose checksum
    fails: "raise" RunFileError, or "flag" it: its interval comes as an empty block with MISSED and
    the number of its tags as lost; after an append whose very index row is damaged the next block
    carries GAP.

    Args:
        paths: the files that are there, in order.
        name_of: gives the name of part N of a first file; None: the others do not matter.
    """

    def __init__(self, paths: Sequence[Path], name_of: Callable[[Path, int], Path] | None) -> None:
        self.path = paths[0]
        self._name_of = name_of
        self._parts: list[PartFile] = []
        try:
            for path in paths:
                if path is paths[-1] and self._parts and not has_begun(path):
                    # Its writer was killed, or is on the way: nothing can be in it yet.
                    break
                self._parts.append(self._opened(path))
        except BaseException:
            self.close()
            raise

    @property
    def parts(self) -> tuple[Path, ...]:
        """The run's files, in order."""
        return tuple(part.path for part in self._current())

    @property
    def format_version(self) -> int:
        """Version of the layout, see `labctl.storage.schema`."""
        return self._parts[0].format_version

    @property
    def status(self) -> RunStatus:
        """How the run ended; without an end, "running" while its writer lives on this machine."""
        is_running = any(has_live_writer(path) for path in self.parts)
        status = self.end.get("status")
        if status is None:
            return "running" if is_running else "interrupted"
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
        return self._parts[0].metadata

    @property
    def configuration(self) -> str:
        """The text of instruments.toml as it was when the run began."""
        return str(self.metadata.get("configuration", ""))

    @property
    def taggers(self) -> Mapping[str, TaggerHeader]:
        """The tag streams by name, in the order of the file."""
        return {name: tagger for part in self._parts for name, tagger in part.taggers.items()}

    def points(self) -> list[dict[str, Any]]:
        """Return the points: their values with `number`, `total` and `utc_ns`."""
        return [
            values | {"number": record.number, "total": record.total, "utc_ns": record.utc_ns}
            for part in self._current()
            for record, values in part.objects("points")
        ]

    def points_table(self) -> Table:
        """Return the points as columns with units and uncertainties."""
        return Table.of_rows(self.points())

    def result_table(self) -> Table:
        """Return the result's quantities as columns, a row for each thing they are of."""
        result = self.result
        rows = result.get("table") if isinstance(result, Mapping) else None
        return Table.of_quantities(rows if isinstance(rows, list) else [])

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

    def tag_counts(self) -> dict[str, int]:
        """Return how many tags of each tagger are committed, by the index: no tag is read."""
        return {name: stream.tags for name, stream in self.stream_summaries().items()}

    def stream_summaries(self) -> dict[str, StreamSummary]:
        """Return extent and losses of each tagger's stream, by the index: no tag is read."""
        return {n: sum((p.summary(n) for p in self._current()), NOTHING) for n in self.taggers}

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

        `start_s` and `stop_s` count from the first interval of the tagger in this run. Only tags
        of one and the same time can make a block longer than `max_tags`. `sequence` numbers the
        blocks that are yielded.

        Raises:
            RunFileError: an append is damaged and `on_damage` is "raise".
            ValueError: `tagger` is unknown, or None although the run has several.
        """
        name = self._tagger_name(tagger)
        return self._blocks(name, (start_s, stop_s), on_damage, max_tags)

    def close(self) -> None:
        """Close the files."""
        for part in self._parts:
            part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _blocks(
        self,
        tagger: str,
        interval_s: tuple[float | None, float | None],
        on_damage: OnDamage,
        max_tags: int,
    ) -> Iterator[TagBlock]:
        # The list of parts before their rows: a part that has a successor is complete.
        parts = self._current()
        origins_ps = (part.origin_ps(tagger) for part in parts)
        origin_ps = next((origin for origin in origins_ps if origin is not None), 0)
        start_ps, stop_ps = (
            None if seconds is None else origin_ps + round(seconds * 1e12) for seconds in interval_s
        )
        sequence = 0
        missing = TagFlags.NONE
        for part in parts:
            blocks = part.blocks(tagger, (start_ps, stop_ps), on_damage, missing)
            while True:
                try:
                    whole = next(blocks)
                except StopIteration as stop:
                    missing = stop.value
                    break
                for block in split(whole, max_tags):
                    yield replace(block, sequence=sequence)
                    sequence += 1

    def _current(self) -> Sequence[PartFile]:
        """Return the parts that have begun until now."""
        while self._name_of is not None:
            path = self._name_of(self.path, len(self._parts) + 1)
            if not path.exists() or not has_begun(path):
                break
            self._parts.append(self._opened(path))
        return tuple(self._parts)

    def _opened(self, path: Path) -> PartFile:
        part = PartFile(path)
        try:
            if self._name_of is not None:
                self._check_place(part)
        except BaseException:
            part.close()
            raise
        return part

    def _check_place(self, part: PartFile) -> None:
        number = part.metadata.get("part", 1)
        expected = len(self._parts) + 1
        if number != expected:
            raise RunFileError(
                f"{part.path} is part {number} of its run, and part {expected} is not beside it",
                hint="Put all parts into one folder under their own names; "
                "labctl.open_part reads each by itself.",
            )
        uid, first_uid = part.metadata.get("uid"), self.metadata.get("uid") if self._parts else None
        if self._parts and uid != first_uid:
            raise RunFileError(
                f"{part.path} is part {number} of another run (uid {uid}) than {self.path} "
                f"(uid {first_uid})",
                hint="Move it away.",
            )

    def _tagger_name(self, tagger: str | None) -> str:
        taggers = self.taggers
        known = ", ".join(taggers) or "none"
        if tagger is None:
            if len(taggers) != 1:
                raise ValueError(f"{self.path} has these taggers: {known}; name one")
            return next(iter(taggers))
        if tagger not in taggers:
            raise ValueError(
                f"{self.path} has no tagger {tagger!r} ({known}){nearest(tagger, taggers)}"
            )
        return tagger

    def _records(self, stream: str) -> list[Record]:
        return [record for part in self._current() for record in part.records(stream)]

    def _objects(self, stream: str) -> list[dict[str, Any]]:
        return [
            values | {"utc_ns": record.utc_ns}
            for part in self._current()
            for record, values in part.objects(stream)
        ]
