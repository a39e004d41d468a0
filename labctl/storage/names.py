"""Names of run files: `<folder>/2026-11-23/2026-11-23T07-15-02_chsh_1a2b3c.h5`.

Date and time are UTC, like every time in the file, so that names sort in the order of the runs
through a change of clocks; colons are replaced because Windows does not allow them in names.

A run that outgrows the size limit goes on in `..._1a2b3c.part2.h5`, then `.part3.h5`, beside its
first file; `..._1a2b3c.nxs` is the master file that joins them.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = [
    "MASTER_SUFFIX",
    "first_part",
    "master_path",
    "new_uid",
    "part_number",
    "part_path",
    "run_parts",
    "run_path",
]

MASTER_SUFFIX: Final = ".nxs"
_RUN_SUFFIX: Final = ".h5"
_PART: Final = re.compile(r"(?P<stem>.+)\.part(?P<number>[1-9][0-9]{0,8})")
#: Windows refuses paths over 260 characters; an experiment's name needs no more than this.
_MAX_NAME: Final = 48


def new_uid() -> str:
    """Return six random hexadecimal digits that tell runs of the same second apart."""
    return secrets.token_hex(3)


def run_path(folder: Path, experiment: str, uid: str, start: datetime) -> Path:
    """Return where the run's file goes; nothing is created.

    Raises:
        ValueError: `start` has no time zone.
    """
    if start.tzinfo is None:
        raise ValueError(f"start {start.isoformat()} has no time zone; give it one, such as UTC")
    utc = start.astimezone(UTC)
    name = re.sub(r"[^A-Za-z0-9-]+", "_", experiment).strip("_")[:_MAX_NAME] or "run"
    return folder / f"{utc:%Y-%m-%d}" / f"{utc:%Y-%m-%dT%H-%M-%S}_{name}_{uid}{_RUN_SUFFIX}"


def first_part(path: Path) -> Path:
    """Return the name of the run's first file, from that of any part or of the master file."""
    if path.suffix == MASTER_SUFFIX:
        return path.with_suffix(_RUN_SUFFIX)
    found = _PART.fullmatch(path.stem)
    return path.with_name(found["stem"] + path.suffix) if found else path


def part_number(path: Path) -> int:
    """Return which part of its run a file is by its name, from 1."""
    found = _PART.fullmatch(path.stem)
    return int(found["number"]) if found else 1


def part_path(first: Path, number: int) -> Path:
    """Return the name of a part of the run whose first file is `first`."""
    return first if number == 1 else first.with_name(f"{first.stem}.part{number}{first.suffix}")


def master_path(path: Path) -> Path:
    """Return the name of the master file of the run with this part."""
    return first_part(path).with_suffix(MASTER_SUFFIX)


def run_parts(path: Path) -> tuple[Path, ...]:
    """Return the files of a run that are there, in order; `path` is any of them or the master.

    Goes by names alone. When there is none, the one that was asked for.
    """
    first = first_part(path)
    try:
        siblings = {file.name: file for file in first.parent.iterdir()}
    except OSError:
        return (path,)
    pattern = re.compile(re.escape(first.stem) + r"\.part[1-9][0-9]{0,8}" + re.escape(first.suffix))
    later = [file for name, file in siblings.items() if pattern.fullmatch(name)]
    found = [first] * (first.name in siblings) + sorted(later, key=part_number)
    return tuple(found) or (path,)
