"""A finished run file from one that was killed or damaged: all that is committed and intact.

The copy is written beside its destination, verified, made durable and only then renamed, so that
no half-made file ever has the name of a run. What could not be read leaves its mark in the copy:
an append with damaged rows becomes an empty one with MISSED and its tags counted as lost; after
an append whose commit row is damaged, the next one carries GAP.

The copy's last end record tells the reason and has no status, and a run without a status is
"interrupted" to every reader of format version 1. A run that had ended in order, of which nothing
is damaged, keeps its own end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.new_hdf5 import new_hdf5
from labctl.storage.plain import from_json_object, to_json
from labctl.storage.publishing import locked, published
from labctl.storage.record_stream import RecordStream
from labctl.storage.record_table import Record
from labctl.storage.run_scan import RunScan
from labctl.storage.scanning import OnProgress, ScannedAppend, Share, TagScan
from labctl.storage.schema import STREAMS
from labctl.storage.strangers import group, names, scalar, translated
from labctl.storage.tag_track import TagTrack
from labctl.storage.verifying import has_intact_configuration, record_fault, verify_run
from labctl.storage.writer_lock import has_live_writer
from labctl.tags.block import TagBlock, TagFlags

__all__ = ["Recovery", "recover_run", "recover_run_in_place"]

#: As many problems fit into a reason that people read.
_PROBLEMS_TOLD: Final = 5


@dataclass(slots=True)
class Recovery:
    """What a recovery brought over, and what it could not.

    `kept` is where the original is, if not under its own name. `tags` and `records` count what
    the copy holds; `tags_lost` those of appends whose commit rows tell their number. `problems`
    names every part that is not in the copy.
    """

    source: Path
    path: Path
    kept: Path | None = None
    reason: str = ""
    tags: dict[str, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    tags_lost: int = 0
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, paths as text."""
        kept = None if self.kept is None else str(self.kept)
        return asdict(self) | {"source": str(self.source), "path": str(self.path), "kept": kept}


def recover_run(
    source: Path, destination: Path | None = None, on_progress: OnProgress | None = None
) -> Recovery:
    """Copy all that is intact into a new file and leave the original as it is.

    Without a destination, run.h5 becomes run.recovered.h5 in the same folder.

    Raises:
        RunFileError: a process still writes the file, it needs no recovery, nothing in it can be
            read, or the destination exists or cannot be written.
    """
    _check_needs_recovery(source)
    path = destination or source.with_name(f"{source.stem}.recovered{source.suffix}")
    with locked(path):
        if path.exists():
            raise RunFileError(f"{path} exists; a run is never overwritten")
        with published(path, source) as partial:
            return _recovered(source, path, partial, on_progress)


def recover_run_in_place(source: Path, on_progress: OnProgress | None = None) -> Recovery:
    """Replace the file, in one step, by a copy of all that is intact.

    The original is kept beside it with ".damaged" behind its name.

    Raises:
        RunFileError: as for `recover_run`; a file of that name exists already.
    """
    _check_needs_recovery(source)
    kept = source.with_name(source.name + ".damaged")
    with locked(source):
        # A recovery that was killed may have given the original its second name already.
        if kept.exists() and not kept.samefile(source):
            raise RunFileError(f"{kept} exists; move it away, it holds an earlier original")
        with published(source, source, kept) as partial:
            recovery = _recovered(source, source, partial, on_progress)
    recovery.kept = kept
    return recovery


def _check_needs_recovery(source: Path) -> None:
    if not source.exists():
        raise RunFileError(f"{source} cannot be read: No such file or directory")
    if has_live_writer(source):
        raise RunFileError(f"{source} is still being written by its recorder; end that run first")
    found = verify_run(source)
    if found.state == "intact":
        raise RunFileError(f"{source} needs no recovery: it was closed and everything is intact")
    if found.is_closed and found.is_readable:
        raise RunFileError(
            f"{source} needs no recovery: no checksum fails; what `labctl verify` says of it "
            "was recorded so"
        )


def _recovered(source: Path, path: Path, partial: Path, on_progress: OnProgress | None) -> Recovery:
    recovery = Recovery(source, path)
    with RunScan(source) as scan, new_hdf5(partial, "latest") as copy:
        recovery.problems += [f"{where}: {what}" for where, what in scan.faults]
        entry = _copy_frame(scan, copy, recovery)
        tags = entry.create_group("tags")
        tags.attrs["NX_class"] = "NXcollection"
        if scan.taggers:
            tags.attrs["default"] = next(iter(scan.taggers))
        newest_utc_ns = 0
        total = sum(tagger.n_rows for tagger in scan.taggers.values())
        done = 0
        for tagger in scan.taggers.values():
            share = Share(on_progress, done, total)
            done += tagger.n_rows
            newest_utc_ns = max(newest_utc_ns, _copy_tags(tagger, tags, recovery, share))
        _copy_records(scan, entry, recovery, newest_utc_ns)
    return recovery


def _copy_frame(scan: RunScan, copy: h5py.File, recovery: Recovery) -> h5py.Group:
    """Copy attributes, header and the scalars of NeXus; return the new entry."""
    entry: h5py.Group = copy.create_group("entry")
    for owner, target in ((scan.root, copy), (scan.entry, entry)):
        for name, value in owner.attrs.items():
            target.attrs[name] = value
    header = entry.create_group("header")
    header.attrs["NX_class"] = "NXcollection"
    try:
        with translated(scan.path):
            facts = group(scan.path, scan.entry, "header")
            found = names(scan.path, facts)
    except RunFileError as error:
        recovery.problems.append(f"header: {error.message}")
        found = []
    for name in found:
        _copy_scalar(scan, facts, header, name, recovery)
    for name in ("title", "start_time", "entry_identifier", "program_name"):
        _copy_scalar(scan, scan.entry, entry, name, recovery)
    if not has_intact_configuration(header):
        # One wrong letter in a thousand lines: kept, but not under a name that vouches for it.
        header.move("configuration", "configuration_damaged")
        recovery.problems.append("header configuration: it fails its checksum (SHA-256)")
    return entry


def _copy_scalar(
    scan: RunScan, source: h5py.Group, target: h5py.Group, name: str, recovery: Recovery
) -> None:
    try:
        with translated(scan.path):
            value = scalar(scan.path, source, name)
            if name.endswith("_json"):
                # A reader refuses a file whose header promises JSON and holds something else.
                json.loads(str(value))
            source.copy(name, target)
    except RunFileError as error:
        recovery.problems.append(f"{source.name}/{name}: {error.message}")


def _copy_tags(tagger: TagScan, tags: h5py.Group, recovery: Recovery, share: Share) -> int:
    """Copy append by append; return when the newest of them was recorded."""
    name = tagger.header.name
    track = TagTrack(tags, tagger.header)
    newest_utc_ns = 0
    gap = TagFlags.NONE
    try:
        with translated(recovery.source):
            for append in tagger:
                share.tell(append.at)
                if append.damage:
                    recovery.problems.append(f"append {append.at} of {name}: {append.damage}")
                if append.row is None:
                    gap = TagFlags.GAP
                    continue
                if append.block is None:
                    recovery.tags_lost += int(append.row["tag_count"])
                utc_ns = int(append.row["utc_ns"])
                newest_utc_ns = max(newest_utc_ns, utc_ns)
                track.add(_with_gap(append.block or _lost_block(append), gap), utc_ns)
                # Each append stays one: its time, flags and interval are its own.
                track.finish()
                gap = TagFlags.NONE
    except RunFileError as error:
        recovery.problems.append(f"tagger {name}: {error.message}")
    track.write_data()
    track.commit()
    recovery.tags[name] = track.n_tags
    return newest_utc_ns


def _lost_block(append: ScannedAppend) -> TagBlock:
    row = append.row
    start_ps = int(row["start_ps"])
    return TagBlock(
        np.empty(0, np.int64),
        np.empty(0, np.uint8),
        start_ps,
        max(start_ps, int(row["stop_ps"])),
        lost=int(row["lost"]) + int(row["tag_count"]),
        flags=TagFlags(int(row["flags"])) | TagFlags.MISSED,
    )


def _with_gap(block: TagBlock, gap: TagFlags) -> TagBlock:
    return replace(block, flags=block.flags | gap) if gap else block


def _copy_records(scan: RunScan, entry: h5py.Group, recovery: Recovery, newest_utc_ns: int) -> None:
    end: dict[str, Any] = {}
    for name in STREAMS:
        stream = RecordStream(entry, name)
        for record in _intact_records(scan, name, recovery):
            stream.append(record.data, record.utc_ns, record.number, record.total)
            newest_utc_ns = max(newest_utc_ns, record.utc_ns)
            if name == "end":
                end = from_json_object(record.data)
        if name == "end" and (recovery.problems or not end):
            recovery.reason = _reason(recovery, end)
            stream.append(_interrupted(end, recovery, newest_utc_ns), time.time_ns())
        recovery.records[name] = stream.n_records
        stream.write_data()
        stream.commit()


def _intact_records(scan: RunScan, name: str, recovery: Recovery) -> Iterator[Record]:
    if name not in scan.streams:
        return
    try:
        with translated(scan.path):
            for scanned in scan.streams[name]:
                damage = scanned.damage or record_fault(name, scanned.record)
                if damage or scanned.record is None:
                    recovery.problems.append(f"record {scanned.at} of {name}: {damage}")
                else:
                    yield scanned.record
    except RunFileError as error:
        recovery.problems.append(f"{name}: {error.message}")


def _reason(recovery: Recovery, end: dict[str, Any]) -> str:
    """Return in a sentence why the run is incomplete."""
    name = recovery.source.name
    if not recovery.problems:
        return f"recovered from {name}, whose recorder was killed; all it committed is here"
    ended = f" after the run had {end['status']}" if end.get("status") else ""
    return (
        f"recovered from {name}, which was damaged{ended}; missing: "
        f"{'; '.join(recovery.problems[:_PROBLEMS_TOLD])}"
        + (f" and {more} more" if (more := len(recovery.problems) - _PROBLEMS_TOLD) > 0 else "")
    )


def _interrupted(end: dict[str, Any], recovery: Recovery, newest_utc_ns: int) -> bytes:
    """Return an end record without a status: result and counts of the old end, and the reason."""
    newest = datetime.fromtimestamp(newest_utc_ns / 1e9, UTC).isoformat(timespec="microseconds")
    known = {
        "stop_utc": newest if newest_utc_ns else "",
        "result": None,
        "taken": recovery.records.get("points", 0),
        "repeated": 0,
    }
    kept = {name: value for name, value in end.items() if name != "status"}
    return to_json(known | kept | {"reason": recovery.reason, "recovered_utc": datetime.now(UTC)})
