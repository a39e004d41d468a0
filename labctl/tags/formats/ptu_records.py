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

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labctl.errors import RunFileError
from labctl.tags.block import Times
from labctl.tags.formats import _kernels
from labctl.tags.formats.record_source import Decoded, Records

__all__ = ["T2_LAYOUTS", "T3_TYPES", "T2Decoder", "T2Layout", "resolution_from_s", "ticks_to_ps"]

#: The sorter needs the end of each interval to fit into int64.
_LAST_TIME_PS = 2**63 - 2
#: See `resolution_from_s`.
_MAX_DENOMINATOR = 1_000_000

#: Bits of an overflow record that count overflows.
_ONE_EACH, _COUNTED = 0, 0x01FF_FFFF


@dataclass(frozen=True, slots=True)
class T2Layout:
    """How one type of T2 record is read; `count_mask` is of its overflow records."""

    name: str
    overflow_ticks: int
    count_mask: int = _COUNTED
    n_channels: int = 65
    is_picoharp: bool = False


#: By TTResultFormat_TTTRRecType.
T2_LAYOUTS: Mapping[int, T2Layout] = {
    0x00010203: T2Layout("PicoHarp 300 T2", 210_698_240, _ONE_EACH, 5, is_picoharp=True),
    0x00010204: T2Layout("HydraHarp V1 T2", 33_552_000, _ONE_EACH),
    0x01010204: T2Layout("HydraHarp V2 T2", 33_554_432),
    0x00010205: T2Layout("TimeHarp 260 N T2", 33_554_432),
    0x00010206: T2Layout("TimeHarp 260 P T2", 33_554_432),
    0x00010207: T2Layout("MultiHarp, PicoHarp 330 T2", 33_554_432),
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
        layout = self._layout
        unit = self._resolution_ps.numerator if self._resolution_ps.denominator == 1 else 1
        period = layout.overflow_ticks * unit
        base = self._overflows * period
        words: NDArray[np.uint32] = records.view()
        words.flags.writeable = False
        times = np.empty(words.size, np.int64)
        channels = np.empty(words.size, np.uint8)
        n_tags, n_overflows, n_markers, n_unknown = _kernels.decode_t2(
            words, layout.is_picoharp, layout.count_mask, base, period, unit, times, channels
        )
        # In Python's integers, as a damaged file can hold more overflows than int64 holds ps.
        total = self._overflows + n_overflows
        # No time field reaches two periods (28 bits of 210 698 240, 25 bits of 33 552 000).
        if (total + 2) * layout.overflow_ticks * max(
            self._resolution_ps, Fraction(1)
        ) > _LAST_TIME_PS:
            raise RunFileError(
                f"{self._path}: the overflows up to record {first + records.size} add up to more "
                "than the 106 days that fit into int64 picoseconds; the file is damaged."
            )
        self._overflows = total
        self._n_markers += n_markers
        self._n_unknown += n_unknown
        times_ps, reached_ps = times[:n_tags], total * period
        if self._resolution_ps.denominator != 1:
            times_ps = ticks_to_ps(times_ps, self._resolution_ps)
            reached = ticks_to_ps(np.array([reached_ps], np.int64), self._resolution_ps)
            reached_ps = int(reached[0])
        return Decoded(times_ps, channels[:n_tags], reached_ps)


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
