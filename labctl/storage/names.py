"""Names of run files: `<folder>/2026-11-23/2026-11-23T07-15-02_chsh_1a2b3c.h5`.

Date and time are UTC, like every time in the file, so that names sort in the order of the runs
through a change of clocks; colons are replaced because Windows does not allow them in names.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["new_uid", "run_path"]

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
    return folder / f"{utc:%Y-%m-%d}" / f"{utc:%Y-%m-%dT%H-%M-%S}_{name}_{uid}.h5"
