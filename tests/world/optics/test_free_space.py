from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from simulated_devices.world.optics import FreeSpace, FreeSpaceParameters

SLICE_PS = 10_000_000_000
LIGHT_KM_S = 299_792.458
PASS = [
    {"time_s": 1.0, "loss_db": 40.0, "distance_km": 1000.0},
    {"time_s": 2.0, "loss_db": 30.0, "distance_km": 993.0},
    {"time_s": 4.0, "loss_db": 36.0, "distance_km": 1001.0},
]


def make_link(profile: list[dict[str, float]] = PASS, **parameters: Any) -> FreeSpace:
    table = {"to": "next", "profile": profile} | parameters
    return FreeSpace("downlink", FreeSpaceParameters.model_validate(table), 0)


def test_a_link_that_stays_has_one_loss_and_one_delay() -> None:
    link = make_link([{"loss_db": 20.0, "distance_km": 143.6}])
    before = link.passage
    assert before.transmission == pytest.approx(0.01)
    assert before.delay_ps == pytest.approx(143.6 / LIGHT_KM_S * 1e12)
    link.advance(0, SLICE_PS)
    assert link.passage is before


def test_loss_is_linear_in_decibel_between_points_and_held_at_the_ends() -> None:
    link = make_link()
    found = []
    for number in range(600):
        link.advance(number * SLICE_PS, (number + 1) * SLICE_PS)
        found.append(-10 * math.log10(link.passage.transmission))
    middle_s = 0.01 * (np.arange(600) + 0.5)
    expected = np.interp(middle_s, [1, 2, 4], [40, 30, 36])
    assert found == pytest.approx(expected)
    assert found[0] == pytest.approx(40.0)
    assert found[-1] == pytest.approx(36.0)


def test_the_delay_is_the_distance_over_the_speed_of_light_without_a_step() -> None:
    link = make_link()
    expected_next_ps = link.passage.delay_ps
    for number in range(600):
        link.advance(number * SLICE_PS, (number + 1) * SLICE_PS)
        passage = link.passage
        distance_km = float(np.interp(0.01 * number, [1, 2, 4], [1000, 993, 1001]))
        assert passage.delay_ps == pytest.approx(distance_km / LIGHT_KM_S * 1e12, abs=1e-3)
        assert passage.delay_ps == pytest.approx(expected_next_ps, abs=1e-3)
        expected_next_ps = passage.delay_ps + passage.delay_slope * SLICE_PS


def test_the_slope_is_the_velocity_over_the_speed_of_light() -> None:
    link = make_link()
    link.advance(150 * SLICE_PS, 151 * SLICE_PS)
    link.advance(151 * SLICE_PS, 152 * SLICE_PS)
    # Approaching with 7 km/s: -2.335e-5.
    assert link.passage.delay_slope == pytest.approx(-7.0 / LIGHT_KM_S)


def test_a_new_profile_takes_over_without_a_step_in_the_delay() -> None:
    link = make_link([{"loss_db": 30.0, "distance_km": 10.0}])
    start_ps = link.passage.delay_ps
    link.change(profile=({"loss_db": 33.0, "distance_km": 11.0},))
    link.advance(0, SLICE_PS)
    assert link.passage.delay_ps == start_ps
    assert link.passage.transmission == pytest.approx(10**-3.3)
    link.advance(SLICE_PS, 2 * SLICE_PS)
    assert link.passage.delay_ps == pytest.approx(11.0 / LIGHT_KM_S * 1e12)
    assert link.passage.delay_slope == 0.0


def test_the_sky_adds_the_same_light_at_all_frequencies() -> None:
    frequencies = np.linspace(350.0, 400.0, 5)
    assert make_link().noise_hz_per_thz(frequencies) is None
    noise = make_link(background_hz_per_thz=2e4).noise_hz_per_thz(frequencies)
    assert noise is not None
    assert noise.tolist() == [2e4] * 5


def test_times_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValidationError, match="time_s = 1 follows 1; the times must rise"):
        make_link([PASS[0], PASS[0]])
    with pytest.raises(ValidationError, match="profile"):
        make_link([])
