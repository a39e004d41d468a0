"""Tags as qutools' quTAG writes them, uncompressed binary.

Layout (tdcbase.h 2019-11-29, `TDC_FileFormat`; quTAU manual V4.0, p. 25): 40 opaque header bytes,
here zeros, then records of 10 bytes, little-endian: int64 time in ps, int16 channel. Inputs are 1
to 20 and the start input 0 (`TDC_MAX_CHANNEL_NO`). Higher numbers are markers or unknown to
readers, so they are refused.
"""

from __future__ import annotations

from typing import BinaryIO, Final

import numpy as np

from labctl.storage.export.meter import Meter
from labctl.storage.export.survey import TagStream

__all__ = ["HIGHEST_CHANNEL", "write_qutag"]

HIGHEST_CHANNEL: Final = 20
_HEADER: Final = bytes(40)
_RECORD: Final = np.dtype([("time_ps", "<i8"), ("channel", "<i2")])


def write_qutag(file: BinaryIO, stream: TagStream, meter: Meter) -> None:
    """Write the header and a record per tag."""
    file.write(_HEADER)
    for times_ps, channels in stream.batches():
        records = np.empty(times_ps.size, _RECORD)
        records["time_ps"] = times_ps
        records["channel"] = channels
        file.write(records.tobytes())
        meter.advance(times_ps.size)
