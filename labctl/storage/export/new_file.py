"""A file that appears whole under its name, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labctl.errors import RunFileError
from labctl.storage.durability import sync_data, sync_folder
from labctl.storage.export.photon_fields import is_photon_hdf5
from labctl.storage.schema import HDF5_SIGNATURE

__all__ = ["check_target", "new_file"]


def check_target(path: Path, *, replaces: bool) -> None:
    """Refuse a path at which nothing may be written.

    A run file is never replaced, whatever `replaces` says: of HDF5, only an export may be.

    Raises:
        RunFileError: the folder is missing, or something is there that may not be replaced.
    """
    if not path.parent.is_dir():
        raise RunFileError(f"{path} cannot be written: there is no folder {path.parent}")
    if path.is_dir():
        raise RunFileError(f"{path} is a folder; name a file with --out")
    if not path.exists():
        return
    if not replaces:
        raise _exists(path)
    try:
        with path.open("rb") as file:
            is_hdf5 = file.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE
    except OSError as error:
        raise RunFileError(f"{path} cannot be replaced: {error.strerror}") from error
    if is_hdf5 and not is_photon_hdf5(path):
        raise RunFileError(
            f"{path} is an HDF5 file and is not replaced by an export, not even with --force",
            hint="Name another file with --out.",
        )


@contextmanager
def new_file(path: Path, *, replaces: bool) -> Iterator[BinaryIO]:
    """Give a file under a temporary name, which gets its own name when all is on the disk.

    Raises:
        RunFileError: the file cannot be written, or exists and `replaces` is False.
    """
    check_target(path, replaces=replaces)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x+b") as file:
            yield file
            file.flush()
            sync_data(file.fileno())
        _rename(part, path, replaces=replaces)
        sync_folder(path.parent)
    except OSError as error:
        raise RunFileError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


def _rename(part: Path, path: Path, *, replaces: bool) -> None:
    if not replaces:
        # A link fails where the name was taken meanwhile. Not every file system has links.
        try:
            os.link(part, path)
        except FileExistsError as error:
            raise _exists(path) from error
        except OSError:
            check_target(path, replaces=False)
        else:
            return
    part.replace(path)


def _exists(path: Path) -> RunFileError:
    return RunFileError(f"{path} exists already", hint="Add --force to replace it.")
