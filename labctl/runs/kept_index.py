"""The list of a folder of many runs, kept from one start of a program to the next.

It only saves time: each entry carries the stamp of its files, and whoever reads it compares. What
cannot be read or belongs to another version is as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from labctl.runs.run_index import IndexedRun, Stamp, from_line, to_line

__all__ = ["index_path", "keep_index", "kept_index"]

#: Raised whenever what `to_line` tells means something else.
_VERSION: Final = {"labctl_index": 1}


def index_path(folder: Path) -> Path:
    """Return where the list of `folder` is kept: in the user's cache, never beside the data."""
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
    return platformdirs.user_cache_path("labctl") / "runs" / f"{name}.jsonl"


def kept_index(folder: Path) -> dict[Path, tuple[Stamp, IndexedRun]]:
    """Return what was kept of the runs in `folder`."""
    found: dict[Path, tuple[Stamp, IndexedRun]] = {}
    try:
        version, *lines = index_path(folder).read_text(encoding="utf-8").splitlines()
        if json.loads(version) != _VERSION:
            return {}
        for line in lines:
            time_ns, size, files, told = json.loads(line)
            run = from_line(told)
            found[run.found.path] = ((int(time_ns), int(size), int(files)), run)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return found


def keep_index(folder: Path, known: Mapping[Path, tuple[Stamp, IndexedRun]]) -> None:
    """Keep this for the next time; where that is not possible, the next time takes longer."""
    path = index_path(folder)
    lines = [json.dumps(_VERSION)]
    lines += [json.dumps([*stamp, to_line(run)]) for stamp, run in known.values()]
    unfinished = path.with_suffix(".unfinished")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
        unfinished.replace(path)
