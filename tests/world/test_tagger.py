from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError
from simulated_devices.world import World
from simulated_devices.world.site_clock import SiteClock, SiteClockParameters
from simulated_devices.world.slices import SLICE_PS, Slice
from simulated_devices.world.tagger import MAX_INPUT_DELAY_PS, TaggerModel

StartWorld = Callable[..., World]


def make_slice(start_ps: int = 0, **clicks: list[int]) -> Slice:
    times = {name: np.array(values, dtype=np.int64) for name, values in clicks.items()}
    return Slice(start_ps, start_ps + SLICE_PS, times)


def test_times_are_rounded_down_and_sorted_by_time_then_channel() -> None:
    tagger = TaggerModel(2000, {"a": 4, "b": 2})
    times, channels = tagger.digitize(make_slice(a=[1999, 5000, 9000], b=[0, 4999, 8001]))
    assert times.tolist() == [0, 0, 4000, 4000, 8000, 8000]
    assert channels.tolist() == [2, 4, 2, 4, 2, 4]
    assert (times.dtype, channels.dtype) == (np.dtype(np.int64), np.dtype(np.uint8))


@given(
    resolution_ps=st.integers(1, 10_000),
    offset_ps=st.integers(-(10**17), 10**17),
    start_ps=st.integers(0, 10**17),
    a=st.lists(st.integers(0, SLICE_PS - 1), max_size=30),
    b=st.lists(st.integers(0, 50), max_size=30),
)
def test_digitizing_agrees_with_python_integers(
    resolution_ps: int, offset_ps: int, start_ps: int, a: list[int], b: list[int]
) -> None:
    clicks = {"a": sorted(start_ps + t for t in a), "b": sorted(start_ps + t for t in b)}
    inputs = {"a": 255, "b": 0}
    expected = sorted(
        ((time + offset_ps) // resolution_ps * resolution_ps, inputs[name])
        for name, times in clicks.items()
        for time in times
    )
    tagger = TaggerModel(resolution_ps, inputs, offset_ps)
    times, channels = tagger.digitize(make_slice(start_ps, **clicks))
    assert list(zip(times.tolist(), channels.tolist(), strict=True)) == expected


def test_successive_slices_never_step_backward(start_world: StartWorld) -> None:
    world = start_world(pump_mw=100.0)
    tagger = TaggerModel(81, {"alice_h": 1, "bob_h": 3}, clock_offset_ps=-77)
    times = np.concatenate([tagger.digitize(world.step())[0] for _ in range(5)])
    assert np.all(np.diff(times) >= 0)


def test_detectors_that_are_not_wired_give_no_tags() -> None:
    times, channels = TaggerModel(1, {}).digitize(make_slice(a=[1, 2]))
    assert times.size == channels.size == 0


@pytest.mark.parametrize(
    ("resolution_ps", "inputs", "message"),
    [
        (0, {"a": 1}, "resolution_ps = 0"),
        (1, {"a": 256}, "inputs.a = 256 is outside 0 to 255"),
        (1, {"a": 3, "b": 3}, "inputs.b = 3 is already the channel of a"),
    ],
)
def test_impossible_wiring_is_refused(
    resolution_ps: int, inputs: dict[str, int], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        TaggerModel(resolution_ps, inputs)


def test_an_unknown_detector_is_named() -> None:
    tagger = TaggerModel(1, {"alice_hh": 1})
    with pytest.raises(ConfigError, match=r'"alice_hh".*did you mean "alice_h"'):
        tagger.digitize(make_slice(alice_h=[]))


def make_clock(**parameters: float) -> SiteClock:
    return SiteClock("site", SiteClockParameters.model_validate(parameters), 0)


def random_slices(count: int, per_slice: int, seed: int = 0) -> list[Slice]:
    rng = np.random.default_rng(seed)
    return [
        make_slice(
            k * SLICE_PS,
            **{
                name: np.sort(rng.integers(k * SLICE_PS, (k + 1) * SLICE_PS, per_slice)).tolist()
                for name in "abc"
            },
        )
        for k in range(count)
    ]


@given(
    delays_ps=st.fixed_dictionaries(
        {}, optional=dict.fromkeys("abc", st.integers(-MAX_INPUT_DELAY_PS, MAX_INPUT_DELAY_PS))
    ),
    dead_times_ps=st.fixed_dictionaries({}, optional=dict.fromkeys("abc", st.integers(0, 10**9))),
    offset_ps=st.integers(-(10**15), 10**15),
)
def test_delays_and_dead_times_agree_with_one_pulse_at_a_time(
    delays_ps: dict[str, int], dead_times_ps: dict[str, int], offset_ps: int
) -> None:
    slices = random_slices(4, 30)
    inputs = {"a": 3, "b": 1, "c": 2}
    expected = []
    for name, channel in inputs.items():
        live_from = -(10**30)
        for time in np.concatenate([part.clicks[name] for part in slices]).tolist():
            shown = time + delays_ps.get(name, 0) + offset_ps
            if shown >= live_from:
                live_from = shown + dead_times_ps.get(name, 0)
                expected.append((shown // 1000 * 1000, channel))
    tagger = TaggerModel(1000, inputs, offset_ps, delays_ps=delays_ps, dead_times_ps=dead_times_ps)
    # A further slice without clicks lets out what waits.
    parts = [
        tagger.digitize(part) for part in [*slices, make_slice(4 * SLICE_PS, a=[], b=[], c=[])]
    ]
    times = np.concatenate([part[0] for part in parts])
    channels = np.concatenate([part[1] for part in parts])
    assert np.all(np.diff(times) >= 0)
    assert sorted(zip(times.tolist(), channels.tolist(), strict=True)) == sorted(expected)


def test_each_slice_lets_out_the_tags_of_its_span() -> None:
    tagger = TaggerModel(1, {"a": 1, "b": 2}, delays_ps={"a": -700, "b": 10_000})
    spans, found = [], []
    for part in random_slices(3, 100):
        times, _ = tagger.digitize(part)
        begin, end = tagger.span_ps
        assert np.all((times >= begin) & (times < end))
        spans.append((begin, end))
        found.append(times.size)
    assert spans == [(k * SLICE_PS - 700, (k + 1) * SLICE_PS - 700) for k in range(3)]
    assert 590 <= sum(found) <= 600


def test_an_input_delay_moves_one_channel_only() -> None:
    clicks = make_slice(a=[1_000_000], b=[1_000_000])
    tagger = TaggerModel(1, {"a": 1, "b": 2}, delays_ps={"b": -250_000})
    times, channels = tagger.digitize(clicks)
    assert times.tolist() == [750_000, 1_000_000]
    assert channels.tolist() == [2, 1]


def test_times_are_those_of_the_tagger_s_own_clock() -> None:
    clock = make_clock(offset_ps=5_000_000, frequency_offset_ppb=1e6)
    tagger = TaggerModel(10, {"a": 1}, clock=clock)
    first, _ = tagger.digitize(make_slice(a=[0, 1_000_000, 2_000_000]))
    # 1e6 ppb: 1000 ps gained per microsecond.
    assert first.tolist() == [5_000_000, 6_001_000, 7_002_000]
    second, _ = tagger.digitize(make_slice(SLICE_PS, a=[SLICE_PS]))
    assert second.tolist() == [SLICE_PS + 5_000_000 + SLICE_PS // 1000]
    assert tagger.span_ps[1] == 2 * SLICE_PS + 5_000_000 + 2 * SLICE_PS // 1000


def test_two_taggers_of_a_site_share_its_clock() -> None:
    clock = make_clock(frequency_offset_ppb=500.0, white_fm=1e-8)
    taggers = [TaggerModel(1, {"a": 1}, clock=clock) for _ in range(2)]
    for part in random_slices(3, 50):
        first, second = (tagger.digitize(part)[0] for tagger in taggers)
        assert np.array_equal(first, second)


def test_a_noisy_clock_with_delays_never_steps_backward() -> None:
    clock = make_clock(frequency_offset_ppb=-50_000.0, white_fm=1e-7, random_walk_fm=1e-7)
    tagger = TaggerModel(
        7, {"a": 1, "b": 2, "c": 3}, clock=clock, delays_ps={"a": -123_456_789, "c": 10**9}
    )
    parts = [tagger.digitize(part)[0] for part in random_slices(10, 500)]
    assert np.all(np.diff(np.concatenate(parts)) >= 0)


def test_a_dead_time_reaches_into_the_next_slice() -> None:
    tagger = TaggerModel(1, {"a": 1}, dead_times_ps={"a": 10_000})
    last = SLICE_PS - 3_000
    assert tagger.digitize(make_slice(a=[last]))[0].tolist() == [last]
    later = make_slice(SLICE_PS, a=[last + 9_999, last + 10_000])
    assert tagger.digitize(later)[0].tolist() == [last + 10_000]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delays_ps": {"alice": 1}}, "delays_ps.alice: no such input.*inputs: alice_h"),
        ({"delays_ps": {"alice_h": 10**10}}, "delays_ps.alice_h = 10000000000 ps is outside"),
        ({"dead_times_ps": {"alice_h": -1}}, "dead_times_ps.alice_h = -1 ps is outside 0"),
        ({"clock": make_clock(), "clock_offset_ps": 3}, "set offset_ps of clock site"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TaggerModel(1, {"alice_h": 1}, **options)
