"""Finds run files in a folder by what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl.errors import ConfigError, RunFileError
from labctl.storage import RunFile, open_run
from labctl.storage.names import first_part, part_number

__all__ = ["FoundRun", "damaged", "find_runs", "found_in", "newest_first"]


@dataclass(frozen=True, slots=True)
class FoundRun:
    """One run file, or a damaged file with what is wrong in `reason`."""

    path: Path
    start_utc: str
    experiment: str
    uid: str
    status: str
    reason: str
    operator: str
    simulated: bool

    @property
    def badge(self) -> str:
        """What must not be missed in a list."""
        return "simulated" if self.simulated else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON carries it."""
        return {name: str(getattr(self, name)) for name in self.__slots__[:-1]} | {
            "simulated": self.simulated
        }


#: `2026-11-23T07-15-02`, with which the name of a run file begins.
_SECOND_CHARACTERS = 19


def find_runs(
    folder: Path,
    *,
    experiment: str | None = None,
    status: str | None = None,
    operator: str | None = None,
    date: str | None = None,
    text: str | None = None,
    limit: int = 20,
) -> list[FoundRun]:
    """Return the newest runs in `folder` and below that match, at most `limit`.

    `date` is the beginning of a UTC date: 2026, 2026-11 or 2026-11-23. A run of several files is
    found once, as its first.

    Raises:
        ConfigError: there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder} of runs yet")
    found: list[FoundRun] = []
    for path in newest_first(folder):
        run, everything = _look_at(path)
        wanted = {"experiment": experiment, "status": status, "operator": operator}
        if any(word not in (None, getattr(run, name)) for name, word in wanted.items()):
            continue
        if date is not None and not (run.start_utc or path.name).startswith(date):
            continue
        if text is not None and text.lower() not in everything.lower():
            continue
        found.append(run)
        if len(found) == limit:
            break
    return found


def newest_first(folder: Path) -> Iterator[Path]:
    """Yield the run files in `folder` and below, a run of several files as its first."""
    runs: dict[Path, Path] = {}
    for path in sorted(folder.rglob("*.h5"), key=part_number):
        runs.setdefault(first_part(path), path)
    yield from sorted(runs.values(), key=_age_key, reverse=True)


def _age_key(path: Path) -> tuple[str, float, str]:
    """Return what sorts files by age: names begin with the second, the rest is in the file."""
    try:
        written_s = path.stat().st_mtime
    except OSError:  # removed meanwhile
        written_s = 0.0
    return path.name[:_SECOND_CHARACTERS], written_s, path.name


def found_in(run: RunFile) -> FoundRun:
    """Return what an open run file says of itself.

    Raises:
        RunFileError: its end is damaged.
    """
    facts, end = run.metadata, run.end
    return FoundRun(
        run.path,
        str(facts.get("start_utc", "")),
        str(facts.get("experiment", "")),
        str(facts.get("uid", "")),
        run.status,
        str(end.get("reason", "")),
        str(facts.get("operator", "")),
        bool(facts.get("simulated")),
    )


def damaged(path: Path, error: RunFileError) -> FoundRun:
    """Return what can be said of a file that cannot be read."""
    return FoundRun(path, "", "", "", "damaged", str(error), "", simulated=False)


def _look_at(path: Path) -> tuple[FoundRun, str]:
    try:
        with open_run(path) as run:
            found = found_in(run)
            return found, f"{path} {found.reason} {dict(run.metadata)} {run.result}"
    except RunFileError as error:
        return damaged(path, error), str(path)
