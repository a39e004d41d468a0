from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulated_devices.world.kernels import (
    Response,
    register,
    register_each,
    register_paralyzable,
)
from simulated_devices.world.randomness import component_generator, poisson_times
from simulated_devices.world.slices import SLICE_PS, Times


def prolonging_clicks(candidates: Times, dead_ps: int) -> list[int]:
    """Paralyzable dead time: a candidate clicks if no other came in the dead time before it."""
    times = candidates.tolist()
    return [
        t for before, t in zip([-(10**18), *times], times, strict=False) if t >= before + dead_ps
    ]


def live_clicks(candidates: Times, dead_ps: int) -> list[int]:
    """Non-paralyzable dead time, one candidate after the other."""
    clicks: list[int] = []
    for time in candidates.tolist():
        if not clicks or time >= clicks[-1] + dead_ps:
            clicks.append(time)
    return clicks


def test_an_afterpulse_follows_the_rearming_with_an_exponential_delay() -> None:
    starts = np.arange(1, 20_001, dtype=np.int64) * 100_000_000
    clicks, pending, _live = register_each(
        starts,
        np.empty(0, dtype=np.int64),
        0,
        10**13,
        Response(50_000, False, 0.0, 0.5, 200_000.0),
        component_generator(0, "test"),
    )
    assert pending.size == 0
    phase = clicks % 100_000_000
    first = phase[np.flatnonzero(phase == 0)[:-1] + 1]
    delays = first[first > 0] - 50_000
    count = delays.size
    assert abs(count - 10_000) < 5 * math.sqrt(20_000 * 0.25)
    assert delays.min() >= 0
    assert abs(delays.mean() - 200_000) < 5 * 200_000 / math.sqrt(count)
    # Var of an exponential's sample variance is 8 T^4/n.
    assert abs(delays.std() / 200_000 - 1) < 5 * math.sqrt(2 / count)


@given(
    cuts=st.lists(st.integers(0, 1_000_000_000), max_size=8),
    dead_ps=st.sampled_from([0, 50_000, 3_000_000]),
    decay_ps=st.sampled_from([1_000.0, 1e6, 1e8]),
    is_paralyzable=st.booleans(),
    recovery_ps=st.sampled_from([0.0, 1e6]),
    seed=st.integers(0, 100),
)
def test_clicks_do_not_depend_on_how_time_is_cut(
    cuts: list[int],
    dead_ps: int,
    decay_ps: float,
    is_paralyzable: bool,  # noqa: FBT001
    recovery_ps: float,
    seed: int,
) -> None:
    response = Response(dead_ps, is_paralyzable, recovery_ps, 0.6, decay_ps)
    light = poisson_times(component_generator(seed, "light"), 5e5, 0, 1_000_000_000)

    def in_pieces(stops: list[int]) -> tuple[list[int], list[int], int]:
        generator = component_generator(seed, "afterpulses")
        pending, live_from_ps, start = np.empty(0, dtype=np.int64), 0, 0
        clicks: list[int] = []
        for stop in stops:
            piece = light[(light >= start) & (light < stop)]
            new, pending, live_from_ps = register_each(
                piece, pending, live_from_ps, stop, response, generator
            )
            clicks += new.tolist()
            start = stop
        return clicks, pending.tolist(), live_from_ps

    assert in_pieces([*sorted(cuts), 1_000_000_000]) == in_pieces([1_000_000_000])


def test_many_afterpulses_may_be_under_way_at_once() -> None:
    light = np.arange(5_000, dtype=np.int64)
    response = Response(0, False, 0.0, 1.0, 1e12)
    clicks, pending, _live = register_each(
        light, np.empty(0, dtype=np.int64), 0, 5_000, response, component_generator(0, "test")
    )
    assert clicks.tolist() == light.tolist()
    assert pending.size == 5_000
    assert np.all(np.diff(pending) >= 0)


@given(
    gaps=st.lists(st.integers(0, 40), max_size=60),
    dead_ps=st.integers(0, 50),
)
def test_registration_agrees_with_one_candidate_at_a_time(gaps: list[int], dead_ps: int) -> None:
    candidates = np.cumsum(np.array(gaps, dtype=np.int64))
    clicks, _live = register(candidates, 0, dead_ps)
    assert clicks.tolist() == live_clicks(candidates, dead_ps)
    clicks, _live = register_paralyzable(candidates, 0, dead_ps)
    assert clicks.tolist() == prolonging_clicks(candidates, dead_ps)


@pytest.mark.parametrize("is_paralyzable", [False, True])
def test_without_afterpulses_and_recovery_the_general_loop_is_the_fast_one(
    is_paralyzable: bool,  # noqa: FBT001
) -> None:
    light = poisson_times(component_generator(0, "light"), 2e7, 0, SLICE_PS)
    none = np.empty(0, dtype=np.int64)
    response = Response(50_000, is_paralyzable, 0.0, 0.0, 1.0)
    general = register_each(light, none, 0, SLICE_PS, response, component_generator(0, "test"))
    fast = (register_paralyzable if is_paralyzable else register)(light, 0, 50_000)
    assert np.array_equal(general[0], fast[0])
    assert general[2] == fast[1]
