"""The docstring of labctl.storage.schema, followed to the letter with h5py alone."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from labctl.storage import Recorder
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]


def is_good(row: Any) -> bool:
    raw = row.tobytes()
    return zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "little")


def decoded(path: Path) -> tuple[list[int], list[int]]:
    """Return times and channels of tagger `tdc`, one tag at a time with Python's integers."""
    with h5py.File(path, "r", swmr=True) as file:
        tdc = file["entry/tags/tdc"]
        rows = [row for row in tdc["index"][:] if is_good(row)]
        tail = [row for row in tdc["tail"][:] if is_good(row) and row["number"] == len(rows)]
        rows += sorted(tail, key=lambda row: int(row["revision"]))[-1:]
        times, channels = [], []
        for row in rows:
            part = slice(int(row["first_row"]), int(row["first_row"]) + int(row["row_count"]))
            delta, channel = tdc["delta"][part], tdc["channel"][part]
            assert zlib.crc32(delta.tobytes()) == row["delta_crc32"]
            assert zlib.crc32(channel.tobytes()) == row["channel_crc32"]
            now = int(row["t0_ps"])
            for step, number in zip(delta.tolist(), channel.tolist(), strict=True):
                if number == np.iinfo(channel.dtype).max:
                    now += step * 2**32
                else:
                    now += step
                    times.append(now)
                    channels.append(number)
    return times, channels


@pytest.mark.parametrize("n_channels", [8, 255])
def test_the_formulas_of_the_docstring_give_the_tags(
    tmp_path: Path, record: Record, block: MakeBlock, n_channels: int
) -> None:
    path = tmp_path / "run.h5"
    rng = np.random.default_rng(3)
    gaps = rng.choice([1, 1000, 2**32 - 1, 2**32, 10**13], 9000)
    times = np.cumsum(gaps) - 2**62
    channels = rng.integers(0, n_channels, times.size).astype(np.uint16)
    with record(path, n_channels=n_channels) as recorder:
        for first in (0, 300, 500, 5000):
            stop = {0: 300, 300: 500, 500: 5000, 5000: 9000}[first]
            stop_ps = times[stop] if stop < times.size else None
            recorder.record("tdc", block(times[first:stop], channels[first:stop], stop_ps=stop_ps))
            recorder.sync()
            # While it grows, of which the first steps are in the tail.
            assert decoded(path) == (times[:stop].tolist(), channels[:stop].tolist())
    assert decoded(path) == (times.tolist(), channels.tolist())


def test_records_are_slices_of_bytes(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.point(1, 2, {"counts": 5})
        recorder.point(2, 2, {"counts": 6})
        recorder.end("finished")
    with h5py.File(path, "r", swmr=True) as file:
        points = file["entry/points"]
        rows = points["index"][:]
        assert all(is_good(row) for row in rows)
        texts = [points["data"][row["offset"] :][: row["length"]].tobytes() for row in rows]
        assert [zlib.crc32(text) for text in texts] == rows["crc32"].tolist()
        assert [json.loads(text) for text in texts] == [{"counts": 5}, {"counts": 6}]
        assert rows["number"].tolist() == [1, 2]
        assert rows["total"].tolist() == [2, 2]
        assert json.loads(file["entry/end/data"][:].tobytes())["status"] == "finished"


def test_a_viewer_finds_the_rate_by_the_default_chain(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        for second in range(3):
            start_ps = second * 10**12
            times = start_ps + np.arange(5000 * (second + 1)) * 10**7
            recorder.record("tdc", block(times, start_ps=start_ps, stop_ps=start_ps + 10**12))
            recorder.sync()
    with h5py.File(path, "r", swmr=True) as file:
        assert (file.attrs["format"], file.attrs["format_version"]) == ("labctl-run", 1)
        found = file
        while "default" in found.attrs:
            found = found[found.attrs["default"]]
        assert found.attrs["NX_class"] == "NXdata"
        rate, time = found[found.attrs["signal"]], found[found.attrs["axes"]]
        assert rate[:].tolist() == pytest.approx([5000.0, 10000.0, 15000.0])
        assert time[:].tolist() == pytest.approx([1.0, 2.0, 3.0])
        assert (rate.attrs["units"], time.attrs["units"]) == ("Hz", "s")
        assert file["entry/title"].asstr()[()] == "test"
        assert file["entry/header/simulated"][()]


def test_no_object_of_variable_length_is_stored_as_data(tmp_path: Path, record: Record) -> None:
    with record(tmp_path / "run.h5"):
        pass
    objects: list[str] = []
    with h5py.File(tmp_path / "run.h5", "r", swmr=True) as file:
        file.visititems(
            lambda name, item: (
                objects.append(name)
                if isinstance(item, h5py.Dataset) and item.dtype.hasobject
                else None
            )
        )
    assert objects == []
