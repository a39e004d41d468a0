"""Speed of n-folds, heralded g2 and single-partner histograms against a compiled read.

Input D: 8 x 0.5 Mcps, 20 M tags, one core, best of 5. Issue 5 asks for 0.20 of the read for all
70 four-fold patterns and for 50 Mtag/s for orders 5 and 6. In E a tenth of the tags
come in fours, so that there is something to count.
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

from labctl.analysis import (
    FoldAnalyzer,
    HeraldedG2Analyzer,
    fold_counts,
    heralded_g2,
    start_stop,
    sync_histogram,
)
from labctl.tags.block import MAX_BLOCK_TAGS, TagBlock

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
TAGS = 20_000_000
ROUNDS = 5
PERIOD_PS = 12_500


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
def eight_channels() -> Tags:
    """Input D."""
    rng = np.random.default_rng(4)
    times_ps = rng.integers(0, TAGS // 4 * 10**6, TAGS)
    return in_order(times_ps, rng.integers(0, 8, TAGS).astype(np.uint8))


@pytest.fixture(scope="module")
def correlated() -> Tags:
    """Input E: as D, but a tenth of the tags come in fours on different channels."""
    rng = np.random.default_rng(5)
    span_ps, fours = TAGS // 4 * 10**6, TAGS // 40
    together = rng.integers(0, span_ps, fours)
    chosen = (rng.integers(0, 8, fours)[:, None] + 2 * np.arange(4)) % 8
    spread = np.rint(rng.normal(0, 100, chosen.shape)).astype(np.int64)
    alone = TAGS - chosen.size
    times_ps = np.concatenate(
        ((together[:, None] + spread).ravel(), rng.integers(0, span_ps, alone))
    )
    channels = np.concatenate((chosen.ravel(), rng.integers(0, 8, alone)))
    return in_order(times_ps, channels.astype(np.uint8))


@pytest.fixture(scope="module")
def pulsed() -> Tags:
    """Herald 0 and detectors 1 and 2, 1 Mcps each, 10 % together, pulses every 12.5 ns."""
    rng = np.random.default_rng(6)
    each = TAGS // 3
    pulses = rng.integers(0, each * 10**6 // PERIOD_PS, (3, each))
    pulses[1, : each // 10] = pulses[0, : each // 10]
    pulses[2, : each // 10] = pulses[0, -(each // 10) :]
    times_ps = pulses * PERIOD_PS + np.rint(rng.normal(0, 100, pulses.shape)).astype(np.int64)
    return in_order(times_ps.ravel(), np.repeat(np.arange(3, dtype=np.uint8), each))


@pytest.fixture(scope="module")
def synced() -> Tags:
    """Sync 0 from every eighth pulse, 10 Mcps, and 1 Mcps of detections 1."""
    rng = np.random.default_rng(7)
    syncs = TAGS * 10 // 11
    detections = TAGS - syncs
    sync_ps = np.arange(syncs) * 8 * PERIOD_PS
    pulses_ps = rng.integers(0, syncs * 8, detections) * PERIOD_PS
    times_ps = np.concatenate((sync_ps, pulses_ps + rng.integers(0, 3000, detections)))
    return in_order(times_ps, np.repeat(np.arange(2, dtype=np.uint8), [syncs, detections]))


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
    """Return a run over blocks of 64 Ki tags, cut beforehand."""
    times_ps, channels = tags
    cuts_ps = [*times_ps[::MAX_BLOCK_TAGS].tolist(), int(times_ps[-1]) + 1]
    places = np.searchsorted(times_ps, cuts_ps).tolist()
    ready = [
        TagBlock(times_ps[first:last], channels[first:last], start_ps, stop_ps)
        for first, last, start_ps, stop_ps in zip(
            places, places[1:], cuts_ps, cuts_ps[1:], strict=False
        )
    ]

    def run() -> Any:
        analyzer = make()
        for block in ready:
            analyzer.update(block)
        return analyzer.result()

    return run


@pytest.mark.parametrize("order", [3, 4, 5, 6])
def test_speed_of_all_patterns(
    benchmark: BenchmarkFixture, eight_channels: Tags, order: int
) -> None:
    name = f"D all patterns of order {order}"
    measure(benchmark, name, eight_channels, lambda: fold_counts(*eight_channels, 8, order, 2000))


@pytest.mark.parametrize("window_ps", [20_000, 200_000])
def test_speed_of_four_folds_in_wide_windows(
    benchmark: BenchmarkFixture, eight_channels: Tags, window_ps: int
) -> None:
    name = f"D all four-folds within {window_ps // 1000} ns"
    measure(benchmark, name, eight_channels, lambda: fold_counts(*eight_channels, 8, 4, window_ps))


def test_speed_of_one_pattern(benchmark: BenchmarkFixture, eight_channels: Tags) -> None:
    run = streamed(eight_channels, lambda: FoldAnalyzer(8, 4, 2000, None, [(0, 2, 4, 6)]))
    measure(benchmark, "D one four-fold, streamed", eight_channels, run)


@pytest.mark.parametrize("largest_ps", [0, 30_000, 240_000_000])
def test_speed_of_streamed_four_folds(
    benchmark: BenchmarkFixture, eight_channels: Tags, largest_ps: int
) -> None:
    delays_ps = np.random.default_rng(3).integers(-largest_ps, largest_ps + 1, 8)
    run = streamed(eight_channels, lambda: FoldAnalyzer(8, 4, 2000, delays_ps))
    measure(benchmark, f"D streamed, delays ±{largest_ps / 1000:g} ns", eight_channels, run)


@pytest.mark.parametrize("order", [3, 4])
def test_speed_of_correlated_folds(
    benchmark: BenchmarkFixture, correlated: Tags, order: int
) -> None:
    name = f"E all patterns of order {order}"
    measure(benchmark, name, correlated, lambda: fold_counts(*correlated, 8, order, 2000))


@pytest.mark.parametrize("pulses", [0, 20])
def test_speed_of_heralded_g2(benchmark: BenchmarkFixture, pulsed: Tags, pulses: int) -> None:
    lags_ps = np.arange(-pulses, pulses + 1) * PERIOD_PS
    name = f"heralded g2 at {lags_ps.size} lags"
    measure(benchmark, name, pulsed, lambda: heralded_g2(*pulsed, 0, 1, 2, 3000, lags_ps))


def test_speed_of_streamed_g2_with_delays(benchmark: BenchmarkFixture, pulsed: Tags) -> None:
    lags_ps = np.arange(-20, 21) * PERIOD_PS
    run = streamed(
        pulsed,
        lambda: HeraldedG2Analyzer(0, 1, 2, 3000, lags_ps, delays_ps=[0, 10**8, 10**8]),
    )
    measure(benchmark, "heralded g2 at 41 lags, delays 100 us, streamed", pulsed, run)


def test_speed_of_start_stop(benchmark: BenchmarkFixture, pulsed: Tags) -> None:
    name = "start-stop 50 ns"
    measure(benchmark, name, pulsed, lambda: start_stop(*pulsed, 0, 1, 50_000, 100))


def test_speed_of_sync_histogram(benchmark: BenchmarkFixture, synced: Tags) -> None:
    name = "sync histogram, divider 8"
    measure(benchmark, name, synced, lambda: sync_histogram(*synced, 0, 1, PERIOD_PS, 25, 8))
