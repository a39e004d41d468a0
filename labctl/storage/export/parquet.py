"""Tags and points as Parquet, by pyarrow (optional: the extra `export`)."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any, BinaryIO

from labctl.errors import RunFileError
from labctl.storage.export.meter import Meter
from labctl.storage.export.survey import TagStream

__all__ = ["check_pyarrow", "write_parquet", "write_points_parquet"]


def check_pyarrow() -> None:
    """Raise RunFileError where pyarrow is not installed."""
    _pyarrow()


def write_parquet(file: BinaryIO, stream: TagStream, meter: Meter) -> None:
    """Write the columns `time_ps` and `channel`; the schema's metadata says of which run."""
    pa, pq = _pyarrow()
    facts = stream.run.metadata
    tagger = stream.run.taggers[stream.tagger]
    schema = pa.schema(
        [("time_ps", pa.int64()), ("channel", pa.from_numpy_dtype(stream.channel_type))],
        metadata={
            "labctl_run": str(facts.get("uid", "")),
            "experiment": str(facts.get("experiment", "")),
            "tagger": tagger.name,
            "resolution_ps": str(tagger.resolution_ps),
            "simulated": json.dumps(tagger.simulated),
        },
    )
    with pq.ParquetWriter(file, schema) as writer:
        for times_ps, channels in stream.batches():
            writer.write_table(pa.table([times_ps, channels], schema=schema))
            meter.advance(times_ps.size)


def write_points_parquet(file: BinaryIO, columns: dict[str, list[Any]]) -> None:
    """Write a row per point; a column whose values have no common type becomes JSON text."""
    pa, pq = _pyarrow()
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            arrays[name] = pa.array([None if one is None else json.dumps(one) for one in values])
    pq.write_table(pa.table(arrays), file)


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow as pa  # noqa: PLC0415  optional
        import pyarrow.parquet as pq  # noqa: PLC0415  optional
    except ImportError as error:
        raise RunFileError(
            "Parquet needs the package pyarrow, which is not installed",
            hint='Install it with: pip install "quantum-labctl[export]"',
        ) from error
    return pa, pq
