"""Virtual channels against walks written here, and against the delays of the analyzers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import (
    MatrixAnalyzer,
    coincidence_matrix,
    count_pairs,
    cross_correlation,
)
from labctl.analysis.virtual import (
    Coincidence,
    Delayed,
    Divided,
    Gated,
    VirtualChannels,
    VirtualSpec,
    with_virtual,
)
from labctl.tags.block import TagBlock

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
List: TypeAlias = list[tuple[int, int]]
N = 4


def slow_fold(tags: List, spec: Coincidence) -> list[int]:
    """Walk by (time, channel); a tag that finds an unused one of each other channel completes."""
    n = len(spec.channels)
    span = spec.window_full_ps / 2 if n == 2 else spec.window_full_ps
    unused: List = []
    found = []
    for t, c in sorted(tags):
        if c not in spec.channels:
            continue
        oldest = [
            min([tag for tag in unused if tag[1] == other and t - tag[0] <= span], default=None)
            for other in spec.channels
            if other != c
        ]
        if None in oldest:
            unused.append((t, c))
            continue
        for tag in oldest:
            assert tag is not None
            unused.remove(tag)
        found.append(t)
    return found


def slow_gate(tags: List, spec: Gated) -> list[int]:
    kept, is_open = [], False
    for t, c in tags:
        is_open = c == spec.open_channel or (is_open and c != spec.close_channel)
        if is_open and c == spec.channel:
            kept.append(t)
    return kept


def slow_virtual(tags: Tags, specs: list[VirtualSpec]) -> List:
    """Add one channel after the other; a stable sort puts it behind tags of equal time."""
    stream: List = list(zip(tags[0].tolist(), tags[1].tolist(), strict=True))
    for number, spec in enumerate(specs, N):
        if isinstance(spec, Coincidence):
            times = slow_fold(stream, spec)
        elif isinstance(spec, Gated):
            times = slow_gate(stream, spec)
        elif isinstance(spec, Delayed):
            times = [t + spec.delay_ps for t, c in stream if c == spec.channel]
        else:
            times = [t for t, c in stream if c == spec.channel][spec.phase :: spec.divisor]
        stream = sorted([*stream, *((t, number) for t in times)], key=lambda tag: tag[0])
    return stream


def listed(blocks: list[TagBlock]) -> List:
    return [
        tag for b in blocks for tag in zip(b.times_ps.tolist(), b.channels.tolist(), strict=True)
    ]


SPECS: list[list[VirtualSpec]] = [
    [],
    [Coincidence((0, 1), 30)],
    [Coincidence((2, 0, 1), 30), Coincidence((0, 1, 2, 3), 60)],
    [Delayed(0, 25)],
    [Delayed(0, -25), Delayed(4, 25), Delayed(1, 10**9)],
    [Gated(0, 2, 3), Gated(2, 2, 3), Divided(1, 3, 2)],
    [Delayed(1, -7), Coincidence((0, 4), 20), Divided(5, 2), Gated(0, 5, 6), Delayed(7, 5)],
    [Divided(0, 1), Coincidence((0, 4), 10), Delayed(5, -(10**9))],
]


@st.composite
def tag_streams(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    offsets = draw(st.lists(st.integers(0, 300), max_size=50))
    channels = [draw(st.integers(0, N - 1)) for _ in offsets]
    return np.array(sorted(offsets), dtype=np.int64) + start, np.array(channels, dtype=np.uint8)


@settings(deadline=None, max_examples=200)
@given(tag_streams(), st.sampled_from(SPECS))
def test_virtual_channels_equal_the_walk(tags: Tags, specs: list[VirtualSpec]) -> None:
    times, channels, n_channels = with_virtual(*tags, N, specs)
    assert list(zip(times.tolist(), channels.tolist(), strict=True)) == slow_virtual(tags, specs)
    assert n_channels == N + len(specs)


@pytest.mark.parametrize("specs", SPECS)
@pytest.mark.parametrize("spacing", [3, 30])
def test_long_streams_equal_the_walk(specs: list[VirtualSpec], spacing: int) -> None:
    rng = np.random.default_rng(spacing)
    times = np.sort(rng.integers(0, 900 * spacing, 900))
    tags = times, rng.integers(0, N, 900).astype(np.uint8)
    found = with_virtual(*tags, N, specs)
    expected = slow_virtual(tags, specs)
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected


def blocks_of(tags: Tags, edges: list[int]) -> list[TagBlock]:
    places = np.searchsorted(tags[0], edges).tolist()
    return [
        TagBlock(tags[0][i:j], tags[1][i:j], start, stop)
        for (i, j), (start, stop) in zip(pairwise(places), pairwise(edges), strict=True)
    ]


@settings(deadline=None, max_examples=200)
@given(tag_streams(), st.sampled_from(SPECS), st.lists(st.integers(0, 301), max_size=8))
def test_any_split_into_blocks_gives_the_same_stream(
    tags: Tags, specs: list[VirtualSpec], cuts: list[int]
) -> None:
    if not tags[0].size:
        return
    first, last = int(tags[0][0]), int(tags[0][-1]) + 1
    virtual = VirtualChannels(N, specs)
    edges = [first, *sorted(min(first + cut, last) for cut in cuts), last]
    out = [virtual.transform(block) for block in blocks_of(tags, edges)]
    out += virtual.finish()
    assert listed(out) == slow_virtual(tags, specs)
    assert [block.sequence for block in out] == list(range(len(out)))
    begun = [block for block in out if block.stop_ps > block.start_ps]
    assert all(a.stop_ps == b.start_ps for a, b in pairwise(begun))
    assert begun[0].start_ps == min(first, listed(out)[0][0])
    assert begun[-1].stop_ps == max(last, listed(out)[-1][0] + 1)
    assert all(a <= b for block in out for a, b in pairwise(block.times_ps.tolist()))


@settings(deadline=None)
@given(tag_streams(), st.sampled_from(SPECS), st.lists(st.integers(0, 301), max_size=8))
def test_analyzers_take_the_blocks_as_they_come(
    tags: Tags, specs: list[VirtualSpec], cuts: list[int]
) -> None:
    if not tags[0].size:
        return
    first, last = int(tags[0][0]), int(tags[0][-1]) + 1
    edges = [first, *sorted(min(first + cut, last) for cut in cuts), last]
    virtual = VirtualChannels(N, specs)
    analyzer = MatrixAnalyzer(virtual.n_channels, 50)
    for block in blocks_of(tags, edges):
        analyzer.update(virtual.transform(block))
    for block in virtual.finish():
        analyzer.update(block)
    times, channels, n_channels = with_virtual(*tags, N, specs)
    whole = coincidence_matrix(times, channels, n_channels, 50)
    assert analyzer.result().counts.tolist() == whole.counts.tolist()
    assert analyzer.result().live_s == whole.live_s


@pytest.mark.parametrize("delay_ps", [0, 37, -37, 30_000, -240_000, 10**9, -(10**9)])
def test_a_delayed_channel_counts_as_its_channel_with_that_delay(delay_ps: int) -> None:
    """`delays_ps` are subtracted, so the copy that comes earlier by d has the delay d taken off."""
    rng = np.random.default_rng(abs(delay_ps))
    times = np.sort(rng.integers(0, 3 * 10**7, 3000))
    tags = times, rng.integers(0, 2, times.size).astype(np.uint8)
    delays = [0, delay_ps]
    expected = coincidence_matrix(*tags, 2, 9000, delays).counts
    found = coincidence_matrix(*with_virtual(*tags, 2, [Delayed(1, -delay_ps)]), 9000).counts
    assert found[0, 2] == expected[0, 1]
    assert found[2, 2] == expected[1, 1]
    lags = cross_correlation(*with_virtual(*tags, 2, [Delayed(1, -delay_ps)]), [(0, 2)], 5000, 100)
    assert np.array_equal(
        lags.counts, cross_correlation(*tags, 2, [(0, 1)], 5000, 100, delays).counts
    )
    copied = with_virtual(*tags, 2, [Delayed(1, delay_ps)])
    undone = coincidence_matrix(*copied, 9000, [0, 0, delay_ps]).counts
    assert undone[0, 2] == undone[0, 1] == coincidence_matrix(*tags, 2, 9000).counts[0, 1]


def test_a_coincidence_of_two_channels_is_the_greedy_convention() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 10**8, 200_000))
    tags = times, rng.integers(0, 3, times.size).astype(np.uint8)
    _, channels, _ = with_virtual(*tags, 3, [Coincidence((0, 1), 3001)])
    counted = count_pairs(*tags, 3, [(0, 1)], 3001, None, "greedy_one_to_one").counts[0]
    assert np.count_nonzero(channels == 3) == counted > 10_000


def test_rings_grow_with_the_tags_that_wait() -> None:
    times = np.arange(4000)
    channels = np.repeat(np.array([0, 1, 2, 1], dtype=np.uint8), 1000)
    specs: list[VirtualSpec] = [Coincidence((0, 1, 2), 10_000)]
    found = with_virtual(times, channels, N, specs)
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == slow_virtual(
        (times, channels), specs
    )


@pytest.mark.parametrize("n_channels", [1, 64, 256])
def test_any_number_of_channels(n_channels: int) -> None:
    rng = np.random.default_rng(n_channels)
    times = np.sort(rng.integers(0, 10**6, 5000))
    channels = rng.integers(0, n_channels, 5000).astype(np.uint16)
    found = with_virtual(times, channels, n_channels, [Delayed(n_channels - 1, -55)])
    assert found.channels.dtype == (np.uint8 if n_channels < 256 else np.uint16)
    copies = found.times_ps[found.channels == n_channels]
    assert np.array_equal(copies, times[channels == n_channels - 1] - 55)
    assert np.array_equal(found.channels[found.channels < n_channels], channels)


def test_specs_that_make_no_sense_are_refused() -> None:
    one = np.zeros(1, dtype=np.uint8)
    wrong: list[tuple[Any, str]] = [
        (lambda: Coincidence((0,), 10), "name two or more"),
        (lambda: Coincidence((0, 0), 10), "all different"),
        (lambda: Coincidence((0, 1), 0), "window_full_ps = 0"),
        (lambda: Divided(0, 0), "divide by 1 or more"),
        (lambda: Divided(0, 3, 3), "begin at 0 to divisor - 1"),
        (lambda: Gated(0, 1, 1), "cannot both open and close"),
        (lambda: Delayed(0, 2**60), "a delay is outside"),
        (lambda: VirtualChannels(1, [Delayed(1, 5)]), "a channel outside 0 to 0"),
        (lambda: VirtualChannels(1, [Delayed(0, 2**59)] * 3), "add up to more than"),
        (lambda: with_virtual(np.array([5]), one + 3, 3, [Divided(0, 2)]), "tag 0 has channel 3"),
    ]
    for make, message in wrong:
        with pytest.raises(ValueError, match=message):
            make()
