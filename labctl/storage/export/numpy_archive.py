"""Tags as NumPy's .npz: `numpy.load(path)["time_ps"]` and `["channel"]`.

Layout: a zip archive with an uncompressed .npy file per array (numpy.lib.format, NEP 1). The
shape stands before the data, so each array takes a pass of its own.
"""

from __future__ import annotations

import zipfile
from typing import BinaryIO

import numpy as np

from labctl.storage.export.meter import Meter
from labctl.storage.export.survey import TagStream

__all__ = ["write_npz"]


def write_npz(file: BinaryIO, stream: TagStream, meter: Meter) -> None:
    """Write int64 `time_ps` and `channel` as the run file has it."""
    arrays = (("time_ps", np.dtype("<i8")), ("channel", stream.channel_type))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for column, (name, dtype) in enumerate(arrays):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(
                    member,
                    {
                        "descr": np.lib.format.dtype_to_descr(dtype),
                        "fortran_order": False,
                        "shape": (stream.survey.tags,),
                    },
                )
                for batch in stream.batches():
                    member.write(batch[column].astype(dtype, copy=False).tobytes())
                    meter.advance(batch[column].size / len(arrays))
