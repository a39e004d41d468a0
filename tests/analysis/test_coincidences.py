"""Coincidence counts against double loops written here, and against Poisson statistics."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import coincidence_matrix, count_pairs
from labctl.tags.block import TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
CONVENTIONS: tuple[Any, ...] = ("all_pairs", "any_partner", "greedy_one_to_one")


def walk(tags: Tags, delays: list[int]) -> list[tuple[int, int]]:
    """Return (time, channel) after subtraction of the delays, in the order of the convention."""
    return sorted((int(t) - delays[c], int(c)) for t, c in zip(*tags, strict=True))


def slow_matrix(tags: Tags, n_channels: int, window: int, delays: list[int]) -> NDArray[np.int64]:
    counts = np.zeros((n_channels, n_channels), dtype=np.int64)
    tag_list = walk(tags, delays)
    for i, (t, a) in enumerate(tag_list):
        for s, b in tag_list[:i]:
            if 2 * abs(t - s) <= window:
                counts[a, b] += 1
                counts[b, a] += a != b
    return counts


def slow_any_partner(tags: Tags, pair: tuple[int, int], window: int, delays: list[int]) -> int:
    a, b = pair
    tag_list = walk(tags, delays)
    return sum(
        any((c, other) in {(a, b), (b, a)} and 2 * (t - s) <= window for s, other in tag_list[:i])
        for i, (t, c) in enumerate(tag_list)
    )


def slow_greedy(tags: Tags, pair: tuple[int, int], window: int, delays: list[int]) -> int:
    unpaired: list[tuple[int, int]] = []
    found = 0
    for t, c in walk(tags, delays):
        partner = {pair[0]: pair[1], pair[1]: pair[0]}.get(c)
        oldest = [tag for tag in unpaired if tag[1] == partner and 2 * (t - tag[0]) <= window]
        if oldest:
            unpaired.remove(oldest[0])
            found += 1
        elif partner is not None:
            unpaired.append((t, c))
    return found


@st.composite
def tag_streams(draw: st.DrawFn, n_channels: int = 4) -> Tags:
    """Return short streams with many equal times, anywhere between ±2**62."""
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 400, -200]))
    offsets = draw(st.lists(st.integers(0, 400), max_size=40))
    channels = [draw(st.integers(0, n_channels - 1)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.one_of(
    st.just([0, 0, 0, 0]),
    st.lists(st.integers(-60, 60), min_size=4, max_size=4),
    st.lists(st.sampled_from([-(10**9), 0, 7, 10**9]), min_size=4, max_size=4),
)


@settings(deadline=None)
@given(tag_streams(), st.integers(1, 80), delay_lists)
def test_the_matrix_equals_the_double_loop(tags: Tags, window: int, delays: list[int]) -> None:
    counts = coincidence_matrix(*tags, 4, window, delays).counts
    assert counts.tolist() == slow_matrix(tags, 4, window, delays).tolist()


@settings(deadline=None)
@given(tag_streams(), st.integers(1, 80), delay_lists)
def test_chosen_pairs_equal_the_double_loop(tags: Tags, window: int, delays: list[int]) -> None:
    pairs = [(0, 1), (3, 1), (2, 2), (0, 1)]
    matrix = slow_matrix(tags, 4, window, delays)
    expected = [matrix[pair] for pair in pairs]
    assert count_pairs(*tags, 4, pairs, window, delays).counts.tolist() == expected
    found = count_pairs(*tags, 4, pairs, window, delays, "any_partner").counts
    assert found.tolist() == [slow_any_partner(tags, pair, window, delays) for pair in pairs]
    found = count_pairs(*tags, 4, pairs, window, delays, "greedy_one_to_one").counts
    assert found.tolist() == [slow_greedy(tags, pair, window, delays) for pair in pairs]


@settings(deadline=None)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(4)))
def test_counts_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, order: list[int]
) -> None:
    times, channels = tags
    counts = coincidence_matrix(times, channels, 4, 50, [0, 20, -20, 3]).counts
    renamed = np.array(order, dtype=np.uint8)[channels]
    delays = np.empty(4, dtype=np.int64)
    delays[order] = [0, 20, -20, 3]
    moved = coincidence_matrix(times + shift, renamed, 4, 50, delays).counts
    assert moved[np.ix_(order, order)].tolist() == counts.tolist()


def test_the_window_is_full_width_and_its_edges_belong_to_it() -> None:
    times = np.array([0, 500, 1001], dtype=np.int64)
    channels = np.array([0, 1, 0], dtype=np.uint8)
    assert coincidence_matrix(times, channels, 2, 1000).counts.tolist() == [[0, 1], [1, 0]]
    assert coincidence_matrix(times, channels, 2, 1001).counts[0, 1] == 1
    assert coincidence_matrix(times, channels, 2, 1002).counts[0, 1] == 2


@pytest.mark.parametrize("n_channels", [1, 64])
@pytest.mark.parametrize("largest_ps", [0, 30, 10**6, 10**9])
def test_any_number_of_channels_and_any_delay(n_channels: int, largest_ps: int) -> None:
    rng = np.random.default_rng(n_channels + largest_ps)
    times = np.sort(rng.integers(0, 3 * 10**6, 700))
    channels = rng.integers(0, n_channels, times.size).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, n_channels).tolist()
    counts = coincidence_matrix(times, channels, n_channels, 4000, delays).counts
    assert counts.tolist() == slow_matrix((times, channels), n_channels, 4000, delays).tolist()


def brute_matrix(tags: Tags, n_channels: int, window: int, delays: NDArray[Any]) -> NDArray[Any]:
    """Return the matrix by searching each sorted channel in each other: fast enough for 1e5."""
    times, channels = tags
    streams = [np.sort(times[channels == c] - delays[c]) for c in range(n_channels)]
    counts = np.zeros((n_channels, n_channels), dtype=np.int64)
    for a, first in enumerate(streams):
        for b, second in enumerate(streams):
            low = np.searchsorted(second, first - window // 2, side="left")
            high = np.searchsorted(second, first + window // 2, side="right")
            counts[a, b] = (high - low).sum()
        counts[a, a] = (counts[a, a] - first.size) // 2
    return counts


@pytest.mark.parametrize("shape", ["steady", "bursts", "all at one time"])
def test_fibre_delays_are_exact_over_many_batches(shape: str) -> None:
    rng = np.random.default_rng(5)
    times = rng.integers(0, 2 * 10**10, 200_000)
    if shape == "bursts":  # 20 bursts of 1 us
        times = rng.integers(0, 20, times.size) * 10**9 + times % 10**6
    if shape == "all at one time":
        times = np.concatenate((times // 10**6, np.full(1000, 10**8), [2**60] * 9))
    times.sort()
    channels = rng.integers(0, 8, times.size).astype(np.uint8)
    delays = np.array([-(10**9), 10**9, 0, 3, 240_000_000, -240_000_000, 30_000, 0])
    counts = coincidence_matrix(times, channels, 8, 1000, delays).counts
    assert np.array_equal(counts, brute_matrix((times, channels), 8, 1000, delays))


def test_times_at_both_ends_of_the_range_meet_only_their_neighbors() -> None:
    times = np.array([-(2**62), -(2**62) + 3, 2**62 - 3, 2**62], dtype=np.int64)
    channels = np.array([0, 1, 0, 1], dtype=np.uint8)
    for delays in ([0, 0], [0, 10**9], [10**9, 0]):
        moved = 1000 if delays == [0, 0] else 2 * 10**9 + 10
        assert coincidence_matrix(times, channels, 2, moved, delays).counts[0, 1] == 2


def test_types_of_arrays_make_no_difference_and_inputs_stay_writable() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 10**5, 400))
    channels = rng.integers(0, 3, times.size).astype(np.uint8)
    expected = coincidence_matrix(times, channels, 3, 500).counts
    assert times.flags.writeable
    assert channels.flags.writeable
    for other in (np.uint16, np.int64):
        counts = coincidence_matrix(times.tolist(), channels.astype(other), 3, 500).counts
        assert np.array_equal(counts, expected)
    packed = np.empty(times.size, dtype=[("channel", "u1"), ("time", "<i8")])
    packed["channel"], packed["time"] = channels, times
    counts = coincidence_matrix(packed["time"], packed["channel"], 3, 500).counts
    assert np.array_equal(counts, expected)


def test_no_tags_give_zero_counts_and_no_live_time() -> None:
    nothing = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint8)
    for convention in CONVENTIONS:
        result = count_pairs(*nothing, 2, [(0, 1)], 1000, [0, 5], convention)
        assert result.counts.tolist() == [0]
        assert result.live_s == 0
        assert result.sigma.tolist() == [1]
        assert np.isnan(result.rates_hz).all()
    assert coincidence_matrix(*nothing, 2, 1000).counts.tolist() == [[0, 0], [0, 0]]
    assert count_pairs(*nothing, 2, [], 1000).counts.size == 0


def test_results_say_what_was_counted() -> None:
    times, channels = np.array([0, 10**12 - 1]), np.array([0, 1], dtype=np.uint8)
    matrix = coincidence_matrix(times, channels, 2, 4000, [0, 1000], 2000)
    assert matrix.convention == "all_pairs"
    assert matrix.window_full_ps == 4000
    assert matrix.window_effective_ps.tolist() == [[6000, 4000], [4000, 6000]]
    assert matrix.live_s == 1
    assert matrix.flags == TagFlags.NONE
    with pytest.raises(ValueError, match="read-only"):
        matrix.counts[0, 0] = 1
    pairs = count_pairs(times, channels, 2, [(1, 0)], 4000, [0, 1000], "any_partner", 2000)
    assert pairs.convention == "any_partner"
    assert pairs.pairs == ((1, 0),)
    assert pairs.window_effective_ps.tolist() == [4000]


@pytest.mark.parametrize("delays", [None, [0, 5], [0, 10**9]])
@pytest.mark.parametrize(
    ("times", "channels", "message"),
    [
        ([1, 2, 3], [0, 2, 1], "tag 1 has channel 2; n_channels = 2"),
        ([1, 2, 3], [0, -1, 1], "outside 0 to 65535"),
        ([1, 5, 4, 6], [0, 1, 0, 1], "not sorted: tag 2 at 4 ps follows 5 ps"),
        ([5, 4], [0, 1], "not sorted"),
        ([1, 2], [0], "do not match"),
        ([1.5, 2.0], [0, 1], "whole picoseconds"),
        ([0, 2**63 - 1], [0, 1], "can be counted"),
    ],
)
def test_bad_tags_are_refused(
    times: list[int], channels: list[int], message: str, delays: list[int] | None
) -> None:
    with pytest.raises(ValueError, match=message):
        coincidence_matrix(times, channels, 2, 1000, delays)
    with pytest.raises(ValueError, match=message):
        count_pairs(times, channels, 2, [(0, 1)], 1000, delays, "greedy_one_to_one")


@pytest.mark.parametrize("bad", [10, 65_535, 65_536, 150_000])
def test_a_step_back_is_found_in_any_batch(bad: int) -> None:
    times = np.arange(200_000, dtype=np.int64) * 1000
    times[bad] -= 1001
    channels = (np.arange(times.size) % 2).astype(np.uint8)
    for delays in (None, [0, 30], [0, 10**9]):
        with pytest.raises(ValueError, match=f"tag {bad} at"):
            coincidence_matrix(times, channels, 2, 1000, delays)


def test_a_step_back_is_found_where_insertion_gives_way_to_sorting() -> None:
    """Channel 0 always lands behind all of channel 1: some 250 tags in, sorting takes over."""
    channels = (np.arange(1000) % 2).astype(np.uint8)
    for bad in range(1, 1000):
        times = np.arange(1000, dtype=np.int64) * 1000
        times[bad] -= 1001
        with pytest.raises(ValueError, match=f"tag {bad} at"):
            coincidence_matrix(times, channels, 2, 1000, [0, 10**9])


def test_bad_arguments_are_refused() -> None:
    tags = np.array([1]), np.array([0], dtype=np.uint8)
    with pytest.raises(ValueError, match="window_full_ps = 0 ps"):
        coincidence_matrix(*tags, 2, 0)
    with pytest.raises(ValueError, match=r"2 channels need \(2,\)"):
        coincidence_matrix(*tags, 2, 10, [0])
    with pytest.raises(ValueError, match="n_channels = 0"):
        coincidence_matrix(*tags, 0, 10)
    with pytest.raises(ValueError, match=r"pair \(0, 2\) names a channel outside 0 to 1"):
        count_pairs(*tags, 2, [(0, 1), (0, 2)], 10)
    with pytest.raises(ValueError, match=r'did you mean "all_pairs"'):
        count_pairs(*tags, 2, [(0, 1)], 10, None, "all_pair")  # type: ignore[arg-type]
