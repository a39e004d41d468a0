"""Open a file whose writer died, without changing it."""

from __future__ import annotations

from pathlib import Path

import h5py

from labctl.errors import RunFileError
from labctl.storage.mending import mended_blocks
from labctl.storage.superblock import ClosedView, has_begun

__all__ = ["open_left_behind", "open_mended"]

_READ_ERRORS = (OSError, RuntimeError, ValueError, KeyError)
#: What a recorder creates last.
_LAST_CREATED = "entry/end/index"


def open_left_behind(path: Path) -> tuple[h5py.File, list[int]]:
    """Return the file as it would be had its writer closed it after the last commit.

    With it come the places of the blocks that had to be mended: none after kill -9.

    Raises:
        RunFileError: the writer died before it could record anything.
        OSError, RuntimeError, ValueError, KeyError: HDF5 cannot read it.
    """
    try:
        file, places = open_mended(path, was_closed=False)
        if not has_begun(path):
            # HDF5 writes in an order of its own, so every part has to be looked at.
            _look_at_all(file)
            file[_LAST_CREATED].id.get_storage_size()
    except _READ_ERRORS as error:
        if has_begun(path):
            raise
        raise RunFileError(
            f"{path} holds no run: its recorder died while it created the file, before anything "
            "was recorded",
            hint="It can be deleted.",
        ) from error
    return file, places


def open_mended(path: Path, *, was_closed: bool) -> tuple[h5py.File, list[int]]:
    """Return the file as its writer should have left it, and the places that were mended."""
    file = h5py.File(ClosedView(path), "r")
    try:
        instead = mended_blocks(path, file, was_closed=was_closed)
    except BaseException:
        file.close()
        raise
    if not instead:
        return file, []
    file.close()
    return h5py.File(ClosedView(path, instead), "r"), sorted(instead)


def _look_at_all(group: h5py.Group) -> None:
    for part in group.values():
        dict(part.attrs)
        if isinstance(part, h5py.Group):
            _look_at_all(part)
