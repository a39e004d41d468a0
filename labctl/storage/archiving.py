"""A smaller file of the same run: tags packed with HDF5's own scale-offset filter.

The filter is part of every HDF5 library, so h5py alone and every other reader unpack the rows
without noticing. The copy is compared with the original, tag by tag, before it takes its name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.plain import to_json_text
from labctl.storage.publishing import locked, published
from labctl.storage.reader import RunFile, open_run
from labctl.storage.scanning import OnProgress
from labctl.storage.schema import CHUNK_ROWS, escape_channel
from labctl.storage.strangers import group, names, translated
from labctl.storage.verifying import verify_run
from labctl.storage.writer_lock import has_live_writer
from labctl.tags.block import TagBlock

__all__ = ["Archived", "archive_run"]

_PACKED = ("delta", "channel")


@dataclass(frozen=True, slots=True)
class Archived:
    """What archiving saved."""

    path: Path
    bytes_before: int
    bytes_after: int

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self) | {"path": str(self.path)}


def archive_run(path: Path, on_progress: OnProgress | None = None) -> Archived:
    """Replace the file, in one step, by one with the same content and packed tags.

    Raises:
        RunFileError: the file is being written, unfinished, damaged or archived already, or the
            copy could not be written or differs. The file is then as it was.
    """
    if has_live_writer(path):
        raise RunFileError(f"{path} is still being written by its recorder; end that run first")
    found = verify_run(path)
    if found.state != "intact":
        raise RunFileError(
            f"{path} is {found.state}; only files that are closed and intact are archived",
            hint="`labctl verify` tells what is wrong, `labctl recover` makes a finished file.",
        )
    bytes_before = path.stat().st_size
    with locked(path), published(path, path) as partial:
        with translated(path), h5py.File(path, "r") as source:
            if _is_archived(source):
                raise RunFileError(f"{path} is archived already")
            with h5py.File(partial, "w", libver="latest") as copy:
                _copy(path, source, copy)
        with open_run(path) as original, open_run(partial) as packed:
            n_tags = sum(sums.tags for sums in found.taggers.values())
            _compare(original, packed, n_tags, on_progress)
    return Archived(path, bytes_before, path.stat().st_size)


def _is_archived(source: h5py.File) -> bool:
    taggers = source["entry/tags"].values()
    return any(tagger["delta"].scaleoffset is not None for tagger in taggers)


def _copy(path: Path, source: h5py.File, copy: h5py.File) -> None:
    _copy_attributes(source, copy)
    entry = _like(path, source, copy, "entry")
    for name in names(path, source["entry"]):
        if name != "tags":
            source["entry"].copy(name, entry)
    tags = _like(path, source["entry"], entry, "tags")
    for tagger in names(path, source["entry/tags"]):
        rows = source["entry/tags"][tagger]
        target = _like(path, source["entry/tags"], tags, tagger)
        for name in names(path, rows):
            if name in _PACKED:
                _pack(rows[name], target, name)
            else:
                rows.copy(name, target)


def _like(path: Path, source: h5py.Group, parent: h5py.Group, name: str) -> h5py.Group:
    target = parent.create_group(name)
    _copy_attributes(group(path, source, name), target)
    return target


def _copy_attributes(source: h5py.Group, target: h5py.Group) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value


def _pack(rows: h5py.Dataset, parent: h5py.Group, name: str) -> None:
    # Scale-offset 0 for integers: as many bits as each chunk needs, without loss. The filter
    # reserves one code for the fill value; a value that is in use makes it cost nothing.
    packed = parent.create_dataset(
        name,
        rows.shape,
        rows.dtype,
        maxshape=(None,),
        chunks=(CHUNK_ROWS,),
        scaleoffset=0,
        fillvalue=_largest_channel(rows) if name == "channel" else 0,
    )
    for first in range(0, rows.shape[0], CHUNK_ROWS):
        packed[first : first + CHUNK_ROWS] = rows[first : first + CHUNK_ROWS]


def _largest_channel(channel: h5py.Dataset) -> int:
    """Return the largest channel number among the first rows, escapes aside."""
    first = channel[:CHUNK_ROWS]
    return int(first[first != escape_channel(first.dtype)].max(initial=0))


def _compare(
    original: RunFile, packed: RunFile, n_tags: int, on_progress: OnProgress | None
) -> None:
    same = _texts(original) == _texts(packed) and original.figures() == packed.figures()
    if not same or dict(original.taggers) != dict(packed.taggers):
        raise _difference(original, "its records or its header")
    done = 0
    for name in original.taggers:
        try:
            pairs = zip(original.tags(name), packed.tags(name), strict=True)
            for block, other in pairs:
                if not _is_same(block, other):
                    raise _difference(original, f"{name} from {block.start_ps} ps")
                done += len(block)
                if on_progress is not None:
                    on_progress(done / max(1, n_tags))
        except ValueError as error:
            raise _difference(original, f"the number of blocks of {name}") from error


def _texts(run: RunFile) -> str:
    # As JSON text, because NaN differs from itself.
    return to_json_text(
        [
            run.metadata,
            run.end,
            run.points(),
            run.events(),
            run.parameters(),
            run.snapshots(),
            run.log(),
        ]
    )


def _is_same(block: TagBlock, other: TagBlock) -> bool:
    facts = (block.start_ps, block.stop_ps, block.lost, block.flags)
    return (
        facts == (other.start_ps, other.stop_ps, other.lost, other.flags)
        and np.array_equal(block.times_ps, other.times_ps)
        and np.array_equal(block.channels, other.channels)
    )


def _difference(original: RunFile, what: str) -> RunFileError:
    return RunFileError(
        f"the archived copy of {original.path} differs from it ({what}); the file is unchanged"
    )
