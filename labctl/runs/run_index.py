"""What a list of runs shows of each, and a process of its own that reads it from many files.

Reading one file takes milliseconds of pure Python. Thousands of them would hold a window's
interpreter for half a minute, so `python -m labctl.runs.run_index` reads them elsewhere: a path
per line comes in as JSON, a line of JSON that `to_line` made goes out.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from labctl.errors import RunFileError
from labctl.runs.finding import FoundRun, damaged, found_in, newest_first
from labctl.storage import open_run, run_parts

__all__ = ["IndexedRun", "Stamp", "from_line", "index_run", "is_note", "stamped_runs", "to_line"]

#: Time of the last change and size of a run's newest file, and how many files it has.
Stamp: TypeAlias = tuple[int, int, int]

#: Who speaks in the events of a run, besides instruments and people.
_MACHINERY: Final = frozenset({"run", "safe", "recorder", "disk"})
#: Acquisition comes first on a machine with few cores.
_NICE: Final = 10


@dataclass(frozen=True, slots=True)
class IndexedRun:
    """A run as a list shows it.

    Attributes:
        parameters: of its experiment, as JSON.
        notes: what people wrote into it.
    """

    found: FoundRun
    parameters: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def stamped_runs(folder: Path) -> dict[Path, Stamp]:
    """Return all runs in `folder` and below, newest first, with what tells that one has changed.

    A folder that is not there has none.
    """
    return {path: _stamp(path) for path in newest_first(folder)} if folder.is_dir() else {}


def index_run(path: Path) -> IndexedRun:
    """Return what a list shows of the run in this file; a damaged one says what is wrong."""
    try:
        with open_run(path) as run:
            found, metadata = found_in(run), run.metadata
            try:
                instruments = metadata.get("instruments") or {}
                notes = tuple(str(e["payload"]) for e in run.events() if is_note(e, instruments))
            except RunFileError:
                # Its events are damaged; the list still shows what its header and end say.
                notes = ()
            return IndexedRun(found, dict(metadata.get("parameters") or {}), notes)
    except RunFileError as error:
        return IndexedRun(damaged(path, error), {})


def is_note(event: Mapping[str, Any], instruments: Mapping[str, Any]) -> bool:
    """Return whether a person or a client wrote this event, not the machinery of the run."""
    source = str(event.get("source", ""))
    return (
        event.get("level") == "info"
        and source not in _MACHINERY
        and source not in instruments
        and not str(event.get("payload", "")).startswith("over: ")
    )


def to_line(run: IndexedRun) -> str:
    """Return the run as one line of JSON."""
    told = {"found": run.found.to_dict(), "parameters": run.parameters, "notes": run.notes}
    return json.dumps(told)


def from_line(line: str) -> IndexedRun:
    """Return the run that `to_line` told."""
    told = json.loads(line)
    found = FoundRun(**{**told["found"], "path": Path(told["found"]["path"])})
    return IndexedRun(found, told["parameters"], tuple(told["notes"]))


def _stamp(path: Path) -> Stamp:
    files = run_parts(path)
    try:
        facts = files[-1].stat()
    except OSError:  # removed meanwhile
        return 0, 0, 0
    return facts.st_mtime_ns, facts.st_size, len(files)


def _answer_lines() -> None:
    """Answer every path that is asked for, until nobody asks any more."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    for line in sys.stdin:
        sys.stdout.write(to_line(index_run(Path(json.loads(line)))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _answer_lines()
