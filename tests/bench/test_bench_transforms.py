"""Speed of gates, pairing, merging, sorting and virtual channels against a compiled read.

Inputs: A 2 x 1 Mcps with 10 % pairs, sigma 100 ps; B 16 x 0.5 Mcps. One core, 20 M tags, best
of 5. The read is that of the same times and channels in the same process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from labctl.analysis.gating import GateAnalyzer, gate
from labctl.analysis.merging import merge
from labctl.analysis.pairing import PairUpAnalyzer, pair_up
from labctl.analysis.sorting import BoundedSorter, sort_bounded
from labctl.analysis.virtual import (
    Coincidence,
    Delayed,
    Divided,
    Gated,
    VirtualChannels,
    VirtualSpec,
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


@pytest.fixture(scope="module")
def two_channels() -> Tags:
    rng = np.random.default_rng(1)
    per_channel, span_ps = TAGS // 2, 10**13
    pairs = rng.integers(0, span_ps, per_channel // 10)
    alone = rng.integers(0, span_ps, (2, per_channel - pairs.size))
    jittered = pairs + np.rint(rng.normal(0, 100, pairs.size)).astype(np.int64)
    times_ps = np.concatenate((pairs, alone[0], jittered, alone[1]))
    order = np.argsort(times_ps, kind="stable")
    return times_ps[order], np.repeat(np.arange(2, dtype=np.uint8), per_channel)[order]


@pytest.fixture(scope="module")
def sixteen_channels() -> Tags:
    rng = np.random.default_rng(2)
    times_ps = np.sort(rng.integers(0, TAGS // 8 * 10**6, TAGS))
    return times_ps, rng.integers(0, 16, TAGS).astype(np.uint8)


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


def measure(benchmark: BenchmarkFixture, name: str, tags: Tags, work: Callable[[], Any]) -> None:
    """Print Mtag/s, best of 5, and the ratio to the compiled read, both in this process."""
    read_s = min(seconds(lambda: read(*tags)) for _ in range(ROUNDS + 1))
    work()
    run: Any = benchmark  # pytest-benchmark's `pedantic` is untyped
    run.pedantic(work, rounds=ROUNDS)
    work_s = run.stats.stats.min
    size = tags[0].size / 1e6
    text = f"{size / work_s:.0f} Mtag/s, {read_s / work_s:.3f} of the read {size / read_s:.0f}"
    benchmark.extra_info["rate"] = text
    print(f"\n{name}: {text}")


def streamed(tags: Tags, make: Callable[[], Any], step: Callable[[Any, TagBlock], Any]) -> Any:
    ready = blocks(tags)

    def run() -> None:
        analyzer = make()
        for block in ready:
            step(analyzer, block)

    return run


def take(analyzer: GateAnalyzer | PairUpAnalyzer, block: TagBlock) -> None:
    analyzer.update(block)
    analyzer.take()


@pytest.fixture(scope="module")
def with_markers(two_channels: Tags) -> Tags:
    """A with one tag in a hundred turned into a marker: 2 opens a gate, 3 closes it."""
    channels = two_channels[1].copy()
    channels[::200], channels[100::200] = 2, 3
    return two_channels[0], channels


def test_speed_of_gates(benchmark: BenchmarkFixture, with_markers: Tags) -> None:
    measure(benchmark, "A gate", with_markers, lambda: gate(*with_markers, 2, 3))


def test_speed_of_streamed_gates(benchmark: BenchmarkFixture, with_markers: Tags) -> None:
    run = streamed(with_markers, lambda: GateAnalyzer(2, 3), take)
    measure(benchmark, "A gate, streamed", with_markers, run)


@pytest.mark.parametrize("delay_ps", [0, 30_000, 240_000_000, 1_000_000_000])
def test_speed_of_pairing(benchmark: BenchmarkFixture, two_channels: Tags, delay_ps: int) -> None:
    name = f"A pair_up, delay {delay_ps / 1000:g} ns"
    delays = [delay_ps, 0]
    measure(benchmark, name, two_channels, lambda: pair_up(*two_channels, 0, 1, 2000, delays))


def test_speed_of_streamed_pairing(benchmark: BenchmarkFixture, two_channels: Tags) -> None:
    run = streamed(two_channels, lambda: PairUpAnalyzer(0, 1, 2000), take)
    measure(benchmark, "A pair_up, streamed", two_channels, run)


def test_speed_of_pairing_two_of_sixteen(
    benchmark: BenchmarkFixture, sixteen_channels: Tags
) -> None:
    run = streamed(sixteen_channels, lambda: PairUpAnalyzer(0, 1, 2000), take)
    measure(benchmark, "B pair_up, streamed", sixteen_channels, run)


@pytest.mark.parametrize("count", [2, 4, 16])
def test_speed_of_merging(benchmark: BenchmarkFixture, sixteen_channels: Tags, count: int) -> None:
    times_ps, channels = sixteen_channels
    chosen = [channels % count == k for k in range(count)]
    streams = [(times_ps[mask], channels[mask]) for mask in chosen]
    measure(benchmark, f"B merge of {count} streams", sixteen_channels, lambda: merge(streams))


@pytest.mark.parametrize("jitter_ps", [0, 86_000, 1_000_000])
def test_speed_of_bounded_sorting(
    benchmark: BenchmarkFixture, two_channels: Tags, jitter_ps: int
) -> None:
    moved = np.random.default_rng(3).integers(0, jitter_ps + 1, TAGS)
    tags = two_channels[0] + moved, two_channels[1]
    name = f"A sort_bounded, disorder {jitter_ps / 1000:g} ns"
    measure(benchmark, name, tags, lambda: sort_bounded(*tags, 1_000_000))


def test_speed_of_sorting_a_recording(benchmark: BenchmarkFixture, two_channels: Tags) -> None:
    """One step back of 86 ns in 1548 tags, as in a real recording; streamed."""
    times_ps, channels = two_channels[0].copy(), two_channels[1]
    times_ps[1548::1548] -= 86_000
    parts = [
        (times_ps[k : k + MAX_BLOCK_TAGS], channels[k : k + MAX_BLOCK_TAGS])
        for k in range(0, TAGS, MAX_BLOCK_TAGS)
    ]

    def run() -> None:
        sorter = BoundedSorter(1_000_000)
        for part in parts:
            sorter.update(*part)
            sorter.take()

    measure(benchmark, "A sort_bounded, as recorded, streamed", two_channels, run)


SPECS: dict[str, list[VirtualSpec]] = {
    "delayed by +30 ns": [Delayed(0, 30_000)],
    "delayed by -240 µs": [Delayed(0, -240_000_000)],
    "coincidence": [Coincidence((0, 1), 2000)],
    "gated": [Gated(0, 2, 3)],
    "divided": [Divided(0, 10)],
    "all four": [
        Delayed(0, -30_000),
        Coincidence((16, 1), 2000),
        Gated(17, 2, 3),
        Divided(4, 10),
    ],
}


@pytest.mark.parametrize("name", list(SPECS))
def test_speed_of_virtual_channels(
    benchmark: BenchmarkFixture, sixteen_channels: Tags, name: str
) -> None:
    run = streamed(
        sixteen_channels,
        lambda: VirtualChannels(16, SPECS[name]),
        lambda virtual, block: virtual.transform(block),
    )
    measure(benchmark, f"B virtual, {name}", sixteen_channels, run)
