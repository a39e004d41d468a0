"""Where counting works on 64 tags at a time: borders of groups, widths of channel numbers, ties."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import (
    coincidence_matrix,
    count_pairs,
    count_rates,
    cross_correlation,
    split_for_threads,
)

SIZES = [1, 2, 63, 64, 65, 66, 127, 128, 129, 130, 191, 193, 500]


def slow_matrix(times: NDArray[Any], channels: NDArray[Any], n: int, half: int) -> NDArray[Any]:
    """Return the counts of all pairs by comparing every tag with every other."""
    order = np.argsort(times, kind="stable")
    shifted, numbers = times[order], channels[order].astype(np.int64)
    near = np.abs(shifted[:, None] - shifted[None, :]) <= half
    i, j = np.nonzero(np.triu(near, 1))
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (numbers[i], numbers[j]), 1)
    return counts + counts.T - np.diag(counts.diagonal())


def stream(size: int, n: int, kind: Any = np.uint8, span: int = 20_000) -> tuple[Any, Any]:
    rng = np.random.default_rng(size + n)
    times = np.sort(rng.integers(0, span, size))
    return times, rng.integers(0, n, size).astype(kind)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("half", [0, 20, 30_000])
def test_any_number_of_tags_is_counted(size: int, half: int) -> None:
    times, channels = stream(size, 3)
    for start in (0, -3 * 2**61, 3 * 2**61 - 20_001):
        counts = coincidence_matrix(times + start, channels, 3, max(2 * half, 1)).counts
        assert np.array_equal(counts, slow_matrix(times, channels, 3, half))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("delays", [[0, 1, 0], [0, 900, -35], [10**8, 0, -(10**9)]])
def test_any_number_of_tags_is_shifted(size: int, delays: list[int]) -> None:
    times, channels = stream(size, 3)
    counts = coincidence_matrix(times, channels, 3, 200, delays).counts
    shifted = times - np.array(delays)[channels]
    assert np.array_equal(counts, slow_matrix(shifted, channels, 3, 100))


@pytest.mark.parametrize(("n", "kind"), [(32, np.uint8), (33, np.uint8), (256, np.uint8)])
@pytest.mark.parametrize("delay", [0, 7])
def test_channel_numbers_of_one_byte(n: int, kind: Any, delay: int) -> None:
    times, channels = stream(700, n, kind)
    delays = np.arange(n) % 2 * delay
    counts = coincidence_matrix(times, channels, n, 300, delays).counts
    assert np.array_equal(counts, slow_matrix(times - delays[channels], channels, n, 150))
    assert np.array_equal(count_rates(times, channels, n).counts, np.bincount(channels, None, n))


@pytest.mark.parametrize("n", [2, 255, 256, 257, 300])
@pytest.mark.parametrize("delay", [0, 7, 10**9])
def test_channel_numbers_of_two_bytes(n: int, delay: int) -> None:
    times, channels = stream(300, n, np.uint16)
    delays = np.arange(n) % 2 * delay
    counts = coincidence_matrix(times, channels, n, 300, delays).counts
    assert np.array_equal(counts, slow_matrix(times - delays[channels], channels, n, 150))
    channels[200] = n
    with pytest.raises(ValueError, match=f"tag 200 has channel {n}"):
        coincidence_matrix(times, channels, n, 300, delays)
    with pytest.raises(ValueError, match=f"tag 200 has channel {n}"):
        count_rates(times, channels, n)


def test_more_channels_than_one_byte_can_name_refuse_no_byte() -> None:
    times, channels = stream(300, 256)
    counts = coincidence_matrix(times, channels, 1000, 300).counts
    assert np.array_equal(counts, slow_matrix(times, channels, 1000, 150))


@pytest.mark.parametrize("bad", [1, 62, 63, 64, 65, 128, 129, 199])
@pytest.mark.parametrize("delays", [[0, 0], [0, 30], [0, 10**9]])
def test_a_step_back_is_found_at_any_place(bad: int, delays: list[int]) -> None:
    times = np.arange(200, dtype=np.int64) * 1000
    times[bad:] -= 1001
    channels = (np.arange(200) % 2).astype(np.uint8)
    message = f"tag {bad} at"
    for count in (
        lambda: coincidence_matrix(times, channels, 2, 100, delays),
        lambda: cross_correlation(times, channels, 2, [(0, 1)], 1000, 10, delays),
        lambda: count_rates(times, channels, 2),
    ):
        with pytest.raises(ValueError, match=message):
            count()


@pytest.mark.parametrize("delays", [[0, 0, 0, 0], [3, 0, -4, 0], [0, 10**9, 5, 0]])
def test_equal_times_keep_the_order_of_channels(delays: list[int]) -> None:
    """`any_partner` and greedy pairing walk ties by channel: a coarse tagger is full of them."""
    rng = np.random.default_rng(21)
    times = np.sort(rng.integers(0, 80, 600))
    channels = rng.integers(0, 4, times.size).astype(np.uint8)
    walk = sorted((int(t) - delays[c], int(c)) for t, c in zip(times, channels, strict=True))
    expected = 0
    latest = {1: -(10**12), 2: -(10**12)}
    for t, c in walk:
        if c in latest:
            expected += t - latest[3 - c] <= 2
            latest[c] = t
    found = count_pairs(times, channels, 4, [(1, 2)], 4, delays, "any_partner").counts
    assert found.tolist() == [expected]


@pytest.mark.parametrize("per_burst", [1, 4, 5, 9, 40, 400])
def test_bursts_of_any_size_are_put_in_order(per_burst: int) -> None:
    """More tags at a time than a cell of the sorter holds, up to where it gives up."""
    rng = np.random.default_rng(22)
    starts = np.repeat(np.arange(4000 // per_burst + 1) * 10**7, per_burst)
    times = np.sort(starts + rng.integers(0, 50, starts.size))
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    delays = np.array([0, 5 * 10**7 + 11, -(10**8)])
    counts = coincidence_matrix(times, channels, 3, 40, delays).counts
    shifted = times - delays[channels]
    assert np.array_equal(counts, slow_matrix(shifted, channels, 3, 20))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 2**40), st.integers(1, 12), st.integers(0, 2**32))
def test_every_lag_falls_in_its_bin(bin_ps: int, bins: int, seed: int) -> None:
    """The bin of a lag is exact at both of its edges, for bins of any width."""
    rng = np.random.default_rng(seed)
    edges = (2 * rng.integers(-bins, bins + 1, 40) - 1) * bin_ps // 2
    for lag in np.concatenate((edges, edges + 1, edges + 2)).tolist():
        times = np.array(sorted((0, lag)), dtype=np.int64)
        channels = np.array([0, 1] if lag >= 0 else [1, 0], dtype=np.uint8)
        counts = cross_correlation(times, channels, 2, [(0, 1)], bins * bin_ps, bin_ps).counts[0]
        place = (2 * lag + bin_ps) // (2 * bin_ps) + bins
        expected = [int(k == place) for k in range(2 * bins + 1)]
        assert counts.tolist() == expected


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7, 400])
@pytest.mark.parametrize("delays", [[0, 0, 0], [0, 300, -90]])
def test_parts_counted_in_threads_add_up(n_parts: int, delays: list[int]) -> None:
    times, channels = stream(300, 3)
    reach = 100 + max(delays) - min(delays)
    parts = split_for_threads(times, channels, n_parts, reach)

    def count(part: Any) -> NDArray[Any]:
        whole, numbers, shared = part
        both = coincidence_matrix(whole, numbers, 3, 200, delays).counts
        return both - coincidence_matrix(whole[:shared], numbers[:shared], 3, 200, delays).counts

    with ThreadPoolExecutor(2) as pool:
        total = sum(pool.map(count, parts))
    assert np.array_equal(total, coincidence_matrix(times, channels, 3, 200, delays).counts)
    assert sum(part.times_ps.size - part.n_shared for part in parts) == times.size


def test_a_step_back_at_the_edge_of_a_part_is_seen() -> None:
    times = np.arange(100, dtype=np.int64) * 1000
    times[50:] -= 1001
    channels = np.zeros(100, dtype=np.uint8)
    second = split_for_threads(times, channels, 2, 1)[1]
    with pytest.raises(ValueError, match="not sorted"):
        coincidence_matrix(second.times_ps, second.channels, 1, 2)
    with pytest.raises(ValueError, match="n_parts = 0"):
        split_for_threads(times, channels, 0, 1)
    with pytest.raises(ValueError, match="reach_ps = 0"):
        split_for_threads(times, channels, 2, 0)
