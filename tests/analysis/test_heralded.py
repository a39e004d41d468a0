"""Heralded g2 against a triple loop, and against models with known correlation."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import HeraldedG2Analyzer, heralded_g2

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
HERALD, A, B = 2, 0, 3


def slow_counts(tags: Tags, window: int, lag: int, delays: list[int]) -> tuple[int, int, int, int]:
    """Return triples, pairs of herald and a, pairs of herald and b, heralds."""
    streams: dict[int, list[int]] = {channel: [] for channel in range(4)}
    for t, c in zip(*tags, strict=True):
        streams[int(c)].append(int(t) - delays[c])
    triples = pairs_a = pairs_b = 0
    for herald in streams[HERALD]:
        near_a = sum(2 * abs(t - herald) <= window for t in streams[A])
        near_b = sum(2 * abs(t - herald - lag) <= window for t in streams[B])
        pairs_a += near_a
        pairs_b += near_b
        triples += near_a * near_b
    return triples, pairs_a, pairs_b, len(streams[HERALD])


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300, -100]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=40))
    channels = [draw(st.integers(0, 3)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


delay_lists = st.one_of(
    st.just([0, 0, 0, 0]),
    st.lists(st.integers(-60, 60), min_size=4, max_size=4),
    st.lists(st.sampled_from([-(10**9), 0, 7, 10**9]), min_size=4, max_size=4),
)
lag_lists = st.lists(st.integers(-150, 150), min_size=1, max_size=6)


@settings(deadline=None)
@given(tag_streams(), st.integers(1, 80), lag_lists, delay_lists)
def test_counts_equal_the_triple_loop(
    tags: Tags, window: int, lags: list[int], delays: list[int]
) -> None:
    result = heralded_g2(*tags, HERALD, A, B, window, lags, delays_ps=delays)
    expected = [slow_counts(tags, window, lag, delays) for lag in lags]
    assert result.lags_ps.tolist() == lags
    assert result.counts.tolist() == [triples for triples, *_ in expected]
    assert result.herald_b_counts.tolist() == [pairs for _, _, pairs, _ in expected]
    assert (result.herald_a_counts, result.heralds) == (expected[0][1], expected[0][3])
    for g2, (triples, pairs_a, pairs_b, heralds) in zip(result.g2, expected, strict=True):
        if pairs_a * pairs_b:
            assert g2 == pytest.approx(triples * heralds / (pairs_a * pairs_b))
        else:
            assert np.isnan(g2)


@settings(deadline=None, max_examples=50)
@given(tag_streams(), st.integers(-(2**40), 2**40), st.permutations(range(64)))
def test_counts_follow_a_time_shift_and_new_channel_numbers(
    tags: Tags, shift: int, names: list[int]
) -> None:
    times, channels = tags
    lags = [-40, 0, 40]
    before = heralded_g2(times, channels, HERALD, A, B, 50, lags)
    renamed = np.array(names, dtype=np.uint8)[channels]
    after = heralded_g2(times + shift, renamed, names[HERALD], names[A], names[B], 50, lags)
    assert after.counts.tolist() == before.counts.tolist()
    assert after.herald_b_counts.tolist() == before.herald_b_counts.tolist()
    assert after.herald_a_counts == before.herald_a_counts


def pulsed(both: float, heralds: int = 40_000) -> Tags:
    """Return heralds every 100 ns; a and b, 1 ns later, with probability 0.3 and 0.2 each.

    `both` is the probability of both: 0.06 if they are independent.
    """
    rng = np.random.default_rng(13)
    herald_ps = np.arange(heralds) * 100_000
    draw = rng.random(heralds)
    has_a = draw < 0.3
    has_b = (draw < both) | ((draw >= 0.3) & (draw < 0.5 - both))
    times = np.concatenate((herald_ps, herald_ps[has_a] + 1000, herald_ps[has_b] + 1000))
    sizes = [heralds, has_a.sum(), has_b.sum()]
    channels = np.repeat(np.array([HERALD, A, B], dtype=np.uint8), sizes)
    order = np.argsort(times, kind="stable")
    return times[order], channels[order]


@pytest.mark.parametrize(("both", "expected"), [(0.0, 0.0), (0.006, 0.1), (0.06, 1.0), (0.12, 2.0)])
def test_a_pulsed_source_shows_its_correlation_at_lag_zero_only(
    both: float, expected: float
) -> None:
    lags = np.arange(-3, 4) * 100_000
    result = heralded_g2(*pulsed(both), HERALD, A, B, 4000, lags)
    truth = np.where(lags == 0, expected, 1.0)
    assert np.all(np.abs(result.g2 - truth) < 5 * result.g2_sigma)
    assert np.all(result.g2_sigma < 0.05)


def test_sigma_is_the_scatter_of_repeated_measurements() -> None:
    """Multinomial heralds drawn 4000 times; the scatter is known to 1.1 %, 5 sigma are 6 %."""
    rng = np.random.default_rng(17)
    heralds = 3000
    for both in (0.01, 0.06, 0.15):
        chances = [both, 0.3 - both, 0.2 - both, 0.5 + both]
        numbers = rng.multinomial(rng.poisson(heralds, 4000), chances)
        triples, pairs_a, pairs_b = (
            numbers[:, 0],
            numbers[:, 0] + numbers[:, 1],
            numbers[:, 0] + numbers[:, 2],
        )
        scatter = np.std(triples * numbers.sum(axis=1) / (pairs_a * pairs_b))
        sizes = [int(x) for x in np.array(chances) * heralds]
        tags = tags_of(sizes)
        result = heralded_g2(*tags, HERALD, A, B, 10, [0])
        assert result.g2_sigma[0] == pytest.approx(scatter, rel=0.06)


def tags_of(sizes: list[int]) -> Tags:
    """Return heralds with both partners, with a, with b and with neither, in these numbers."""
    times, channels = [], []
    partners = ((A, B), (A,), (B,), ())
    kinds = [kind for kind, size in zip(partners, sizes, strict=True) for _ in range(size)]
    for k, kind in enumerate(kinds):
        for channel in (HERALD, *kind):
            times.append(1000 * k)
            channels.append(channel)
    return np.array(times, dtype=np.int64), np.array(channels, dtype=np.uint8)


def test_neither_no_triple_nor_nothing_but_triples_claims_certainty() -> None:
    none = heralded_g2(*tags_of([0, 5, 4, 1]), HERALD, A, B, 10, [0])
    assert none.g2.tolist() == [0.0]
    assert none.g2_sigma.tolist() == [10 / 20]
    every = heralded_g2(*tags_of([10, 0, 0, 0]), HERALD, A, B, 10, [0])
    assert every.g2.tolist() == [1.0]
    assert every.g2_sigma.tolist() == [0.1]
    empty = heralded_g2(*tags_of([0, 0, 0, 0]), HERALD, A, B, 10, [0, 5])
    assert np.isnan(empty.g2).all()
    assert np.isnan(empty.g2_sigma).all()


@pytest.mark.parametrize("largest_ps", [0, 30_000, 10**9])
def test_many_tags_equal_a_search_in_sorted_channels(largest_ps: int) -> None:
    rng = np.random.default_rng(19)
    times = np.sort(rng.integers(0, 2 * 10**10, 100_000))
    channels = rng.integers(0, 4, times.size).astype(np.uint8)
    delays = rng.integers(-largest_ps, largest_ps + 1, 4)
    lags, half = np.array([700_000, -1_200_000, 0, 900_000]), 500_000
    result = heralded_g2(times, channels, HERALD, A, B, 2 * half, lags, delays_ps=delays)
    herald, a, b = (np.sort(times[channels == c] - delays[c]) for c in (HERALD, A, B))

    def near(stream: NDArray[np.int64], center: NDArray[np.int64]) -> NDArray[np.int64]:
        high = np.searchsorted(stream, center + half, "right")
        return high - np.searchsorted(stream, center - half)

    near_a = near(a, herald)
    near_b = np.array([near(b, herald + lag) for lag in lags])
    assert result.counts.tolist() == (near_a * near_b).sum(axis=1).tolist()
    assert result.herald_b_counts.tolist() == near_b.sum(axis=1).tolist()
    assert result.herald_a_counts == near_a.sum()


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="three different channels"):
        HeraldedG2Analyzer(0, 1, 1, 100, [0])
    with pytest.raises(ValueError, match="window_full_ps = 0"):
        HeraldedG2Analyzer(0, 1, 2, 0, [0])
    with pytest.raises(ValueError, match="b = 2 is outside channels 0 to 1"):
        HeraldedG2Analyzer(0, 1, 2, 100, [0], delays_ps=[0, 0])
    for lags in ([], [0.5], [[0]]):
        with pytest.raises(ValueError, match="give whole picoseconds"):
            HeraldedG2Analyzer(0, 1, 2, 100, lags)
    with pytest.raises(ValueError, match="a lag is outside"):
        HeraldedG2Analyzer(0, 1, 2, 100, [2**59])
    tags = np.array([5, 6]), np.array([0, 3], dtype=np.uint8)
    with pytest.raises(ValueError, match="tag 1 has channel 3"):
        heralded_g2(*tags, 0, 1, 2, 100, [0], delays_ps=[0, 0, 0])
    times = np.arange(40_000)
    times[20_000] = 5
    with pytest.raises(ValueError, match="tag 20000 at 5 ps follows 19999 ps"):
        heralded_g2(times, np.zeros(times.size, dtype=np.uint8), 0, 1, 2, 100, [0])
