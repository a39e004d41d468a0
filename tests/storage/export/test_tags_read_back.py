"""Every format, read by a program that knows nothing of the writer."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import ptufile
import pytest
import tables
from numpy.typing import NDArray

from labctl.storage import Recorder, open_run
from labctl.storage.export import TAG_FORMATS, Export, plan_export
from labctl.tags.block import TagBlock
from labctl.tags.formats import open_tags

Record: TypeAlias = Callable[..., AbstractContextManager[Recorder]]
MakeBlock: TypeAlias = Callable[..., TagBlock]
Tags: TypeAlias = tuple[NDArray[Any], NDArray[Any]]

#: A PTU record holds 25 bits of time.
OVERFLOW_PS = 2**25
HOUR_PS = 3_600 * 10**12


def read_npz(path: Path) -> Tags:
    with np.load(path) as arrays:
        assert arrays["time_ps"].dtype == np.int64
        assert arrays["channel"].dtype == np.uint8
        return arrays["time_ps"], arrays["channel"]


def read_csv(path: Path) -> Tags:
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert header == ["time_ps", "channel"]
    values = np.array(lines, np.int64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def read_labctl(path: Path) -> Tags:
    blocks = list(open_tags(path).blocks())
    if not blocks:
        return np.empty(0, np.int64), np.empty(0, np.uint8)
    return (
        np.concatenate([block.times_ps for block in blocks]),
        np.concatenate([block.channels for block in blocks]),
    )


def read_ptufile(path: Path) -> Tags:
    with ptufile.PtuFile(path) as reference:
        assert reference.tags["MeasDesc_GlobalResolution"] == 1e-12
        records = reference.decode_records()
    records = records[records["channel"] >= 0]
    # ptufile counts inputs from 0, PicoQuant's demos and labctl from 1.
    return records["time"].astype(np.int64), records["channel"].astype(np.int64) + 1


def read_parquet(path: Path) -> Tags:
    table = pd.read_parquet(path)
    assert list(table.columns) == ["time_ps", "channel"]
    assert str(table["time_ps"].dtype) == "int64"
    return table["time_ps"].to_numpy(), table["channel"].to_numpy()


def read_pytables(path: Path) -> Tags:
    with tables.open_file(str(path)) as file:
        data = file.root.photon_data
        assert data.timestamps_specs.timestamps_unit.read() == 1e-12
        return data.timestamps.read(), data.detectors.read()


READERS: dict[str, Callable[[Path], Tags]] = {
    "npz": read_npz,
    "csv": read_csv,
    "qutag": read_labctl,
    "ptu": read_ptufile,
    "parquet": read_parquet,
    "photon-hdf5": read_pytables,
}
EVERY_FORMAT = pytest.mark.parametrize("to", TAG_FORMATS)


def export(run_path: Path, to: str, **options: Any) -> tuple[Path, Export]:
    target = run_path.with_suffix(f".{to}")
    with open_run(run_path) as run:
        plan = plan_export(run, to, of_points=False)
        n_bytes = plan.write(target, replaces=False, **options)
    assert n_bytes == target.stat().st_size
    return target, plan


@EVERY_FORMAT
def test_another_reader_finds_the_same_tags(
    tmp_path: Path, record: Record, block: MakeBlock, to: str
) -> None:
    """Dense and sparse parts; silences around whole overflow records, and one of an hour."""
    rng = np.random.default_rng(6)
    dense = np.cumsum(rng.integers(0, 3_000_000, 5_000))
    last_ps = int(dense[-1])
    silences_ps = [n * OVERFLOW_PS for n in (1, 2, 62, 63, 64, 126, 127, 128, 129)] + [HOUR_PS, 5]
    later = last_ps + np.cumsum(silences_ps)
    # Channels 3, 4 and 6 to 8 have no tags.
    channels = rng.choice(np.array([1, 2, 5], np.uint8), dense.size)
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block(dense, channels, 0, last_ps + 1))
        recorder.record("tdc", block([], [], last_ps + 1, last_ps + 2))
        recorder.record("tdc", block(later, [5] * 10 + [2], last_ps + 2))
        recorder.end("finished")

    path, plan = export(tmp_path / "run.h5", to)

    times_ps, numbers = READERS[to](path)
    np.testing.assert_array_equal(times_ps, np.concatenate([dense, later]))
    np.testing.assert_array_equal(numbers, [*channels.tolist(), *[5] * 10, 2])
    assert plan.rows == 5_011
    assert plan.warnings == ("the tags are simulated",)


@EVERY_FORMAT
def test_a_run_without_tags_gives_a_file_without_tags(
    tmp_path: Path, record: Record, to: str
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.end("finished")

    path, plan = export(tmp_path / "run.h5", to)

    times_ps, channels = read_labctl(path) if to == "ptu" else READERS[to](path)
    assert (times_ps.size, channels.size, plan.rows) == (0, 0, 0)


@pytest.mark.parametrize("to", ["npz", "qutag", "ptu", "parquet", "photon-hdf5"])
def test_more_tags_than_are_held_in_memory_come_in_order(
    tmp_path: Path, record: Record, block: MakeBlock, to: str
) -> None:
    n_tags = 1_500_000
    times_ps = np.arange(n_tags) * 1_009
    channels = (np.arange(n_tags) % 8 + 1).astype(np.uint8)
    with record(tmp_path / "run.h5") as recorder:
        for first in range(0, n_tags, 100_000):
            part = slice(first, first + 100_000)
            recorder.record("tdc", block(times_ps[part], channels[part]))
        recorder.end("finished")
    told: list[float] = []

    path, _ = export(tmp_path / "run.h5", to, tell=told.append)

    found_ps, numbers = READERS[to](path)
    np.testing.assert_array_equal(found_ps, times_ps)
    np.testing.assert_array_equal(numbers, channels)
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == pytest.approx(1.0)


def test_channels_of_two_bytes_keep_their_numbers(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    with record(tmp_path / "run.h5", n_channels=300) as recorder:
        recorder.record("tdc", block([1, 2], np.array([7, 299], np.uint16)))
        recorder.end("finished")
    path, _ = export(tmp_path / "run.h5", "npz")
    with np.load(path) as arrays:
        assert arrays["channel"].dtype == np.uint16
        assert arrays["channel"].tolist() == [7, 299]
    path, _ = export(tmp_path / "run.h5", "parquet")
    assert pd.read_parquet(path)["channel"].tolist() == [7, 299]


def test_a_ptu_file_holds_the_sync_the_last_input_and_the_silence_at_the_end(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    stop_ps = 100 * OVERFLOW_PS
    with record(tmp_path / "run.h5", n_channels=64) as recorder:
        recorder.record("tdc", block([0, 9, OVERFLOW_PS], [0, 64, 0], 0, stop_ps))
        recorder.end("finished")

    path, plan = export(tmp_path / "run.h5", "ptu")

    times_ps, channels = read_labctl(path)
    assert times_ps.tolist() == [0, 9, OVERFLOW_PS]
    assert channels.tolist() == [0, 64, 0]
    assert list(open_tags(path).blocks())[-1].stop_ps == stop_ps
    assert open_tags(path).warnings == ()
    assert plan.warnings == ("the tags are simulated",)
    with ptufile.PtuFile(path) as reference:
        # Three tags, an overflow before the third, and two records for the 99 after it.
        assert reference.tags["TTResult_NumberOfRecords"] == 6
        assert reference.tags["File_Comment"].startswith("SIMULATED test, labctl run ")
        assert reference.tags["MeasDesc_AcquisitionTime"] == stop_ps // 10**9


@EVERY_FORMAT
def test_a_step_backward_stays_as_recorded_except_over_an_overflow_of_ptu(
    tmp_path: Path, record: Record, block: MakeBlock, to: str
) -> None:
    with record(tmp_path / "run.h5") as recorder:
        recorder.record("tdc", block([5, OVERFLOW_PS + 7], [1, 2], 0))
        recorder.record("tdc", block([OVERFLOW_PS - 3, OVERFLOW_PS + 9], [1, 2]))
        recorder.end("finished")

    path, plan = export(tmp_path / "run.h5", to)

    assert plan.survey is not None
    assert plan.survey.steps_backward == 1
    assert "the times step backward 1 times" in plan.warnings[-1]
    times_ps = sorted(READERS[to](path)[0].tolist())
    moved = OVERFLOW_PS if to == "ptu" else OVERFLOW_PS - 3
    assert times_ps == [5, moved, OVERFLOW_PS + 7, OVERFLOW_PS + 9]
