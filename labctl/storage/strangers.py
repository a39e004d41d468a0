"""Look before reading: a run file may come from anyone, and HDF5 can point and promise anything.

Each function refuses, with RunFileError, what no recorder writes: links out of the file, data
kept elsewhere, object types, and sizes that the file on the disk cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from labctl.errors import RunFileError
from labctl.storage.schema import FORMAT, FORMAT_VERSION, READABLE_FEATURES

__all__ = [
    "attribute",
    "check_format",
    "check_size",
    "dataset",
    "group",
    "names",
    "scalar",
    "translated",
]

#: Nothing known at the start of a run (configuration included) comes near this.
_MAX_SCALAR_BYTES: Final = 64 * 1024 * 1024


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn every error of HDF5 while reading into RunFileError."""
    try:
        yield
    except RunFileError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise RunFileError(f"{path} is damaged: {error}") from error


def check_format(path: Path, file: h5py.File) -> int:
    """Return the format version of the open file, if this program can read it."""
    kind = file.attrs.get("format") if "format" in file.attrs else None
    if kind != FORMAT:
        found = f"its format is {kind!r}" if isinstance(kind, str) else "it has no format attribute"
        raise RunFileError(f"{path} is HDF5, but not a run file of labctl: {found}")
    version = attribute(path, file, "format_version", np.integer)
    if not 1 <= version <= FORMAT_VERSION:
        raise RunFileError(
            f"{path} has format version {version}; this labctl reads 1 to {FORMAT_VERSION}",
            hint="Update labctl to read it.",
        )
    _check_features(path, file)
    return int(version)


def _check_features(path: Path, file: h5py.File) -> None:
    if "required_features" not in file.attrs:
        return
    needed = str(attribute(path, file, "required_features", str)).split(",")
    unknown = [name for name in map(str.strip, needed) if name not in READABLE_FEATURES]
    if unknown:
        raise RunFileError(
            f"{path} needs {', '.join(unknown)}, which this labctl does not know",
            hint="Update labctl to read it.",
        )


def names(path: Path, parent: h5py.Group) -> list[str]:
    """Return the members of a group, all of them hard links."""
    members = list(parent)
    for name in members:
        _check_link(path, parent, name)
    return members


def group(path: Path, parent: h5py.Group, name: str) -> h5py.Group:
    """Return the member if it is a group of this very file."""
    member = _member(path, parent, name)
    if not isinstance(member, h5py.Group):
        raise RunFileError(f"{path} is damaged or foreign: {parent.name}/{name} is not a group")
    return member


def dataset(path: Path, parent: h5py.Group, name: str, dtype: np.dtype[Any]) -> h5py.Dataset:
    """Return the member if it is a column of exactly this type, stored in this very file."""
    member = _stored(path, _member(path, parent, name))
    if member.ndim != 1 or member.dtype != dtype:
        raise RunFileError(
            f"{path} is damaged or foreign: {member.name} is {member.dtype} {member.shape}, "
            f"not a column of {dtype}"
        )
    return member


def check_size(path: Path, rows: h5py.Dataset) -> None:
    """Refuse a column, written uncompressed, that is longer than its file."""
    claimed = int(rows.shape[0]) * int(rows.dtype.itemsize)
    available = path.stat().st_size
    if claimed > available:
        raise RunFileError(
            f"{path} is damaged or foreign: {rows.name} claims {claimed} bytes in a file "
            f"of {available}"
        )


def scalar(path: Path, parent: h5py.Group, name: str) -> str | int | float | bool:
    """Return a single value: text of fixed length, a number or a truth value."""
    member = _stored(path, _member(path, parent, name))
    kind = member.dtype.kind
    if member.shape != () or kind not in "Siufb" or member.dtype.itemsize > _MAX_SCALAR_BYTES:
        raise RunFileError(
            f"{path} is damaged or foreign: {member.name} is {member.dtype} {member.shape}, "
            "not a text or number"
        )
    value = member[()]
    if kind == "S":
        return bytes(value).decode("utf-8", "replace")
    result: int | float | bool = value.item()
    return result


def attribute(path: Path, owner: h5py.Group, name: str, kind: type[Any]) -> Any:
    """Return a scalar attribute of this kind."""
    if name not in owner.attrs:
        raise RunFileError(f"{path} is damaged or foreign: {owner.name} has no attribute {name}")
    value = owner.attrs[name]
    if not isinstance(value, kind):
        raise RunFileError(
            f"{path} is damaged or foreign: attribute {name} of {owner.name} "
            f"is {type(value).__name__}, not {kind.__name__}"
        )
    return value


def _member(path: Path, parent: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    if name not in parent:
        raise RunFileError(f"{path} is damaged or foreign: {parent.name} has no {name}")
    _check_link(path, parent, name)
    return parent[name]


def _check_link(path: Path, parent: h5py.Group, name: str) -> None:
    link = parent.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise RunFileError(
            f"{path} is refused: {parent.name}/{name} is a link ({type(link).__name__}); "
            "a run file holds its own data"
        )


def _stored(path: Path, member: h5py.Group | h5py.Dataset) -> h5py.Dataset:
    if not isinstance(member, h5py.Dataset):
        raise RunFileError(f"{path} is damaged or foreign: {member.name} is not a dataset")
    if member.dtype.hasobject:
        raise RunFileError(f"{path} is refused: {member.name} holds objects of variable length")
    if member.is_virtual or member.external:
        raise RunFileError(f"{path} is refused: {member.name} keeps its data in other files")
    return member
