"""Whether a run file is as its recorder wrote it, and what of it can be read if not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import h5py

from labctl.errors import RunFileError
from labctl.storage.names import part_number, run_parts
from labctl.storage.plain import from_json_object
from labctl.storage.record_table import Record
from labctl.storage.run_scan import RunScan
from labctl.storage.scanning import OnProgress, ScannedAppend, Share, TagScan
from labctl.storage.schema import END_STATUSES
from labctl.storage.strangers import group, names, scalar, translated
from labctl.storage.superblock import has_begun
from labctl.storage.writer_lock import has_live_writer

__all__ = [
    "Damage",
    "FileState",
    "TagSums",
    "Verification",
    "has_intact_configuration",
    "record_fault",
    "verify_parts",
    "verify_run",
]

FileState: TypeAlias = Literal["intact", "unfinished", "damaged"]

#: Streams whose records are no JSON.
_RAW_STREAMS = ("log", "figures")


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong, with the interval of tag time and the tags that it costs.

    `is_readable` when no checksum fails: then it was recorded so.
    """

    where: str
    what: str
    start_ps: int | None = None
    stop_ps: int | None = None
    tags_unreadable: int = 0
    is_readable: bool = False


@dataclass(frozen=True, slots=True)
class TagSums:
    """What of one tagger can be read.

    `tags` and `lost` add up the readable appends; `lost` are those that the recorder counted.
    `start_ps` to `stop_ps` spans all of them. `overlaps` are appends that begin before the one
    before them ends although no GAP says that the clock began again: taggers may deliver so.
    """

    appends: int = 0
    appends_unreadable: int = 0
    tags: int = 0
    lost: int = 0
    start_ps: int | None = None
    stop_ps: int | None = None
    overlaps: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What verify_run found.

    Attributes:
        state: "intact"; "unfinished" (sound, but growing or left behind by a writer that died);
            or "damaged".
        is_closed: its writer closed it; is_growing: its writer lives on this machine.
        status: how its end record says that the run ended, empty without one.
        taggers: sums of each readable tagger; records: readable records of each stream.
    """

    path: Path
    state: FileState
    is_closed: bool = False
    is_growing: bool = False
    status: str = ""
    taggers: Mapping[str, TagSums] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    damages: tuple[Damage, ...] = ()

    @property
    def is_sound(self) -> bool:
        """True when everything committed is as it was written."""
        return self.state != "damaged"

    @property
    def is_readable(self) -> bool:
        """True when no checksum fails, sound or not."""
        return all(damage.is_readable for damage in self.damages)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self) | {"path": str(self.path)}


def verify_run(path: Path, on_progress: OnProgress | None = None) -> Verification:
    """Return whether every committed append and record of this one file is as it was written.

    Looks at checksums, the index against itself and against the rows, the counts of tags, the
    order of times, and the header. A file that cannot be opened at all is damaged, too.
    """
    found = _verified(path, on_progress)
    if found.is_growing and not found.is_sound:
        # A row may have been read while it was being written; damage is still there later.
        return _verified(path, on_progress)
    return found


def verify_parts(path: Path, on_progress: OnProgress | None = None) -> tuple[Verification, ...]:
    """Return what `verify_run` finds in each file of the run; `path` is any of them.

    Progress counts files. A part that is missing between others damages the one after it.
    """
    found: list[Verification] = []
    parts = run_parts(path)
    for at, part in enumerate(parts):
        if at and part is parts[-1] and not has_begun(part):
            # Its writer was killed, or is on the way: nothing can be in it yet.
            found.append(Verification(part, "unfinished", is_growing=has_live_writer(part)))
            break
        share = _share(on_progress, at, len(parts))
        verification = verify_run(part, share)
        if share is not None:
            share(1.0)
        former = part_number(parts[at - 1]) if at else 0
        missing = tuple(
            Damage("run", f"part {number} of the run is missing", is_readable=True)
            for number in range(former + 1, part_number(part))
        )
        state: FileState = "damaged" if missing else verification.state
        damages = (*missing, *verification.damages)
        found.append(replace(verification, state=state, damages=damages))
    return tuple(found)


def _share(on_progress: OnProgress | None, at: int, total: int) -> OnProgress | None:
    return None if on_progress is None else lambda done: on_progress((at + done) / total)


def _verified(path: Path, on_progress: OnProgress | None) -> Verification:
    try:
        with RunScan(path) as scan:
            return _verification(scan, on_progress)
    except RunFileError as error:
        return Verification(path, "damaged", damages=(Damage("file", error.message),))


def _verification(scan: RunScan, on_progress: OnProgress | None) -> Verification:
    damages = [Damage(where, what) for where, what in scan.faults]
    damages += _header_damages(scan)
    total = sum(tagger.n_rows for tagger in scan.taggers.values())
    done = 0
    taggers: dict[str, TagSums] = {}
    for name, tagger in scan.taggers.items():
        share = Share(on_progress, done, total)
        taggers[name] = _tag_sums(scan.path, tagger, damages, share)
        done += tagger.n_rows
    records, status = _record_sums(scan, damages)
    sound: FileState = "intact" if scan.is_closed else "unfinished"
    return Verification(
        scan.path,
        "damaged" if damages else sound,
        scan.is_closed,
        scan.is_growing,
        status,
        taggers,
        records,
        tuple(damages),
    )


def _tag_sums(path: Path, tagger: TagScan, damages: list[Damage], share: Share) -> TagSums:
    sums = TagSums()
    try:
        with translated(path):
            for append in tagger:
                share.tell(append.at)
                if append.damage:
                    damages.append(_append_damage(append, tagger.header.name))
                sums = _added(sums, append)
    except RunFileError as error:
        damages.append(Damage(f"tagger {tagger.header.name}", error.message))
    return sums


def _append_damage(append: ScannedAppend, tagger: str) -> Damage:
    where = f"append {append.at} of {tagger}"
    if append.row is None:
        return Damage(where, append.damage)
    return Damage(
        where,
        append.damage,
        int(append.row["start_ps"]),
        int(append.row["stop_ps"]),
        int(append.row["tag_count"]) if append.block is None else 0,
        is_readable=append.block is not None,
    )


def _added(sums: TagSums, append: ScannedAppend) -> TagSums:
    sums = replace(
        sums,
        appends=sums.appends + 1,
        appends_unreadable=sums.appends_unreadable + (append.block is None),
    )
    block = append.block
    if block is None:
        return sums
    start_ps, stop_ps = block.start_ps, block.stop_ps
    return replace(
        sums,
        tags=sums.tags + len(block),
        lost=sums.lost + block.lost,
        # After a reconnect the clock may begin again.
        start_ps=start_ps if sums.start_ps is None else min(sums.start_ps, start_ps),
        stop_ps=stop_ps if sums.stop_ps is None else max(sums.stop_ps, stop_ps),
        overlaps=sums.overlaps + append.overlaps,
    )


def _record_sums(scan: RunScan, damages: list[Damage]) -> tuple[dict[str, int], str]:
    counts: dict[str, int] = {}
    status = ""
    for name, stream in scan.streams.items():
        counts[name] = 0
        try:
            with translated(scan.path):
                for scanned in stream:
                    damage = scanned.damage or record_fault(name, scanned.record)
                    if damage or scanned.record is None:
                        damages.append(Damage(f"record {scanned.at} of {name}", damage))
                        continue
                    counts[name] += 1
                    if name == "end":
                        status = str(from_json_object(scanned.record.data).get("status", ""))
        except RunFileError as error:
            damages.append(Damage(name, error.message))
    return counts, status


def record_fault(stream: str, record: Record | None) -> str:
    """Return what is wrong with a record whose checksum agrees, or an empty string."""
    if record is None or stream in _RAW_STREAMS:
        return ""
    try:
        values = from_json_object(record.data)
    except ValueError:
        return "it is no JSON object"
    if stream == "end" and values.get("status", END_STATUSES[0]) not in END_STATUSES:
        return f"the status {values['status']!r} is unknown"
    return ""


def _header_damages(scan: RunScan) -> list[Damage]:
    """Look at the header's facts one by one; only the configuration has a checksum."""
    damages: list[Damage] = []
    try:
        with translated(scan.path):
            header = group(scan.path, scan.entry, "header")
            found = names(scan.path, header)
    except RunFileError as error:
        return [Damage("header", error.message)]
    for name in found:
        try:
            with translated(scan.path):
                value = scalar(scan.path, header, name)
                if name.endswith("_json"):
                    json.loads(str(value))
        except RunFileError as error:
            damages.append(Damage(f"header {name}", error.message))
    if not has_intact_configuration(header):
        damages.append(Damage("header configuration", "it fails its checksum (SHA-256)"))
    return damages


def has_intact_configuration(header: h5py.Group) -> bool:
    """Return whether the text of instruments.toml agrees with its SHA-256, where both are there."""
    try:
        text, expected = header["configuration"][()], header["configuration_sha256"][()]
    except (KeyError, TypeError, OSError, RuntimeError):
        return True
    return hashlib.sha256(bytes(text)).hexdigest().encode() == bytes(expected)
