"""Tags and points as comma-separated text, UTF-8, with a line of column names (RFC 4180)."""

from __future__ import annotations

import csv
import io
from typing import Any, BinaryIO, Final

from labctl.storage.export.meter import Meter
from labctl.storage.export.survey import TagStream

__all__ = ["write_csv", "write_points_csv"]

#: Lines per write: as Python objects they take ten times the memory of the tags.
_LINES: Final = 65_536


def write_csv(file: BinaryIO, stream: TagStream, meter: Meter) -> None:
    """Write the columns `time_ps` and `channel`."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    text.write("time_ps,channel\r\n")
    for times_ps, channels in stream.batches():
        for first in range(0, times_ps.size, _LINES):
            part = slice(first, first + _LINES)
            pairs = zip(times_ps[part].tolist(), channels[part].tolist(), strict=True)
            text.write("".join(f"{time_ps},{channel}\r\n" for time_ps, channel in pairs))
            meter.advance(times_ps[part].size)
    text.detach()


def write_points_csv(file: BinaryIO, columns: dict[str, list[Any]]) -> None:
    """Write a line per point; what a point does not have stays empty."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    text.detach()
