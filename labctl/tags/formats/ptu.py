"""Reads PicoQuant's PTU files (unified tagged header, T2 records).

Header: `labctl.tags.formats.ptu_header`; records: `labctl.tags.formats.ptu_records`. Where
the header's number of records and the size of the file disagree, every whole record that is
there is read, and `warnings` says so: a measurement that was broken off never got its count.

The first block begins at 0, the start of the measurement; the last one ends at the last
overflow or after the last tag. The header's acquisition time is not used for this: it says
what was planned, the records what was seen.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from labctl.errors import RunFileError
from labctl.tags.formats.ptu_header import MAGIC, PtuHeader, read_header
from labctl.tags.formats.ptu_records import (
    T2_LAYOUTS,
    T3_TYPES,
    T2Decoder,
    T2Layout,
    resolution_from_s,
)
from labctl.tags.formats.record_source import RecordArea, RecordSource

__all__ = ["FORMAT", "PtuFormat"]

_RECORD = np.dtype("<u4")
_RECORD_BITS = 32
#: 1 fs and 1 µs: far outside of every tagger, and inside what `ticks_to_ps` can do.
_FINEST_S, _COARSEST_S = 1e-15, 1e-6


class PtuFormat:
    """PicoQuant's unified time-tag files."""

    name: Final = "ptu"
    description: Final = "PicoQuant PTU, T2 mode"

    def recognizes(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - content decides
        """Tell by the magic number, whatever the extension."""
        return head.startswith(MAGIC.rstrip(b"\0"))

    def open(self, path: Path) -> RecordSource:
        """Read the header, check it against the file's size and return the source."""
        try:
            n_bytes = path.stat().st_size
            with path.open("rb") as file:
                header = read_header(path, file, n_bytes)
        except OSError as error:
            raise RunFileError(f"{path}: cannot be read: {error.strerror}.") from error
        layout = _layout(header)
        resolution_ps = _resolution_ps(header)
        count = _whole_records(header, n_bytes)
        facts, warnings = _compare_counts(header, count)
        return RecordSource(
            area=RecordArea(path, header.records_offset, _RECORD, count),
            format_name=self.name,
            resolution_ps=resolution_ps.numerator if resolution_ps.denominator == 1 else None,
            n_channels=layout.n_channels,
            header={**header.values, "record_type": layout.name, "records": count, **facts},
            header_warnings=warnings,
            new_decoder=partial(T2Decoder, path, layout, resolution_ps),
            start_ps=0,
        )


def _layout(header: PtuHeader) -> T2Layout:
    """Return the layout of the records, or say why they are not read."""
    kind = header.integer("TTResultFormat_TTTRRecType")
    if kind in T3_TYPES:
        raise RunFileError(
            f"{header.path}: holds {T3_TYPES[kind]} records (type 0x{kind:08X}); T3 files are "
            "not yet read.",
            hint="Measure in T2 mode, or read this file with the Python package ptufile.",
        )
    if kind not in T2_LAYOUTS:
        known = ", ".join(f"0x{one:08X} ({layout.name})" for one, layout in T2_LAYOUTS.items())
        raise RunFileError(
            f"{header.path}: TTResultFormat_TTTRRecType = 0x{kind & 0xFFFFFFFF:08X} is not a "
            f"known type of T2 record. Known: {known}.",
            hint="The header is damaged, or newer than this reader.",
        )
    bits = header.integer("TTResultFormat_BitsPerRecord")
    if bits != _RECORD_BITS:
        raise RunFileError(
            f"{header.path}: TTResultFormat_BitsPerRecord = {bits}, but every known type of "
            f"record has {_RECORD_BITS}; the header is damaged."
        )
    return T2_LAYOUTS[kind]


def _resolution_ps(header: PtuHeader) -> Fraction:
    """Return the unit of the times."""
    resolution_s = header.number("MeasDesc_GlobalResolution")
    if not (math.isfinite(resolution_s) and _FINEST_S <= resolution_s <= _COARSEST_S):
        raise RunFileError(
            f"{header.path}: MeasDesc_GlobalResolution = {resolution_s:g} s is outside "
            f"{_FINEST_S:g} s to {_COARSEST_S:g} s; the header is damaged."
        )
    return resolution_from_s(resolution_s)


def _whole_records(header: PtuHeader, n_bytes: int) -> int:
    """Return the number of records behind the header."""
    count, left_over = divmod(n_bytes - header.records_offset, _RECORD.itemsize)
    if left_over:
        raise RunFileError(
            f"{header.path}: is cut off: after {count} records of {_RECORD.itemsize} bytes, "
            f"{left_over} bytes are left over.",
            hint=f"Copy the file again, or shorten it to {n_bytes - left_over} bytes to read "
            "what is whole.",
        )
    return count


def _compare_counts(header: PtuHeader, count: int) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the difference from the header's count for metadata, and for the user."""
    stated = header.integer("TTResult_NumberOfRecords")
    if stated > count:
        missing = (
            f"The header promises {stated} records, the file holds {count}: "
            f"{stated - count} are missing at the end."
        )
        return {"records_missing": stated - count}, (missing,)
    if stated < count:
        extra = (
            f"The header promises {stated} records, the file holds {count}; all were read. "
            "The measurement may have been broken off before its header was completed."
        )
        return {"records_extra": count - stated}, (extra,)
    return {}, ()


FORMAT = PtuFormat()
