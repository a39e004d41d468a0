from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ConfigError
from simulated_devices.world import SLICE_PS, Slice, TaggerModel, World

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
