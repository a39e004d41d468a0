"""A file takes the name of a run only when it is whole, verified and on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labctl.errors import RunFileError
from labctl.storage.disk_space import free_space_fault
from labctl.storage.durability import sync_data, sync_folder
from labctl.storage.verifying import verify_run
from labctl.storage.writer_lock import WriterLock

__all__ = ["locked", "published"]


@contextmanager
def published(path: Path, source: Path, kept: Path | None = None) -> Iterator[Path]:
    """Give a path to write; at the end its file is verified, made durable and gets its name.

    With `kept`, the file that has this name until then gets that one.

    Raises:
        RunFileError: the disk has no room for a copy of `source`, the copy failed, or it is not
            sound. `path` is then as it was.
    """
    partial = path.with_name(path.name + ".partial")
    n_bytes = source.stat().st_size
    if free_space_fault(path, n_bytes) is not None:
        raise RunFileError(
            f"the disk of {path} has no room for a copy of {source}: {n_bytes / 1e6:.0f} MB needed"
        )
    try:
        yield partial
        copy = verify_run(partial)
        if not copy.is_readable:
            what = "; ".join(f"{damage.where}: {damage.what}" for damage in copy.damages[:3])
            raise RunFileError(f"the copy of {source} is not sound ({what}); nothing was changed")
        with partial.open("r+b") as stream:
            sync_data(stream.fileno())
        shutil.copymode(source, partial)
        if kept is not None:
            _keep(path, kept)
        partial.replace(path)
        sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        # HDF5 reports a full disk as RuntimeError as well as OSError.
        raise RunFileError(f"{path} could not be written: {error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the right to write this run file."""
    lock = WriterLock(path)
    try:
        yield
    finally:
        lock.release()


def _keep(source: Path, kept: Path) -> None:
    if kept.exists() and kept.samefile(source):
        return
    try:
        # A second name: at no moment is there no file of the run's own name.
        os.link(source, kept)
    except FileExistsError:
        raise
    except OSError:
        source.rename(kept)
