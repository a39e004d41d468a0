"""Writes the points of a run as a table that every program reads."""

from __future__ import annotations

import csv
from pathlib import Path

from labctl.errors import RunFileError
from labctl.storage import open_run

__all__ = ["export_points", "points_path"]


def points_path(path: Path) -> Path:
    """Return where the points of a run go: beside its file."""
    return path.with_suffix(".points.csv")


def export_points(path: Path) -> str:
    """Write the points of a run as CSV, units in the names of the columns; return what was written.

    Raises:
        RunFileError: the run cannot be read or has no points, or the table cannot be written.
    """
    with open_run(path) as run:
        table = run.points_table()
    if not len(table):
        raise RunFileError(f"{path} holds no points; the run ended before its first one")
    target = points_path(path)
    # Under another name until it is whole: a full disk leaves no half of a table.
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows(zip(*(c.tolist() for c in table.columns.values()), strict=True))
        unfinished.replace(target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise RunFileError(f"{target} cannot be written: {error.strerror}") from error
    return f"wrote {len(table)} points to {target}"
