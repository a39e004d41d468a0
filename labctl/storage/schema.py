"""The layout of a run file, format "labctl-run" version 1.

A run file is HDF5 written with `libver="latest"`. Every group, dataset and attribute exists
before SWMR begins; afterwards rows are appended and nothing else changes. Any HDF5 reader opens
it with `h5py.File(path, "r", swmr=True)` while it grows, after the end, and after kill -9.

```
/                      NXroot   @format "labctl-run"  @format_version 1  @default "entry"
  entry/               NXentry  @default "tags"
    title start_time entry_identifier program_name       scalar strings (NeXus)
    header/            NXcollection: one scalar per fact known at the start (text is UTF-8 of fixed
                       length; a name that ends in _json holds JSON; see `labctl.storage.header`)
    tags/              NXcollection  @default <first tagger>
      <tagger>/        NXdata  @signal "rate_hz"  @axes "time_s"
                       @resolution_ps @n_channels @channel_names (JSON) @simulated
        delta          u4 (rows,)  chunks of 256 Ki
        channel        u1 (rows,)  chunks of 256 Ki; u2 when the tagger has over 254 channels
        index          INDEX_ROW (appends,)
        tail           INDEX_ROW (2,)
        rate_hz time_s f8 (appends,)  for viewers only: tags / (stop_ps - start_ps) of an append
                       against the seconds from the stream's first start_ps to the append's stop_ps
    points/ events/ parameters/ log/ snapshots/ figures/ end/
                           NXcollection, one record stream each
      data             u1 (bytes,)
      index            RECORD_ROW (records,)
```

**Tags.** An append is a run of rows of `delta` and `channel`, described by one index row. Its
times are, with all arithmetic modulo 2^64:

    escape = channel == all ones                  (255 for u1, 65535 for u2; never a channel)
    step   = delta * 2**32 where escape else delta
    time   = (t0_ps + cumsum(step))[not escape]   channel = channel[not escape]

`t0_ps` is where the steps count from: the first tag of the append's first block, or its `start_ps`
when that block is empty. A gap of 2^32 ps (4.29 ms) or more costs one escape row before its tag:
five bytes, paid only where needed. Any pair of int64 times is representable, a backward step
included.

**Commit.** Rows count only when an index row covers them. `first_row`, `row_count`: the rows;
`tag_count`: the tags among them; `start_ps`, `stop_ps`: the covered interval, half-open;
`utc_ns`: the host's UTC clock when its last block was handed over (maps tag time to UTC);
`delta_crc32`, `channel_crc32`: zlib.crc32 over the little-endian bytes of its rows; `flags`:
`labctl.tags.block.TagFlags`; `lost`: tags known to be lost inside the interval; `number`: its
place in `index`, from 0; `check`: zlib.crc32 over the row's own bytes before `check`. A row of
zeros fails its check: HDF5 may extend a dataset before it writes the row (a killed writer leaves
such rows at the end; they are not committed). Blocks that adjoin and have neither flags nor
losses share an append; every other block is an append of its own.

**Tail.** At low rates a row per second would outweigh the tags. An append of fewer than 4096 rows
is therefore committed in `tail` first: the two slots are overwritten in turn, `revision` counting
up through the whole run, until the append is complete and moves to `index`. So the last
acknowledged state is never the one being overwritten. Use the slot with a good `check`,
`number == len(index)` (uncommitted rows not counted) and the higher `revision`; if there is none,
the file has no tail.

**Record streams.** Record i is `data[offset : offset + length]`; `crc32` covers these bytes;
`utc_ns` is when it was recorded; `number` and `total` are those of the point (points) or the
record's ordinal from 1 and 0; `check` as above. The bytes are UTF-8: a line of text in `log`,
JSON elsewhere, where NaN and Infinity may stand for numbers as Python writes them. Members:

    points      the point's values
    events      level, source, payload
    parameters  instrument, setting, value, unit
    snapshots   moment ("start", "change" or "end"), instruments
    figures     not JSON: the figure's name in UTF-8, a zero byte, and a PNG file
    end         status ("finished", "aborted" or "failed"), reason, stop_utc, result,
                planned, taken, repeated

A file without an `end` record was interrupted, or is still being written. `labctl recover` gives
the copy of an interrupted run an `end` record with a reason and without a status, and notes
`recovered_utc` in its header (`configuration_damaged` where that text could not be read).
`labctl archive` rewrites `delta` and `channel` of a closed file through HDF5's scaleoffset filter,
in chunks of 16 Ki; every HDF5 reader undoes it, and values are the same.

**Parts.** A run that outgrows the size limit goes on in a next file beside the first: run.h5, then
run.part2.h5, run.part3.h5. Each is a whole file of this layout, with the same header but for `part`
(from 1; absent means 1) and `former_part` (the name of the file before). Streams go on where the
former part ended; it was closed, and all of it on the disk, before the next one took anything. Only
the last part has an `end`. run.nxs is the master file, see `labctl.storage.master`.

**Order of writing.** Data are flushed before the index rows that cover them, index rows before
fdatasync; only then are they acknowledged. While fdatasync runs, rows may be appended, but no
index row is written and no slot of a tail overwritten before it has returned. So a killed process
leaves a consistent file, and after a power loss all that was acknowledged is there; a row whose
data did not arrive fails its crc.

**Compatibility.** Every labctl reads the files of all versions up to its own, forever; fixtures of
each version, written by the program that introduced it, are tests. It writes the newest version
only and never rewrites a file to a newer one. Within a version, datasets, attributes, groups and
header entries may be added, and readers ignore what they do not know. What an older reader would
misread is named in the root attribute `required_features` (names with commas between; absent where
none), and a reader refuses a name it does not know. `format_version` counts up when nothing less
than that will do; a reader refuses one above its own. Either refusal is one error that says to
update. How HDF5 stores a dataset (chunks, its own built-in filters) is no part of the version.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHUNK_ROWS",
    "END_STATUSES",
    "FORMAT",
    "FORMAT_VERSION",
    "HDF5_SIGNATURE",
    "INDEX_ROW",
    "INDEX_STRUCT",
    "MAX_APPEND_ROWS",
    "MAX_APPEND_TAGS",
    "READABLE_FEATURES",
    "RECORD_ROW",
    "RECORD_STRUCT",
    "STREAMS",
    "TAIL_ROWS",
    "Rows",
    "channel_dtype",
    "escape_channel",
    "passes_check",
    "seal",
]

Rows: TypeAlias = NDArray[Any]

FORMAT: Final = "labctl-run"
FORMAT_VERSION: Final = 1
#: What `required_features` may name; version 1 needed none until now.
READABLE_FEATURES: Final[frozenset[str]] = frozenset()
#: HDF5 File Format Specification 3.0, section II.A: the first eight bytes.
HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

#: Rows per chunk of `delta` and `channel`.
CHUNK_ROWS: Final = 256 * 1024
#: An append takes no further block beyond this; without escapes it then fills one chunk.
MAX_APPEND_TAGS: Final = CHUNK_ROWS
#: What a reader accepts: escapes double the rows, and tags of one time are never parted.
MAX_APPEND_ROWS: Final = 4 * 1024 * 1024
#: A shorter append stays in the tail: 84 bytes per 2048 tags (with escapes) are 0.04 per tag.
TAIL_ROWS: Final = 4096
#: Channel numbers of a u1 dataset end at 254, because 255 is the escape.
_MAX_U1_CHANNELS: Final = 254

STREAMS: Final = ("points", "events", "parameters", "log", "snapshots", "figures", "end")
END_STATUSES: Final = ("finished", "aborted", "failed")

INDEX_ROW: Final = np.dtype(
    [
        ("number", "<u8"),
        ("first_row", "<u8"),
        ("row_count", "<u4"),
        ("tag_count", "<u4"),
        ("t0_ps", "<i8"),
        ("start_ps", "<i8"),
        ("stop_ps", "<i8"),
        ("utc_ns", "<i8"),
        ("lost", "<u8"),
        ("flags", "<u4"),
        ("revision", "<u4"),
        ("delta_crc32", "<u4"),
        ("channel_crc32", "<u4"),
        ("check", "<u4"),
    ]
)

RECORD_ROW: Final = np.dtype(
    [
        ("offset", "<u8"),
        ("length", "<u4"),
        ("crc32", "<u4"),
        ("utc_ns", "<i8"),
        ("number", "<i8"),
        ("total", "<i8"),
        ("check", "<u4"),
    ]
)


_STRUCT_CODES: Final = {"<u4": "I", "<u8": "Q", "<i8": "q"}


def _struct_of(row: np.dtype[Any]) -> struct.Struct:
    fields = (row.names or ())[:-1]
    # NumPy's own type characters mean platform sizes; these are the standard ones of `struct`.
    return struct.Struct("<" + "".join(_STRUCT_CODES[row[name].str] for name in fields))


#: Pack the fields before `check`; a hundred times faster than filling a NumPy record.
INDEX_STRUCT: Final = _struct_of(INDEX_ROW)
RECORD_STRUCT: Final = _struct_of(RECORD_ROW)


def channel_dtype(n_channels: int) -> np.dtype[Any]:
    """Return the type of the channel dataset: u1, or u2 for more than 254 channels."""
    return np.dtype("<u1" if n_channels <= _MAX_U1_CHANNELS else "<u2")


def escape_channel(dtype: np.dtype[Any]) -> int:
    """Return the reserved channel value whose delta counts units of 2^32 ps."""
    return int(np.iinfo(dtype).max)


def seal(body: bytes) -> bytes:
    """Return a whole row: the packed fields with their `check` behind them."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def passes_check(rows: Rows) -> NDArray[np.bool_]:
    """Return for each row whether its `check` agrees with its bytes."""
    stored = rows["check"]
    size = rows.dtype.itemsize
    raw = rows.tobytes()
    body = size - rows.dtype["check"].itemsize
    computed = (zlib.crc32(raw[at : at + body]) for at in range(0, len(raw), size))
    return np.asarray(np.fromiter(computed, np.uint32, rows.size) == stored)
