"""Merging against a stable sort by NumPy."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import merging
from labctl.analysis.merging import merge

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]


def slow_merge(streams: list[Tags]) -> tuple[list[int], list[int]]:
    """Sort (time, stream, place) of all tags."""
    tags = sorted(
        (int(t), s, i, int(c))
        for s, stream in enumerate(streams)
        for i, (t, c) in enumerate(zip(*stream, strict=True))
    )
    return [tag[0] for tag in tags], [tag[3] for tag in tags]


@st.composite
def many_streams(draw: st.DrawFn) -> list[Tags]:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 60]))
    offsets = draw(st.lists(st.lists(st.integers(0, 60), max_size=20), max_size=9))
    return [
        (
            np.array(sorted(part), dtype=np.int64) + start,
            np.arange(len(part), dtype=np.uint8) + 20 * k,
        )
        for k, part in enumerate(offsets)
    ]


@settings(deadline=None)
@given(many_streams())
def test_the_merged_stream_is_the_stable_sort(streams: list[Tags]) -> None:
    times, channels = merge(streams)
    assert (times.tolist(), channels.tolist()) == slow_merge(streams)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 16, 64])
@pytest.mark.parametrize("span", [50, 10**6, 10**12])
def test_any_number_of_streams_over_many_batches(
    monkeypatch: pytest.MonkeyPatch, count: int, span: int
) -> None:
    monkeypatch.setattr(merging, "BATCH_TAGS", 300)
    rng = np.random.default_rng(count)
    sizes = rng.integers(0, 2000, count)
    streams = [
        (np.sort(rng.integers(0, span, size)), rng.integers(0, 64, size).astype(np.uint8))
        for size in sizes
    ]
    times = np.concatenate([stream[0] for stream in streams])
    order = np.argsort(times, kind="stable")
    merged = merge(iter(streams))
    assert np.array_equal(merged.times_ps, times[order])
    assert np.array_equal(merged.channels, np.concatenate([s[1] for s in streams])[order])


def test_the_merged_stream_is_a_stream_again() -> None:
    a = np.array([1, 5, 5]), np.array([0, 0, 1], dtype=np.uint8)
    b = np.array([5]), np.array([300], dtype=np.uint16)
    merged = merge([b, merge([a])])
    assert merged.times_ps.tolist() == [1, 5, 5, 5]
    assert merged.channels.tolist() == [0, 300, 0, 1]
    assert merged.channels.dtype == np.uint16
    assert merge([a]).channels.dtype == np.uint8
    assert not merged.times_ps.flags.writeable
    assert a[0].flags.writeable


def test_no_streams_give_an_empty_one() -> None:
    assert [part.size for part in merge([])] == [0, 0]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("place", [1, 500, 999])
def test_a_stream_that_is_not_sorted_is_named(
    monkeypatch: pytest.MonkeyPatch, count: int, place: int
) -> None:
    monkeypatch.setattr(merging, "BATCH_TAGS", 100)
    good = np.arange(1000) * 10, np.zeros(1000, dtype=np.uint8)
    bad = good[0].copy(), good[1]
    bad[0][place] = bad[0][place - 1] - 1
    with pytest.raises(ValueError, match=f"stream {count - 1} is not sorted: tag {place} at"):
        merge([*[good] * (count - 1), bad])


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="stream 0 has 2 times and 1 channels"):
        merge([(np.arange(2), np.zeros(1, dtype=np.uint8))])
