"""Reads the uncompressed binary time-tag files of qutools' quTAG.

Layout: 40 opaque header bytes, then records of 10 bytes, little-endian: int64 time, int16
channel ("Uncompressed binary format (40B header, 10B/time tag)", `TDC_FileFormat` in
qutools' tdcbase.h, 2019-11-29; quTAU manual V4.0, p. 25). Times are in the time base of the
device. For quTAG this is 1 ps and we read it so; the older quTAU counts in units of about
81 ps, which its files do not say, and must be converted before.

Channels (tdcbase.h): 1 to 20 are inputs, also of synchronized devices (`TDC_MAX_CHANNEL_NO`),
0 is the start input. Markers, where enabled, are stored as channels 100 to 104 and 200 to 203
(`TDC_enableMarkers`). They are coarse and are not detections, so they are left out and
counted as `markers_skipped`.

The format has no magic number. A file is taken for a quTAG recording by the extension
`.qutag`, or when its size and its first records fit: known channels, times that advance.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from labctl.errors import RunFileError
from labctl.tags.formats import _kernels
from labctl.tags.formats.ordering import ORDER_BOUND_PS
from labctl.tags.formats.record_source import Decoded, RecordArea, Records, RecordSource

__all__ = ["FORMAT", "QutagFormat"]

_HEADER_BYTES = 40
_RECORD = np.dtype([("time_ps", "<i8"), ("channel", "<i2")])
_N_CHANNELS = 21
_MARKERS = (*range(100, 105), *range(200, 204))
#: The sorter needs the end of each interval to fit into int64.
_LAST_TIME_PS = 2**63 - 2

#: Fewer records fit a foreign file by chance too often.
_MIN_RECORDS_WITHOUT_EXTENSION = 8
#: Nobody records at less than one tag in an hour.
_LARGEST_STEP_PS = 3_600 * 10**12
#: PicoQuant's unified files, and HDF5 ("Format Signature", HDF5 file format, II.A).
_FOREIGN_MAGIC = (b"PQTTTR", b"PQHISTO", b"\x89HDF\r\n\x1a\n")


class QutagFormat:
    """quTAG binary files, as `TDC_writeTimestamps(..., FORMAT_BINARY)` writes them."""

    name: Final = "qutag"
    description: Final = "qutools quTAG binary, 10 bytes per tag"

    def recognizes(self, path: Path, head: bytes) -> bool:
        """Tell by extension, or by the size and the first records."""
        if head.startswith(_FOREIGN_MAGIC):
            return False
        if path.suffix.lower() == ".qutag":
            return True
        n_bytes = path.stat().st_size - _HEADER_BYTES
        return n_bytes > 0 and n_bytes % _RECORD.itemsize == 0 and _is_plausible(head)

    def open(self, path: Path) -> RecordSource:
        """Check the size and return the source."""
        try:
            n_bytes = path.stat().st_size
            with path.open("rb") as file:
                header = file.read(_HEADER_BYTES)
        except OSError as error:
            raise RunFileError(f"{path}: cannot be read: {error.strerror}.") from error
        if n_bytes < _HEADER_BYTES:
            raise RunFileError(
                f"{path}: has {n_bytes} bytes, less than the {_HEADER_BYTES} of a quTAG header.",
                hint="Copy the file again.",
            )
        count, left_over = divmod(n_bytes - _HEADER_BYTES, _RECORD.itemsize)
        if left_over:
            raise RunFileError(
                f"{path}: is cut off: after {count} records of {_RECORD.itemsize} bytes, "
                f"{left_over} bytes are left over.",
                hint="Copy the file again, or shorten it to "
                f"{n_bytes - left_over} bytes to read what is whole. A file in the compressed "
                "format (5 bytes per tag) is not read; record uncompressed.",
            )
        return RecordSource(
            area=RecordArea(path, _HEADER_BYTES, _RECORD, count),
            format_name=self.name,
            resolution_ps=1,
            n_channels=_N_CHANNELS,
            header={"records": count, "header": header.hex()},
            new_decoder=partial(_QutagDecoder, path),
        )


class _QutagDecoder:
    """Splits records; refuses what no quTAG writes, as nothing else tells a foreign file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._n_markers = 0

    @property
    def counts(self) -> Mapping[str, int]:
        return {"markers_skipped": self._n_markers}

    def decode(self, records: Records, first: int) -> Decoded:
        records = records.view()
        records.flags.writeable = False
        times_ps = np.empty(records.size, np.int64)
        channels = np.empty(records.size, np.uint8)
        n_tags, n_markers, all_fit = _kernels.decode_qutag(records, times_ps, channels)
        if not all_fit or n_tags + n_markers != records.size:
            self._refuse_any(records["time_ps"], records["channel"], first)
        self._n_markers += n_markers
        return Decoded(times_ps[:n_tags], channels[:n_tags])

    def _refuse_any(self, times_ps: Records, numbers: Records, first: int) -> None:
        is_known = ((numbers >= 0) & (numbers < _N_CHANNELS)) | np.isin(numbers, _MARKERS)
        self._refuse((times_ps < 0) | (times_ps > _LAST_TIME_PS), times_ps, first, "time")
        self._refuse(~is_known, numbers, first, "channel")

    def _refuse(self, wrong: Records, values: Records, first: int, what: str) -> None:
        """Raise for the first wrong value."""
        if not wrong.any():
            return
        at = int(np.argmax(wrong))
        raise RunFileError(
            f"{self._path}: record {first + at} has the {what} {values[at]}, which no quTAG "
            f"writes (channels 0 to {_N_CHANNELS - 1}, markers 100 to 104 and 200 to 203, times "
            "from 0). The file is damaged or of another format.",
            hint="Record with the quTAG's uncompressed binary format, header included.",
        )


def _is_plausible(head: bytes) -> bool:
    """Tell whether the first records could be a quTAG's."""
    count = (len(head) - _HEADER_BYTES) // _RECORD.itemsize
    if count < _MIN_RECORDS_WITHOUT_EXTENSION:
        return False
    records = np.frombuffer(head, _RECORD, count, _HEADER_BYTES)
    times_ps, numbers = records["time_ps"], records["channel"]
    if not (((numbers >= 0) & (numbers < _N_CHANNELS)) | np.isin(numbers, _MARKERS)).all():
        return False
    if times_ps.min() < 0 or times_ps[-1] <= times_ps[0]:
        return False
    steps_ps = np.diff(times_ps)
    return bool(steps_ps.min() >= -ORDER_BOUND_PS and steps_ps.max() <= _LARGEST_STEP_PS)


FORMAT = QutagFormat()
