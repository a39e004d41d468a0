"""Tags as a PicoQuant PTU file with generic T2 records.

Header and types of its entries: PicoQuant-Time-Tagged-File-Format-Demos, doc/apx_tagtypes.html;
records: doc/apx_tttrrecords.html. A record has 1 special bit, 6 bits of channel and 25 bits of
time; special channel 63 counts overflows of 2^25 in its time field. The sync (special channel 0)
is channel 0, inputs 1 to 64 have the codes 0 to 63. Times count 1 ps, so that none is rounded.

A tag that steps back over an overflow cannot be written; it is moved to that overflow. The
records end with the overflows up to the end of the recording, from which readers know how long
nothing came after the last tag.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from labctl.storage.export.meter import Meter
from labctl.storage.export.survey import TagStream
from labctl.tags.block import Times
from labctl.tags.formats.ptu_header import MAGIC

__all__ = ["HIGHEST_CHANNEL", "write_ptu"]

_Records: TypeAlias = NDArray[np.uint32]

HIGHEST_CHANNEL: Final = 64
#: rtGenericT2: MultiHarp and later.
_GENERIC_T2: Final = 0x0001_0207
_TIME_BITS: Final = 25
#: The field holds 2^25 - 1, but ptufile 2026.2 multiplies in 32 bits and misreads a count over 127;
#: with 63 a reader may even use signed ones. Silence costs 1.9 kB/s.
_LARGEST_COUNT: Final = 63
#: Records in memory at a time, 4 MiB.
_MAX_RECORDS: Final = 1 << 20
_SPECIAL: Final = 1 << 31
_OVERFLOW: Final = _SPECIAL | 63 << _TIME_BITS
_PS_PER_MS: Final = 10**9

_BOOL: Final = 0x0000_0008
_INT: Final = 0x1000_0008
_FLOAT: Final = 0x2000_0008
_DATE_TIME: Final = 0x2100_0008
_ANSI_TEXT: Final = 0x4001_FFFF
_EMPTY: Final = 0xFFFF_0008
#: Day 0 of a TDateTime.
_DAY_0: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - the format has no zone; we write UTC
_SECONDS_PER_DAY: Final = 86_400


def write_ptu(file: BinaryIO, stream: TagStream, meter: Meter) -> None:
    """Write header and records; the header again, of the same length, with their number."""
    file.write(_header(stream, 0))
    encoder = _T2Encoder()
    n_records = 0
    for times_ps, channels in stream.batches():
        for records in encoder.encode(times_ps, channels):
            file.write(records.tobytes())
            n_records += records.size
        meter.advance(times_ps.size)
    for records in encoder.silence_until(stream.survey.stop_ps or 0):
        file.write(records.tobytes())
        n_records += records.size
    file.seek(0)
    file.write(_header(stream, n_records))


class _T2Encoder:
    """Turns tags into records; carries the overflows from batch to batch."""

    def __init__(self) -> None:
        self._overflows = 0

    def encode(self, times_ps: Times, channels: NDArray[Any]) -> Iterator[_Records]:
        """Yield the records of a batch, a bounded number at a time however sparse it is."""
        reached = np.maximum.accumulate(np.maximum(times_ps >> _TIME_BITS, self._overflows))
        low = np.maximum(times_ps - (reached << _TIME_BITS), 0)
        numbers = channels.astype(np.int64)
        codes = np.where(numbers == 0, np.int64(_SPECIAL), (numbers - 1) << _TIME_BITS)
        words: NDArray[np.int64] = np.bitwise_or(codes, low)
        steps = np.diff(reached, prepend=self._overflows)
        ends = np.cumsum(_overflow_records(steps) + 1)
        first = 0
        while first < words.size:
            limit = (int(ends[first - 1]) if first else 0) + _MAX_RECORDS
            stop = max(int(np.searchsorted(ends, limit, side="right")), first + 1)
            # One silence alone may be longer than the bound, so it comes in parts.
            yield from self.silence_until(int(reached[first]) << _TIME_BITS)
            steps[first] = 0
            yield _with_overflows(words[first:stop], steps[first:stop])
            self._overflows = int(reached[stop - 1])
            first = stop

    def silence_until(self, stop_ps: int) -> Iterator[_Records]:
        """Yield the overflows up to a time, none where it lies behind."""
        count = max((stop_ps >> _TIME_BITS) - self._overflows, 0)
        self._overflows += count
        whole, rest = divmod(count, _LARGEST_COUNT)
        while whole:
            part = min(whole, _MAX_RECORDS)
            yield np.full(part, _OVERFLOW | _LARGEST_COUNT, "<u4")
            whole -= part
        if rest:
            yield np.array([_OVERFLOW | rest], "<u4")


def _overflow_records(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    return -(-steps // _LARGEST_COUNT)


def _with_overflows(words: NDArray[np.int64], steps: NDArray[np.int64]) -> _Records:
    """Return the tags' words, before each the overflow records that its step needs."""
    needed = _overflow_records(steps)
    places = np.cumsum(needed + 1) - 1
    records = np.full(int(places[-1]) + 1, _OVERFLOW | _LARGEST_COUNT, "<u4")
    records[places] = words
    is_after = needed > 0
    rest = steps[is_after] - (needed[is_after] - 1) * _LARGEST_COUNT
    records[places[is_after] - 1] = _OVERFLOW | rest
    return records


def _header(stream: TagStream, n_records: int) -> bytes:
    facts, survey = stream.run.metadata, stream.survey
    simulated = "SIMULATED " if stream.run.taggers[stream.tagger].simulated else ""
    uid = str(facts.get("uid", ""))
    begin = _days(facts)
    duration_ms = max(survey.stop_ps or 0, 0) // _PS_PER_MS
    entries = [
        # The same run gives the same identifier.
        _text("File_GUID", f"{{{uuid.uuid5(uuid.NAMESPACE_OID, f'labctl run {uid}')}}}".upper()),
        _text("CreatorSW_Name", "labctl"),
        _text("CreatorSW_Version", str(facts.get("labctl_version", ""))),
        *([_entry("File_CreatingTime", _DATE_TIME, struct.pack("<d", begin))] if begin else []),
        _text("File_Comment", f"{simulated}{facts.get('experiment', '')}, labctl run {uid}"),
        _integer("Measurement_Mode", 2),
        _integer("Measurement_SubMode", 0),
        _integer("TTResultFormat_TTTRRecType", _GENERIC_T2),
        _integer("TTResultFormat_BitsPerRecord", 32),
        _text("HW_Type", stream.tagger),
        _integer("HW_InpChannels", HIGHEST_CHANNEL),
        _entry("HW_ExternalRefClock", _BOOL, bytes(8)),
        _integer("MeasDesc_AcquisitionTime", duration_ms),
        _entry("MeasDesc_Resolution", _FLOAT, struct.pack("<d", 1e-12)),
        _entry("MeasDesc_GlobalResolution", _FLOAT, struct.pack("<d", 1e-12)),
        _integer("TTResult_SyncRate", 0),
        _integer("TTResult_StopAfter", duration_ms),
        _integer("TTResult_NumberOfRecords", n_records),
        _entry("Header_End", _EMPTY, bytes(8)),
    ]
    return MAGIC + b"1.0.00\0\0" + b"".join(entries)


def _days(facts: Mapping[str, Any]) -> float | None:
    try:
        begin = datetime.fromisoformat(str(facts["start_utc"])).replace(tzinfo=None)
    except (KeyError, ValueError):
        return None
    return (begin - _DAY_0).total_seconds() / _SECONDS_PER_DAY


def _entry(name: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<32siI8s", name.encode("ascii"), -1, kind, value)


def _integer(name: str, value: int) -> bytes:
    return _entry(name, _INT, struct.pack("<q", value))


def _text(name: str, value: str) -> bytes:
    # Texts end with a zero and fill up to the next multiple of 8 bytes.
    raw = value.encode("utf-8") + b"\0"
    raw += bytes(-len(raw) % 8)
    return _entry(name, _ANSI_TEXT, struct.pack("<q", len(raw))) + raw
