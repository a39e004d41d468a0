"""Smaller files of the same run: tags packed with HDF5's own scale-offset filter.

The filter is part of every HDF5 library, so h5py alone and every other reader unpack the rows
without noticing. A copy takes its original's name when all of it was compared with the original,
read as any HDF5 reader reads it, and our own reader found every checksum right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import h5py
import numpy as np
from numpy.typing import NDArray

from labctl.errors import RunFileError
from labctl.storage.names import run_parts
from labctl.storage.new_hdf5 import new_hdf5
from labctl.storage.publishing import locked, published
from labctl.storage.scale_offset import PACKED_ROWS, create_packed, packed_chunks, write_packed
from labctl.storage.scanning import OnProgress
from labctl.storage.schema import escape_channel
from labctl.storage.strangers import group, names, translated
from labctl.storage.verifying import verify_parts
from labctl.storage.writer_lock import has_live_writer

__all__ = ["Archived", "archive_run"]

_PACKED: Final = ("delta", "channel")
#: Rows in memory at a time: whole chunks of either kind of column.
_SLAB_ROWS: Final = 64 * PACKED_ROWS
#: The share of checking the original in the progress.
_CHECKED: Final = 0.2

_Tell: TypeAlias = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Archived:
    """What archiving saved; the bytes of all parts, those that were packed before included."""

    path: Path
    bytes_before: int
    bytes_after: int
    parts: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self) | {"path": str(self.path)}


def archive_run(path: Path, on_progress: OnProgress | None = None) -> Archived:
    """Replace each file of the run, in one step, by one with the same content and packed tags.

    Raises:
        RunFileError: a file is being written, unfinished, damaged, or its copy could not be written
            or differs; or all are archived already. That file and those after it are as they were.
    """
    tell = on_progress or _tell_nobody
    parts = run_parts(path)
    for part in parts:
        if has_live_writer(part):
            raise RunFileError(f"{part} is still being written by its recorder; end that run first")
    for found in verify_parts(path, lambda done: tell(_CHECKED * done)):
        if found.state != "intact":
            raise RunFileError(
                f"{found.path} is {found.state}; only files that are closed and intact are "
                "archived",
                hint="`labctl verify` tells what is wrong, `labctl recover` makes a finished file.",
            )
    waiting = [part for part in parts if not _is_archived(part)]
    if not waiting:
        raise RunFileError(f"{path} is archived already")
    bytes_before = _size(parts)
    for number, part in enumerate(waiting):
        _archive_file(part, _share(tell, number, len(waiting)))
    tell(1.0)
    return Archived(path, bytes_before, _size(parts), len(parts))


def _archive_file(path: Path, tell: _Tell) -> None:
    with locked(path), published(path, path) as partial, h5py.File(path, "r") as source:
        n_rows = sum(int(tagger["delta"].shape[0]) for tagger in source["entry/tags"].values())
        with new_hdf5(partial, "latest") as copy:
            _copy(path, source, copy, _Passed(n_rows, tell))
        with h5py.File(partial, "r") as copy:
            _compare(path, source, copy)


class _Passed:
    """Counts the rows of `delta` that one pass has dealt with."""

    def __init__(self, total: int, tell: _Tell) -> None:
        self._total = max(1, total)
        self._tell = tell
        self._done = 0

    def add(self, column: h5py.Dataset, n_rows: int) -> None:
        """Count rows of this column, if it is one that counts."""
        if column.name.endswith("/delta"):
            self._done += n_rows
            self._tell(self._done / self._total)


def _copy(path: Path, source: h5py.File, copy: h5py.File, passed: _Passed) -> None:
    _copy_attributes(source, copy)
    entry = _like(path, source, copy, "entry")
    for name in names(path, source["entry"]):
        if name != "tags":
            source["entry"].copy(name, entry)
    tags = _like(path, source["entry"], entry, "tags")
    for tagger in names(path, source["entry/tags"]):
        rows = source["entry/tags"][tagger]
        target = _like(path, source["entry/tags"], tags, tagger)
        fills = {"delta": 0, "channel": _channel_fill(rows)}
        for name in names(path, rows):
            if name in _PACKED:
                _pack(rows[name], target, fills[name], passed)
            else:
                rows.copy(name, target)


def _like(path: Path, source: h5py.Group, parent: h5py.Group, name: str) -> h5py.Group:
    target = parent.create_group(name)
    _copy_attributes(group(path, source, name), target)
    return target


def _copy_attributes(source: h5py.Group, target: h5py.Group) -> None:
    for name, value in source.attrs.items():
        target.attrs[name] = value


def _pack(column: h5py.Dataset, parent: h5py.Group, fill: int, passed: _Passed) -> None:
    """Write the packed column and compare what HDF5 makes of it with what it was made of."""
    name = column.name.rpartition("/")[2]
    packed = create_packed(parent, name, column.shape[0], column.dtype, fill)

    def write(first: int, rows: NDArray[Any], chunks: Sequence[bytes]) -> None:
        write_packed(packed, first, chunks)
        if not np.array_equal(packed[first : first + rows.size], rows):
            raise _difference(Path(column.file.filename), f"{column.name} from row {first}")
        passed.add(column, rows.size)

    with ThreadPoolExecutor(1) as pool:
        waiting: tuple[int, NDArray[Any], Future[list[bytes]]] | None = None
        for first in range(0, column.shape[0], _SLAB_ROWS):
            rows = column[first : first + _SLAB_ROWS]
            # HDF5 unpacks one slab, without the interpreter's lock, while the next is packed.
            chunks = pool.submit(packed_chunks, rows, fill)
            if waiting is not None:
                write(waiting[0], waiting[1], waiting[2].result())
            waiting = (first, rows, chunks)
        if waiting is not None:
            write(waiting[0], waiting[1], waiting[2].result())


def _channel_fill(tagger: h5py.Group) -> int:
    """Return the fill value that makes the channels smallest: the escape, or a channel.

    As fill value, the escape costs every chunk one code; as a value, all bits in its chunk.
    """
    first = tagger["channel"][:PACKED_ROWS]
    escape = escape_channel(first.dtype)
    largest = int(first[first != escape].max(initial=0))
    saved_bits = 8 * first.dtype.itemsize - largest.bit_length()
    rows, tags = (tagger["index"].fields(name)[:] for name in ("row_count", "tag_count"))
    n_escapes = int(rows.sum(dtype=np.int64) - tags.sum(dtype=np.int64))
    n_chunks = -(-int(tagger["channel"].shape[0]) // PACKED_ROWS)
    return escape if n_escapes * saved_bits > n_chunks else largest


def _compare(path: Path, source: h5py.Group, copy: h5py.Group) -> None:
    """Raise unless both hold the same groups, attributes and values, byte by byte.

    The rows of packed columns were compared when they were written.
    """
    if list(source) != list(copy) or not _same_attributes(source, copy):
        raise _difference(path, source.name)
    for name in source:
        original, copied = source[name], copy[name]
        if isinstance(original, h5py.Group):
            _compare(path, original, copied)
        elif not _is_same_dataset(original, copied):
            raise _difference(path, original.name)


def _is_same_dataset(original: h5py.Dataset, copied: h5py.Dataset) -> bool:
    kinds = [(one.dtype, one.shape, one.maxshape) for one in (original, copied)]
    if kinds[0] != kinds[1] or not _same_attributes(original, copied):
        return False
    if original.shape == ():
        return _same_bytes(original[()], copied[()])
    if copied.scaleoffset is not None:
        return True
    slabs = (slice(at, at + _SLAB_ROWS) for at in range(0, original.shape[0], _SLAB_ROWS))
    return all(_same_bytes(original[slab], copied[slab]) for slab in slabs)


def _same_attributes(original: h5py.Group | h5py.Dataset, copied: Any) -> bool:
    texts = [{name: repr(value) for name, value in one.attrs.items()} for one in (original, copied)]
    return texts[0] == texts[1]


def _same_bytes(one: Any, other: Any) -> bool:
    # Bytes, because NaN differs from itself.
    first, second = (np.ascontiguousarray(values) for values in (one, other))
    return bool(np.array_equal(first.view(np.uint8), second.view(np.uint8)))


def _is_archived(path: Path) -> bool:
    with translated(path), h5py.File(path, "r") as file:
        taggers = list(file["entry/tags"].values())
        return bool(taggers) and all(tagger["delta"].scaleoffset is not None for tagger in taggers)


def _size(parts: tuple[Path, ...]) -> int:
    return sum(part.stat().st_size for part in parts)


def _share(tell: _Tell, number: int, total: int) -> _Tell:
    return lambda done: tell(_CHECKED + (1 - _CHECKED) * (number + done) / total)


def _tell_nobody(_: float) -> None:
    """Stand in for a caller who does not want to know."""


def _difference(path: Path, what: str) -> RunFileError:
    return RunFileError(f"the archived copy of {path} differs from it ({what}); it is unchanged")
