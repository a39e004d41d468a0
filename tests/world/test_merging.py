"""Sorted runs, merged, against a plain sort of all pairs (time, channel)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated_devices.world.merging import merge_runs

ORIGIN_PS = 10**18


def check(runs: list[list[int]], channels: list[int], origin_ps: int) -> None:
    arrays = [np.array(sorted(run), dtype=np.int64) for run in runs]
    times, merged_channels = merge_runs(arrays, channels, origin_ps)
    expected = sorted(
        (time, channel) for run, channel in zip(runs, channels, strict=True) for time in run
    )
    assert list(zip(times.tolist(), merged_channels.tolist(), strict=True)) == expected


@given(st.lists(st.lists(st.integers(-50, 50), max_size=30), max_size=9), st.data())
def test_all_tags_come_in_order_of_time_and_channel(
    runs: list[list[int]], data: st.DataObject
) -> None:
    # Few different times, so that many are equal.
    channels = data.draw(
        st.lists(st.integers(0, 255), min_size=len(runs), max_size=len(runs), unique=True)
    )
    check([[ORIGIN_PS + time for time in run] for run in runs], channels, ORIGIN_PS)


@pytest.mark.parametrize("sizes", [(0,), (1,), (1000, 0, 1), (1, 1000), (500, 500, 500)])
def test_runs_of_any_length_are_merged(sizes: tuple[int, ...]) -> None:
    generator = np.random.default_rng(3)
    runs = [generator.integers(0, 10**10, size).tolist() for size in sizes]
    check(runs, list(range(len(sizes))), 0)


def test_runs_that_do_not_overlap_are_put_one_after_the_other() -> None:
    check([list(range(100, 200)), list(range(100))], [1, 2], 0)
    check([list(range(100)), list(range(100, 200))], [1, 2], 0)


def test_nothing_gives_nothing() -> None:
    times, channels = merge_runs([], [], 0)
    assert (times.size, channels.size) == (0, 0)


def test_the_runs_stay_as_they_are() -> None:
    run = np.arange(5, dtype=np.int64)
    merge_runs([run, run], [0, 1], 0)[0][:] = 7
    assert run.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("runs", "channels", "message"),
    [([[1]], [256], "0 to 255"), ([[1]], [0, 1], "1 runs"), ([[1 << 60]], [0], "too far")],
)
def test_what_cannot_be_merged_is_refused(
    runs: list[list[int]], channels: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        merge_runs([np.array(run, dtype=np.int64) for run in runs], channels, 0)
