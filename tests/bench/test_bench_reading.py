"""Speed of reading run files, with every checksum looked at, against a plain read of the file.

One core; 100 M tags at 10 Mcps on four channels; the file is in the system's cache, so that the
reader is measured and not the disk. Best of 5. The aims are 150 Mtag/s for a file as recorded and
0.5 s to open a run of 10 GB, which is measured with its pages dropped from the cache. Of that file
only the tags are made up: they are zeros that take no room on the disk; its index is complete.
"""

from __future__ import annotations

import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from labctl.storage import Recorder, RunHeader, TaggerHeader, archive_run, open_run
from labctl.storage.schema import CHUNK_ROWS, INDEX_ROW, INDEX_STRUCT, seal
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

TAGS = 100_000_000
RATE_HZ = 1e7
ROUNDS = 5
LARGE_TAGS = 2_000_000_000
POINTS = 2000
TAGGER = TaggerHeader(name="tdc", resolution_ps=1, n_channels=8, simulated=True)


def record(path: Path, n_blocks: int, n_points: int = 0) -> None:
    rng = np.random.default_rng(1)
    steps_ps = rng.exponential(1e12 / RATE_HZ, MAX_BLOCK_TAGS).astype(np.int64)
    times_ps = np.cumsum(steps_ps)
    channels = rng.integers(1, 5, MAX_BLOCK_TAGS).astype(np.uint8)
    span_ps = int(times_ps[-1]) + 1
    header = RunHeader(experiment="reading", simulated=True)
    with Recorder(path, header, [TAGGER], max_wait_s=120.0) as recorder:
        for n in range(n_blocks):
            start_ps = n * span_ps
            block = TagBlock(times_ps + start_ps, channels, start_ps, start_ps + span_ps)
            recorder.record("tdc", block)
        for number in range(1, n_points + 1):
            recorder.point(number, n_points, {"angle_deg": number, "a-b": 10 * number})
        recorder.end("finished")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reading") / "run.h5"
    record(path, TAGS // MAX_BLOCK_TAGS)
    return path


def read_file(path: Path) -> None:
    """Read the bytes of the file, into the same memory again and again."""
    memory = bytearray(1024 * 1024)
    with path.open("rb", buffering=0) as stream:
        while stream.readinto(memory):
            pass


def read_tags(path: Path) -> int:
    with open_run(path) as run:
        return sum(len(block) for block in run.tags())


def best_s(run: Callable[[], Any]) -> float:
    def once() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return min(once() for _ in range(ROUNDS))


def measure(benchmark: BenchmarkFixture, name: str, path: Path) -> None:
    n_tags = read_tags(path)
    file_s = best_s(lambda: read_file(path))
    timed: Any = benchmark  # pytest-benchmark's `pedantic` is untyped
    timed.pedantic(lambda: read_tags(path), rounds=ROUNDS)
    tags_s = timed.stats.stats.min
    size_mb = path.stat().st_size / 1e6
    text = (
        f"{n_tags / 1e6 / tags_s:.0f} Mtag/s, {size_mb / tags_s:.0f} MB/s, "
        f"{file_s / tags_s:.2f} of the read {size_mb / file_s:.0f} MB/s"
    )
    benchmark.extra_info["rate"] = text
    print(f"\n{name}: {text}")


def test_bench_reading_as_recorded(benchmark: BenchmarkFixture, recorded: Path) -> None:
    measure(benchmark, "as recorded", recorded)


def test_bench_reading_archived(
    benchmark: BenchmarkFixture, recorded: Path, tmp_path: Path
) -> None:
    path = shutil.copyfile(recorded, tmp_path / "run.h5")
    archive_run(path)
    measure(benchmark, "archived", path)


def test_bench_reading_left_behind(
    benchmark: BenchmarkFixture, recorded: Path, tmp_path: Path
) -> None:
    # As kill -9 leaves it: marked as open for writing and SWMR, its end not noted.
    path = shutil.copyfile(recorded, tmp_path / "run.h5")
    mark_open(path)
    measure(benchmark, "left behind by a killed writer", path)


def mark_open(path: Path) -> None:
    from labctl.storage.superblock import lookup3  # noqa: PLC0415 - used here only

    with path.open("r+b") as stream:
        head = bytearray(stream.read(48))
        head[11] = 0b101
        head[44:] = lookup3(bytes(head[:44])).to_bytes(4, "little")
        stream.seek(0)
        stream.write(head)


def make_large(path: Path) -> None:
    """Make a run of 10 GB: a recorded one whose rows are replaced by space that holds zeros."""
    small = path.with_name("small.h5")
    record(small, 1, POINTS)
    n_appends = LARGE_TAGS // CHUNK_ROWS
    with h5py.File(small, "r") as source, h5py.File(path, "w", libver="latest") as file:
        for name, value in source.attrs.items():
            file.attrs[name] = value
        source.copy("entry", file)
        tdc = file["entry/tags/tdc"]
        for name, dtype in (("delta", "<u4"), ("channel", "<u1")):
            del tdc[name]
            _allocate(tdc, name, dtype, n_appends * CHUNK_ROWS)
        del tdc["index"]
        rows = np.frombuffer(b"".join(index_rows(n_appends)), INDEX_ROW)
        tdc.create_dataset("index", data=rows, maxshape=(None,), chunks=(512,))
    small.unlink()


def _allocate(group: h5py.Group, name: str, dtype: str, n_rows: int) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((CHUNK_ROWS,))
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((n_rows,), (h5py.h5s.UNLIMITED,))
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, properties)


def index_rows(n_appends: int) -> list[bytes]:
    delta_crc32 = zlib.crc32(bytes(4 * CHUNK_ROWS))
    channel_crc32 = zlib.crc32(bytes(CHUNK_ROWS))
    second_ps = 10**12
    return [
        seal(
            INDEX_STRUCT.pack(
                n,
                n * CHUNK_ROWS,
                CHUNK_ROWS,
                CHUNK_ROWS,
                n * second_ps,
                n * second_ps,
                (n + 1) * second_ps,
                0,
                0,
                0,
                n,
                delta_crc32,
                channel_crc32,
            )
        )
        for n in range(n_appends)
    ]


def drop_pages(path: Path) -> None:
    with path.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="posix_fadvise: run this on Linux")
def test_bench_opening_10_gb(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    path = tmp_path / "large.h5"
    make_large(path)
    size_gb = path.stat().st_size / 1e9
    middle_s = LARGE_TAGS // CHUNK_ROWS // 2

    def open_it() -> None:
        with open_run(path) as run:
            assert run.status == "finished"

    def look_around() -> None:
        with open_run(path) as run:
            assert len(run.points()) == POINTS
            assert run.tag_counts()["tdc"] == LARGE_TAGS // CHUNK_ROWS * CHUNK_ROWS
            one_second = run.tags(start_s=middle_s, stop_s=middle_s + 1.0)
            assert sum(len(block) for block in one_second) == CHUNK_ROWS

    timed: Any = benchmark
    timed.pedantic(open_it, setup=lambda: drop_pages(path), rounds=ROUNDS)
    drop_pages(path)
    started = time.perf_counter()
    look_around()
    around_s = time.perf_counter() - started
    text = (
        f"{timed.stats.stats.max * 1e3:.0f} ms to open {size_gb:.1f} GB and read its end "
        f"(slowest of {ROUNDS}, cold); {around_s * 1e3:.0f} ms with all points, the number of "
        "tags and one second from the middle"
    )
    benchmark.extra_info["rate"] = text
    print(f"\nopening: {text}")
    path.unlink()
