"""Decodes the T2 records of PicoQuant's time taggers.

Layouts and overflow periods: PicoQuant-Time-Tagged-File-Format-Demos, doc/apx_tttrrecords.html.
A record is 32 bits. It holds the time since the last overflow in units of the global
resolution, so that the time is (overflows x period + time) x resolution.

PicoHarp 300: 4 bits of channel, 28 of time. Channel 15 is special: an overflow where the
lowest 4 bits of the time are 0, else a marker. One overflow per record.

HydraHarp, TimeHarp 260, MultiHarp, PicoHarp 330 and generic: 1 special bit, 6 bits of
channel, 25 of time. Special channel 63 is an overflow, 0 the sync, 1 to 15 are markers. The
time field of an overflow counts overflows (0, an older style, means 1), except in HydraHarp
V1, where it is always one.

Channels are numbered as PicoQuant's demos do: the sync is 0, the inputs count from 1. Markers
are signals of a scanner or a gate, not detections, and coarser than tags: they are left out
and counted as `markers_skipped`. Codes that the description leaves undefined are left out and
counted as `records_unknown`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.errors import RunFileError
from labctl.tags.block import Times
from labctl.tags.formats.record_source import Decoded, Records

__all__ = ["T2_LAYOUTS", "T3_TYPES", "T2Decoder", "T2Layout", "resolution_from_s", "ticks_to_ps"]

_PICOHARP_CHANNELS = 5
_PICOHARP_SPECIAL = 15
_SYNC_CODE = 64
_FIRST_MARKER_CODE, _LAST_MARKER_CODE = 65, 79
_OVERFLOW_CODE = 127
#: Channel by 7-bit code (special bit, channel): inputs 0 to 63 are channels 1 to 64.
_CHANNEL_BY_CODE = np.array([*range(1, 65), *[0] * 64], np.uint8)
#: The sorter needs the end of each interval to fit into int64.
_LAST_TIME_PS = 2**63 - 2
#: See `resolution_from_s`.
_MAX_DENOMINATOR = 1_000_000

_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Fields:
    """The records of a chunk, taken apart; all arrays have one entry per record."""

    is_tag: _Mask
    is_marker: _Mask
    overflows: NDArray[np.int64]
    channels: NDArray[np.uint8]
    ticks: NDArray[np.int64]
    n_unknown: int


@dataclass(frozen=True, slots=True)
class T2Layout:
    """How one type of T2 record is read."""

    name: str
    overflow_ticks: int
    n_channels: int
    split: Callable[[NDArray[np.uint32]], _Fields]


def _split_picoharp(records: NDArray[np.uint32]) -> _Fields:
    codes = (records >> 28).astype(np.uint8)
    is_tag = codes < _PICOHARP_CHANNELS
    is_special = codes == _PICOHARP_SPECIAL
    is_marker = is_special & (records & 0xF != 0)
    n_known = np.count_nonzero(is_tag) + np.count_nonzero(is_special)
    return _Fields(
        is_tag,
        is_marker,
        (is_special & ~is_marker).astype(np.int64),
        codes,
        (records & 0x0FFF_FFFF).astype(np.int64),
        int(records.size - n_known),
    )


def _split_hydraharp(records: NDArray[np.uint32], overflows: NDArray[np.int64]) -> _Fields:
    codes = (records >> 25).astype(np.uint8)
    is_tag = codes <= _SYNC_CODE
    is_marker = (codes >= _FIRST_MARKER_CODE) & (codes <= _LAST_MARKER_CODE)
    is_overflow = codes == _OVERFLOW_CODE
    n_known = sum(int(np.count_nonzero(mask)) for mask in (is_tag, is_marker, is_overflow))
    return _Fields(
        is_tag,
        is_marker,
        np.where(is_overflow, overflows, 0),
        _CHANNEL_BY_CODE[codes],
        (records & 0x01FF_FFFF).astype(np.int64),
        records.size - n_known,
    )


def _split_hydraharp_v1(records: NDArray[np.uint32]) -> _Fields:
    return _split_hydraharp(records, np.ones(records.size, np.int64))


def _split_hydraharp_v2(records: NDArray[np.uint32]) -> _Fields:
    return _split_hydraharp(records, np.maximum((records & 0x01FF_FFFF).astype(np.int64), 1))


#: By TTResultFormat_TTTRRecType.
T2_LAYOUTS: Mapping[int, T2Layout] = {
    0x00010203: T2Layout("PicoHarp 300 T2", 210_698_240, _PICOHARP_CHANNELS, _split_picoharp),
    0x00010204: T2Layout("HydraHarp V1 T2", 33_552_000, 65, _split_hydraharp_v1),
    0x01010204: T2Layout("HydraHarp V2 T2", 33_554_432, 65, _split_hydraharp_v2),
    0x00010205: T2Layout("TimeHarp 260 N T2", 33_554_432, 65, _split_hydraharp_v2),
    0x00010206: T2Layout("TimeHarp 260 P T2", 33_554_432, 65, _split_hydraharp_v2),
    0x00010207: T2Layout("MultiHarp, PicoHarp 330 T2", 33_554_432, 65, _split_hydraharp_v2),
}

#: Types of T3 records, which are recognized in order to say what to do.
T3_TYPES: Mapping[int, str] = {
    0x00010303: "PicoHarp 300 T3",
    0x00010304: "HydraHarp V1 T3",
    0x01010304: "HydraHarp V2 T3",
    0x00010305: "TimeHarp 260 N T3",
    0x00010306: "TimeHarp 260 P T3",
    0x00010307: "MultiHarp, PicoHarp 330 T3",
}


class T2Decoder:
    """Decodes the records of one pass; carries the overflows from chunk to chunk."""

    def __init__(self, path: Path, layout: T2Layout, resolution_ps: Fraction) -> None:
        self._path = path
        self._layout = layout
        self._resolution_ps = resolution_ps
        self._overflows = 0
        self._n_markers = 0
        self._n_unknown = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Markers and unknown records so far."""
        return {"markers_skipped": self._n_markers, "records_unknown": self._n_unknown}

    def decode(self, records: Records, first: int) -> Decoded:
        """Return the tags; the time reached is that of the last overflow."""
        fields = self._layout.split(records)
        period = self._layout.overflow_ticks
        # In Python's integers, as a damaged file can hold more overflows than int64 holds ps.
        total = self._overflows + int(fields.overflows.sum())
        # No time field reaches two periods (28 bits of 210 698 240, 25 bits of 33 552 000).
        if (total + 2) * period * max(self._resolution_ps, Fraction(1)) > _LAST_TIME_PS:
            raise RunFileError(
                f"{self._path}: the overflows up to record {first + records.size} add up to more "
                "than the 106 days that fit into int64 picoseconds; the file is damaged."
            )
        wraps = np.cumsum(fields.overflows) + self._overflows
        ticks = wraps[fields.is_tag] * period + fields.ticks[fields.is_tag]
        self._overflows = total
        self._n_markers += int(np.count_nonzero(fields.is_marker))
        self._n_unknown += fields.n_unknown
        reached = ticks_to_ps(np.array([total * period], np.int64), self._resolution_ps)
        return Decoded(
            ticks_to_ps(ticks, self._resolution_ps),
            fields.channels[fields.is_tag],
            int(reached[0]),
        )


def resolution_from_s(resolution_s: float) -> Fraction:
    """Return the resolution in ps as the simple number that the header's float stands for.

    The header has the resolution in seconds as a float, which holds neither 4e-12 nor
    2.5e-11 exactly; and a product of floats may be off in its last digit. The nearest
    fraction of picoseconds with a denominator of at most 10**6 is what was meant: 4, 25,
    or 250/3 for 12 GHz. Times computed from it have no rounding error that grows.
    """
    return (Fraction(repr(resolution_s)) * 10**12).limit_denominator(_MAX_DENOMINATOR)


def ticks_to_ps(ticks: NDArray[np.int64], resolution_ps: Fraction) -> Times:
    """Return round(ticks x resolution), half upward, exact for every tick count.

    With resolution p/q, ticks = whole x q + rest gives whole x p + rest x p / q, where the
    remaining division is of numbers far below 2**63. Ticks are not negative.
    """
    p, q = resolution_ps.numerator, resolution_ps.denominator
    if q == 1:
        return ticks * p
    whole, rest = np.divmod(ticks, q)
    result: NDArray[Any] = whole * p + (rest * p + q // 2) // q
    return result
