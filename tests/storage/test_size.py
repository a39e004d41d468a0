from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import h5py
import numpy as np
import pytest

from labctl.storage import Recorder, open_run
from labctl.storage.schema import CHUNK_ROWS, INDEX_ROW
from labctl.tags.block import TagBlock

Record = Callable[..., AbstractContextManager[Recorder]]
MakeBlock = Callable[..., TagBlock]

SECOND_PS = 10**12


def size_of_an_empty_run(path: Path, record: Record) -> int:
    with record(path):
        pass
    return path.stat().st_size


@pytest.mark.parametrize(
    ("rate_hz", "n_seconds", "bound"),
    [(100_000, 10, 5.1), (10_000, 20, 5.1), (1_000, 50, 10.1), (100, 200, 10.1), (1, 1000, 12.0)],
)
def test_bytes_per_tag_are_bounded_with_an_acknowledgement_per_second(
    tmp_path: Path, record: Record, rate_hz: int, n_seconds: int, bound: float
) -> None:
    rng = np.random.default_rng(rate_hz)
    n_tags = 0
    with record(tmp_path / "run.h5") as recorder:
        for second in range(n_seconds):
            times = np.sort(rng.integers(0, SECOND_PS, rng.poisson(rate_hz)))
            start_ps = second * SECOND_PS
            recorder.record(
                "tdc",
                TagBlock(
                    times + start_ps,
                    np.ones(times.size, np.uint8),
                    start_ps,
                    start_ps + SECOND_PS,
                ),
            )
            n_tags += times.size
            recorder.sync()
    # What the file has of whole chunks beyond its rows: at most one of each column.
    n_empty = size_of_an_empty_run(tmp_path / "empty.h5", record)
    chunks = CHUNK_ROWS * 5 + 512 * (INDEX_ROW.itemsize + 16)
    assert (tmp_path / "run.h5").stat().st_size - n_empty <= bound * n_tags + chunks
    with h5py.File(tmp_path / "run.h5", "r") as file:
        tdc = file["entry/tags/tdc"]
        n_bytes = sum(
            tdc[name].size * tdc[name].dtype.itemsize
            for name in ("delta", "channel", "index", "tail")
        )
    assert n_bytes <= bound * n_tags
    with open_run(tmp_path / "run.h5") as run:
        assert sum(len(part) for part in run.tags()) == n_tags


def test_a_tag_more_or_less_does_not_rewrite_the_chunk(
    tmp_path: Path, record: Record, block: MakeBlock
) -> None:
    path = tmp_path / "run.h5"
    with record(path) as recorder:
        recorder.record("tdc", block([0], stop_ps=1))
        recorder.sync()
        size = path.stat().st_size
        for at in range(1, 200):
            recorder.record("tdc", block([at], stop_ps=at + 1))
            recorder.sync()
        assert path.stat().st_size == size
