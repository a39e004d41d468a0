"""Speed of the counting functions against a compiled read of the same arrays.

Inputs: A 2 x 1 Mcps with 10 % pairs, sigma 100 ps; B 16 x 0.5 Mcps. One core,
20 M tags, best of 5, Mtag/s and the ratio to the read. LLVM vectorizes the read, which runs at
the speed of the memory: ratios are harsh where it does.

To reach, as a share of the read: A two-fold 0.32; A histogram 0.18; B matrix 0.20 with delays of
±30 ns and 0.08 with any; live bundle 100 Mtag/s without and 60 with fibre delays; two cores 1.6
times one; first call within 0.3 s of the import, 10 s with an empty cache; memory grows less
than 50 MB over 1e9 tags.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from labctl.analysis import (
    CorrelationAnalyzer,
    LiveBundle,
    MatrixAnalyzer,
    PairAnalyzer,
    coincidence_matrix,
    count_pairs,
    count_rates,
    cross_correlation,
    split_for_threads,
)
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
TAGS = 20_000_000
ROUNDS = 5


@njit(cache=True, nogil=True)
def read(times_ps: NDArray[np.int64], channels: NDArray[np.uint8]) -> int:
    total = 0
    for i in range(times_ps.size):
        total += times_ps[i] + channels[i]
    return total


def in_order(times_ps: NDArray[np.int64], channels: NDArray[np.uint8]) -> Tags:
    order = np.argsort(times_ps, kind="stable")
    return times_ps[order], channels[order]


@pytest.fixture(scope="module")
def two_channels() -> Tags:
    rng = np.random.default_rng(1)
    per_channel, span_ps = TAGS // 2, 10**13
    pairs = rng.integers(0, span_ps, per_channel // 10)
    alone = rng.integers(0, span_ps, (2, per_channel - pairs.size))
    jittered = pairs + np.rint(rng.normal(0, 100, pairs.size)).astype(np.int64)
    times_ps = np.concatenate((pairs, alone[0], jittered, alone[1]))
    return in_order(times_ps, np.repeat(np.arange(2, dtype=np.uint8), per_channel))


@pytest.fixture(scope="module")
def sixteen_channels() -> Tags:
    rng = np.random.default_rng(2)
    times_ps = rng.integers(0, TAGS // 8 * 10**6, TAGS)
    return in_order(times_ps, rng.integers(0, 16, TAGS).astype(np.uint8))


def blocks(tags: Tags) -> list[TagBlock]:
    times_ps, channels = tags
    cuts_ps = [*times_ps[::MAX_BLOCK_TAGS].tolist(), int(times_ps[-1]) + 1]
    places = np.searchsorted(times_ps, cuts_ps).tolist()
    return [
        TagBlock(times_ps[first:last], channels[first:last], start_ps, stop_ps)
        for first, last, start_ps, stop_ps in zip(
            places, places[1:], cuts_ps, cuts_ps[1:], strict=False
        )
    ]


def seconds(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(benchmark: BenchmarkFixture, name: str, tags: Tags, count: Callable[[], Any]) -> None:
    """Print Mtag/s, best of 5, and the ratio to the compiled read, both in this process."""
    read_s = min(seconds(lambda: read(*tags)) for _ in range(ROUNDS + 1))
    count()
    run: Any = benchmark  # pytest-benchmark's `pedantic` is untyped
    run.pedantic(count, rounds=ROUNDS)
    count_s = run.stats.stats.min
    size = tags[0].size / 1e6
    text = f"{size / count_s:.0f} Mtag/s, {read_s / count_s:.3f} of the read {size / read_s:.0f}"
    benchmark.extra_info["rate"] = text
    print(f"\n{name}: {text}")


def streamed(tags: Tags, make: Callable[[], Any]) -> Callable[[], Any]:
    ready = blocks(tags)

    def run() -> Any:
        analyzer = make()
        for block in ready:
            analyzer.update(block)
        return analyzer.result()

    return run


def test_speed_of_singles(benchmark: BenchmarkFixture, two_channels: Tags) -> None:
    measure(benchmark, "A rates", two_channels, lambda: count_rates(*two_channels, 2))


def test_speed_of_two_fold(benchmark: BenchmarkFixture, two_channels: Tags) -> None:
    measure(benchmark, "A matrix", two_channels, lambda: coincidence_matrix(*two_channels, 2, 2000))


@pytest.mark.parametrize("convention", ["any_partner", "greedy_one_to_one"])
def test_speed_of_conventions(
    benchmark: BenchmarkFixture, two_channels: Tags, convention: Any
) -> None:
    measure(
        benchmark,
        f"A {convention}",
        two_channels,
        lambda: count_pairs(*two_channels, 2, [(0, 1)], 2000, None, convention),
    )


def test_speed_of_histogram(benchmark: BenchmarkFixture, two_channels: Tags) -> None:
    measure(
        benchmark,
        "A histogram ±50 ns",
        two_channels,
        lambda: cross_correlation(*two_channels, 2, [(0, 1)], 50_000, 100),
    )


@pytest.mark.parametrize(
    "largest_ps", [0, 1000, 30_000, 100_000, 1_000_000, 240_000_000, 1_000_000_000]
)
def test_speed_of_streamed_matrix(
    benchmark: BenchmarkFixture, sixteen_channels: Tags, largest_ps: int
) -> None:
    delays_ps = np.random.default_rng(3).integers(-largest_ps, largest_ps + 1, 16)
    run = streamed(sixteen_channels, lambda: MatrixAnalyzer(16, 2000, delays_ps))
    measure(benchmark, f"B matrix, delays ±{largest_ps / 1000:g} ns", sixteen_channels, run)


def test_speed_of_streamed_pairs(benchmark: BenchmarkFixture, sixteen_channels: Tags) -> None:
    run = streamed(sixteen_channels, lambda: PairAnalyzer(16, [(0, 1), (2, 3)], 2000))
    measure(benchmark, "B two pairs of 16 channels", sixteen_channels, run)


def test_speed_of_streamed_histograms(benchmark: BenchmarkFixture, sixteen_channels: Tags) -> None:
    pairs = [(0, 1), (2, 3), (4, 5), (6, 7)]
    run = streamed(sixteen_channels, lambda: CorrelationAnalyzer(16, pairs, 50_000, 100))
    measure(benchmark, "B four histograms ±50 ns", sixteen_channels, run)


@pytest.mark.parametrize("largest_ps", [0, 30_000, 240_000_000])
def test_speed_of_live_bundle(
    benchmark: BenchmarkFixture, sixteen_channels: Tags, largest_ps: int
) -> None:
    pairs = [(0, 1), (2, 3), (4, 5), (6, 7)]
    delays_ps = np.random.default_rng(3).integers(-largest_ps, largest_ps + 1, 16)
    run = streamed(sixteen_channels, lambda: LiveBundle(16, 2000, pairs, 50_000, 100, delays_ps))
    name = f"B rates + matrix + 4 histograms, delays ±{largest_ps / 1000:g} ns"
    measure(benchmark, name, sixteen_channels, run)


@pytest.mark.parametrize("largest_ps", [0, 30_000, 240_000_000])
@pytest.mark.parametrize("size", [1 << 20, TAGS])
def test_speed_on_two_cores(
    benchmark: BenchmarkFixture, sixteen_channels: Tags, size: int, largest_ps: int
) -> None:
    """Blocks, each counted by two threads, against the same blocks counted by one."""
    delays_ps = np.random.default_rng(3).integers(-largest_ps, largest_ps + 1, 16)
    reach_ps = 1000 + 2 * largest_ps
    times_ps, channels = sixteen_channels
    whole = [(times_ps[k : k + size], channels[k : k + size]) for k in range(0, TAGS, size)]

    def count(tags: Any) -> Any:
        times, numbers = tags[:2]
        return coincidence_matrix(times, numbers, 16, 2000, delays_ps).counts

    def one_core() -> Any:
        return sum(count(tags) for tags in whole)

    def two_cores(pool: ThreadPoolExecutor) -> Any:
        total = np.zeros((16, 16), dtype=np.int64)
        for tags in whole:
            parts = split_for_threads(*tags, 2, reach_ps)
            shared = parts[1].n_shared
            total += sum(pool.map(count, parts))
            total -= count((parts[1].times_ps[:shared], parts[1].channels[:shared]))
        return total

    with ThreadPoolExecutor(2) as pool:
        assert np.array_equal(two_cores(pool), one_core())
        one_s = min(seconds(one_core) for _ in range(ROUNDS))
        name = f"B matrix on two cores, {size} tags, delays ±{largest_ps / 1000:g} ns"
        measure(benchmark, name, sixteen_channels, lambda: two_cores(pool))
    run: Any = benchmark
    print(f"{name}: {one_s / run.stats.stats.min:.2f} times one core")


FIRST_CALLS = """
import time
started = time.perf_counter()
import numpy as np
from labctl.analysis import LiveBundle
from labctl.tags.block import TagBlock
times = np.arange(100_000, dtype=np.int64) * 125_000
block = TagBlock(times, (np.arange(100_000) % 16).astype(np.uint8), 0, 125_000 * 100_000)
own = time.perf_counter()
import numba, scipy.linalg  # numba imports the latter at its first call
imported = time.perf_counter()
for delay in (0, 30_000, 240_000_000):
    bundle = LiveBundle(16, 2000, [(0, 1)], 50_000, 100, np.arange(16) * delay)
    bundle.update(block)
    bundle.result()
print(own - started, imported - own, time.perf_counter() - imported)
"""


def test_time_of_first_calls(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Fresh processes count with all methods of delay correction: cold, then from the cache."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def fresh() -> list[float]:
        command = [sys.executable, "-c", FIRST_CALLS]
        done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        return [float(part_s) for part_s in done.stdout.split()]

    cold_s = sum(fresh())
    run: Any = benchmark
    run.pedantic(fresh, rounds=ROUNDS)
    own_s, numba_s, count_s = min((fresh() for _ in range(ROUNDS)), key=sum)
    text = (
        f"cold {cold_s:.1f} s in all; warm: import {own_s:.2f} s, numba {numba_s:.2f} s, "
        f"first calls {count_s:.2f} s"
    )
    benchmark.extra_info["rate"] = text
    print(f"\nlive bundle: {text}")


def resident_mb() -> float:
    """Return the memory of this process that is in use; Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_over_a_billion_tags(benchmark: BenchmarkFixture, sixteen_channels: Tags) -> None:
    """The generated stream repeats 2 M tags at later and later times; fibre delays."""
    ready = blocks((sixteen_channels[0][:2_000_000], sixteen_channels[1][:2_000_000]))
    span_ps = ready[-1].stop_ps - ready[0].start_ps
    delays_ps = np.random.default_rng(3).integers(-240_000_000, 240_000_001, 16)
    bundle = LiveBundle(16, 2000, [(0, 1), (2, 3), (4, 5), (6, 7)], 50_000, 100, delays_ps)

    def repeat(first: int, stop: int) -> float:
        most_mb = 0.0
        for turn in range(first, stop):
            shift_ps = turn * span_ps
            for block in ready:
                moved = block.times_ps + shift_ps
                start_ps, stop_ps = block.start_ps + shift_ps, block.stop_ps + shift_ps
                bundle.update(TagBlock(moved, block.channels, start_ps, stop_ps))
            most_mb = max(most_mb, resident_mb())
        return most_mb

    repeat(0, 5)  # buffers have their size
    before_mb = resident_mb()
    run: Any = benchmark
    grown_mb = run.pedantic(lambda: repeat(5, 500), rounds=1) - before_mb
    total = int(bundle.result().rates.counts.sum())
    text = f"{grown_mb:.1f} MB more at the most, {total / 1e9:.2f} G tags"
    benchmark.extra_info["rate"] = text
    print(f"\nmemory: {text}, {990 / run.stats.stats.min:.0f} Mtag/s with their generation")
