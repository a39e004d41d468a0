"""Bounded sorting against a walk and a stable sort written here."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis import sorting
from labctl.analysis.sorting import BoundedSorter, SortedTags, sort_bounded
from labctl.tags.block import MAX_BLOCK_TAGS, TagFlags

Tags: TypeAlias = tuple[NDArray[np.int64], NDArray[np.uint8]]
Parts: TypeAlias = tuple[list[int], list[int], list[int], list[int], list[int]]


def slow_sort(tags: Tags, bound: int) -> Parts:
    """Set tags aside that lie too far before the latest one; sort the others."""
    newest = None
    on_time: list[tuple[int, int, int]] = []
    late: list[tuple[int, int, int]] = []
    for i, (t, c) in enumerate(zip(tags[0].tolist(), tags[1].tolist(), strict=True)):
        newest = t if newest is None else max(newest, t)
        (on_time if newest - t <= bound else late).append((t, i, c))
    on_time.sort(key=lambda tag: tag[:2])
    return (
        [tag[0] for tag in on_time],
        [tag[2] for tag in on_time],
        [tag[0] for tag in late],
        [tag[2] for tag in late],
        [tag[1] for tag in late],
    )


def joined(results: list[SortedTags]) -> Parts:
    def column(name: str) -> list[int]:
        return [int(value) for result in results for value in getattr(result, name)]

    names = ("times_ps", "channels", "late_times_ps", "late_channels", "late_indices")
    columns = tuple(column(name) for name in names)
    return columns[0], columns[1], columns[2], columns[3], columns[4]


@st.composite
def disordered(draw: st.DrawFn) -> Tags:
    start = draw(st.sampled_from([0, -(2**62), 2**62 - 300]))
    times = draw(st.lists(st.integers(0, 300), max_size=40))
    if draw(st.booleans()):
        times = [t + draw(st.integers(0, 20)) for t in sorted(times)]
    return np.array(times, dtype=np.int64) + start, np.arange(len(times), dtype=np.uint8)


@settings(deadline=None)
@given(disordered(), st.sampled_from([0, 1, 20, 100, 2**60]))
def test_within_the_bound_the_order_is_that_of_a_stable_sort(tags: Tags, bound: int) -> None:
    found = sort_bounded(*tags, bound)
    assert joined([found]) == slow_sort(tags, bound)
    assert found.flags == (TagFlags.UNSORTED if found.late_indices.size else TagFlags.NONE)
    assert found.steps_backward == int(np.count_nonzero(np.diff(tags[0]) < 0))
    if tags[0].size:
        assert found.largest_ps == int((np.maximum.accumulate(tags[0]) - tags[0]).max())


@settings(deadline=None)
@given(disordered(), st.lists(st.integers(0, 40), max_size=8), st.sampled_from([0, 20, 100]))
def test_any_split_gives_the_same_order(tags: Tags, cuts: list[int], bound: int) -> None:
    whole, taken = BoundedSorter(bound), BoundedSorter(bound)
    parts = []
    for times, channels in zip(
        np.split(tags[0], sorted(cuts)), np.split(tags[1], sorted(cuts)), strict=True
    ):
        whole.update(times, channels)
        taken.update(times, channels)
        parts.append(taken.take())
    parts.append(taken.result())
    assert joined([whole.result()]) == joined(parts) == slow_sort(tags, bound)
    assert sum(part.steps_backward for part in parts) == whole.result().steps_backward
    assert max(part.largest_ps for part in parts) == whole.result().largest_ps


@pytest.mark.parametrize(("step", "bound"), [(10, 100_000), (10**6, 10**6), (0, 10**7)])
def test_large_pieces_and_heavy_disorder(step: int, bound: int) -> None:
    rng = np.random.default_rng(5)
    true = np.arange(3 * MAX_BLOCK_TAGS) * 50
    times = true + rng.integers(0, step or bound, true.size)
    channels = rng.integers(0, 4, true.size).astype(np.uint8)
    found = sort_bounded(times, channels, bound)
    order = np.argsort(times, kind="stable")
    assert found.late_indices.size == 0
    assert np.array_equal(found.times_ps, times[order])
    assert np.array_equal(found.channels, channels[order])


def test_a_recording_like_a_real_one_comes_out_sorted() -> None:
    """267 801 tags with 173 steps backward by up to 86 ns, as a real tagger delivered them."""
    rng = np.random.default_rng(6)
    times = np.arange(267_801) * 100_000
    places = np.sort(rng.choice(times.size // 2 - 1, 173, replace=False)) * 2 + 1
    steps = rng.integers(1, 86_001, 173)
    steps[0] = 86_000
    times[places] = times[places - 1] - steps
    found = sort_bounded(times, np.zeros(times.size, dtype=np.uint8), 86_000)
    assert (found.steps_backward, found.largest_ps) == (173, 86_000)
    assert found.late_indices.size == 0
    assert np.array_equal(found.times_ps, np.sort(times))
    tighter = sort_bounded(times, np.zeros(times.size, dtype=np.uint8), 85_999)
    assert tighter.late_indices.tolist() == places[steps == 86_000].tolist()
    assert tighter.flags == TagFlags.UNSORTED


def test_what_is_settled_can_be_taken_early() -> None:
    sorter = BoundedSorter(10)
    sorter.update(np.array([0, 5, 3, 20]), np.arange(4, dtype=np.uint8))
    assert sorter.take().times_ps.tolist() == [0, 3, 5]
    assert sorter.result().times_ps.tolist() == [20]
    sorter.update(np.array([10, 9]), np.array([300, 301], dtype=np.uint16))
    last = sorter.result()
    assert last.times_ps.tolist() == [10, 20]
    assert (last.late_times_ps.tolist(), last.late_indices.tolist()) == ([9], [5])
    assert last.late_channels.tolist() == [301]


def test_equal_times_stay_in_the_order_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    times, channels = rng.integers(0, 20, 5000), np.arange(5000, dtype=np.uint16)
    expected = np.argsort(times, kind="stable").tolist()
    for moves in (0, 10**6):
        monkeypatch.setattr(sorting, "MOVES_PER_TAG", moves)
        assert sort_bounded(times, channels, 20).channels.tolist() == expected


def test_unsuitable_arguments_are_refused() -> None:
    one = np.zeros(1, dtype=np.uint8)
    with pytest.raises(ValueError, match="max_disorder_ps = -1"):
        BoundedSorter(-1)
    with pytest.raises(ValueError, match="2 times and 1 channels"):
        sort_bounded(np.arange(2), one, 5)
    with pytest.raises(ValueError, match=r"tag 0 at \d+ ps lies outside"):
        sort_bounded(np.array([2**63 - 1]), one, 5)
