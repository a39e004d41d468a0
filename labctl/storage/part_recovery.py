"""Recovery of a whole run: each of its files that needs it, the others taken as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from labctl.errors import RunFileError
from labctl.storage.durability import sync_folder
from labctl.storage.names import first_part, part_number, part_path, run_parts
from labctl.storage.recovery import Recovery, recover_run, recover_run_in_place
from labctl.storage.scanning import OnProgress
from labctl.storage.superblock import has_begun
from labctl.storage.verifying import verify_run

__all__ = ["recover_parts", "recover_parts_in_place"]


def recover_parts(
    source: Path, destination: Path | None = None, on_progress: OnProgress | None = None
) -> tuple[Recovery, ...]:
    """Make a new run of all that is intact; return what was recovered, part by part.

    Without a destination, run.h5 becomes run.recovered.h5 in the same folder, and its second
    part run.recovered.part2.h5. A part that needs no recovery gets a second name (or is copied,
    where the file system has no hard links).

    Raises:
        RunFileError: as for `recover_run`, of any part; nothing new is left then.
    """
    parts = _begun(source)
    if len(parts) == 1:
        return (recover_run(parts[0], destination, on_progress),)
    damaged = _damaged(parts)
    first = first_part(source)
    target = destination or first.with_name(f"{first.stem}.recovered{first.suffix}")
    targets = {part: part_path(target, part_number(part)) for part in parts}
    for path in targets.values():
        if path.exists():
            raise RunFileError(f"{path} exists; a run is never overwritten")
    done: list[Recovery] = []
    written: list[Path] = []
    try:
        for part, share in _shares(parts, on_progress):
            if part in damaged:
                done.append(recover_run(part, targets[part], share))
            else:
                _take(part, targets[part])
            written.append(targets[part])
    except BaseException:
        # Half a run under the name of a whole one would be worse than none.
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return tuple(done)


def recover_parts_in_place(
    source: Path, on_progress: OnProgress | None = None
) -> tuple[Recovery, ...]:
    """Replace each file that needs it by a copy of all that is intact; return what was recovered.

    Raises:
        RunFileError: as for `recover_run_in_place`, of any part; the parts before it stay.
    """
    parts = _begun(source)
    if len(parts) == 1:
        return (recover_run_in_place(parts[0], on_progress),)
    damaged = _damaged(parts)
    return tuple(recover_run_in_place(part, share) for part, share in _shares(damaged, on_progress))


def _begun(source: Path) -> Sequence[Path]:
    """Return the files of the run, without a last one that its writer had not begun."""
    parts = run_parts(source)
    if len(parts) > 1 and not has_begun(parts[-1]):
        return parts[:-1]
    return parts


def _damaged(parts: Sequence[Path]) -> Sequence[Path]:
    found = [verify_run(part) for part in parts]
    damaged = [one.path for one in found if not (one.is_closed and one.is_readable)]
    if not damaged:
        raise RunFileError(
            f"{parts[0]} needs no recovery: its {len(parts)} parts were closed and are intact"
        )
    return damaged


def _shares(
    parts: Sequence[Path], on_progress: OnProgress | None
) -> Iterator[tuple[Path, OnProgress | None]]:
    """Yield each part with what tells its share of the whole progress."""
    for number, part in enumerate(parts):
        yield part, None if on_progress is None else _share(on_progress, number, len(parts))


def _share(on_progress: OnProgress, number: int, total: int) -> OnProgress:
    return lambda done: on_progress((number + done) / total)


def _take(part: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(part, target)
        except OSError:
            shutil.copy2(part, target)
        sync_folder(target.parent)
    except OSError as error:
        raise RunFileError(f"{target} could not be written: {error}") from error
