from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world.optics import (
    Attenuator,
    AttenuatorParameters,
    DelayLine,
    DelayLineParameters,
    Rotator,
    RotatorParameters,
    WavePlate,
    WavePlateParameters,
)
from simulated_devices.world.optics.jones import stokes

H = np.array([1, 0], dtype=np.complex128)
FREQUENCIES = np.linspace(190.0, 195.0, 7)


def make_plate(**parameters: float) -> WavePlate:
    return WavePlate("plate", WavePlateParameters(to="next", **parameters), 0)


def test_an_attenuator_lets_insertion_loss_and_attenuation_through() -> None:
    attenuator = Attenuator("att", AttenuatorParameters(to="next", loss_db=1.0), 0)
    assert attenuator.passage.transmission == pytest.approx(10**-0.1)
    attenuator.attenuation_db = 29.0
    assert attenuator.attenuation_db == 29.0
    assert attenuator.passage.transmission == pytest.approx(1e-3)
    assert attenuator.outputs == ("next",)
    assert np.array_equal(attenuator.routing(FREQUENCIES), np.ones((1, 7)))
    assert attenuator.noise_hz_per_thz(FREQUENCIES) is None


def test_a_closed_shutter_lets_nothing_through() -> None:
    attenuator = Attenuator("att", AttenuatorParameters(to="next", is_blocked=True), 0)
    assert attenuator.passage.transmission == 0.0
    attenuator.is_blocked = False
    assert not attenuator.is_blocked
    assert attenuator.passage.transmission == pytest.approx(10**-0.1)


@pytest.mark.parametrize("attenuation_db", [-0.1, 100.1, math.nan, math.inf])
def test_an_impossible_attenuation_is_refused(attenuation_db: float) -> None:
    attenuator = Attenuator("att", AttenuatorParameters(to="next"), 0)
    with pytest.raises(LimitError, match=r"att\.attenuation_db = .* is outside 0 to 100"):
        attenuator.attenuation_db = attenuation_db
    with pytest.raises(LimitError, match="attenuation_db"):
        attenuator.change(attenuation_db=attenuation_db)
    assert attenuator.attenuation_db == 0.0


def test_the_passage_stays_the_same_object_until_something_changes() -> None:
    plate = make_plate()
    before = plate.passage
    plate.advance(0, 10)
    assert plate.passage is before
    plate.angle_deg = 10.0
    assert plate.passage is not before


def test_a_half_wave_plate_turns_h_by_twice_its_angle() -> None:
    plate = make_plate(retardance_waves=0.5, loss_db=0.0)
    for angle_deg in (0.0, 10.0, 22.5, 77.0, -33.0):
        plate.angle_deg = angle_deg
        turned = math.radians(4.0 * angle_deg)
        expected = [math.cos(turned), math.sin(turned), 0.0]
        assert stokes(plate.passage.jones @ H) == pytest.approx(expected, abs=1e-14)


def test_a_quarter_wave_plate_makes_circular_light() -> None:
    plate = make_plate(retardance_waves=0.25, angle_deg=45.0)
    assert stokes(plate.passage.jones @ H) == pytest.approx([0, 0, -1], abs=1e-14)
    assert plate.passage.transmission == pytest.approx(10**-0.002)


def test_a_mount_that_turns_on_and_on_brings_the_same_plate_back() -> None:
    plate = make_plate(angle_deg=20.0)
    start = plate.passage.jones
    plate.angle_deg = 20.0 + 360.0 * 17
    assert plate.angle_deg == pytest.approx(20.0)
    assert plate.passage.jones == pytest.approx(start, abs=1e-12)


def test_an_angle_that_is_no_number_is_refused() -> None:
    plate, rotator = make_plate(), Rotator("twist", RotatorParameters(to=""), 0)
    with pytest.raises(LimitError, match=r"plate\.angle_deg = nan"):
        plate.angle_deg = math.nan
    with pytest.raises(LimitError, match=r"twist\.angle_deg = inf"):
        rotator.angle_deg = math.inf


def test_a_rotator_turns_linear_light_by_its_angle_and_keeps_circular_light() -> None:
    rotator = Rotator("twist", RotatorParameters(to="next", angle_deg=15.0), 0)
    turned = math.radians(30.0)
    expected = [math.cos(turned), math.sin(turned), 0.0]
    assert stokes(rotator.passage.jones @ H) == pytest.approx(expected)
    assert stokes(rotator.passage.jones @ np.array([1, 1j])) == pytest.approx([0, 0, 1], abs=1e-15)
    assert rotator.passage.transmission == 1.0
    rotator.angle_deg = 375.0
    assert rotator.angle_deg == pytest.approx(15.0)


def test_a_delay_line_delays_by_twice_its_position_over_the_speed_of_light() -> None:
    line = DelayLine("line", DelayLineParameters(to="next"), 0)
    assert line.passage.delay_ps == 0.0
    # 149.896229 mm there and back are 299.792458 mm, which is one nanosecond.
    line.position_mm = 149.896229
    assert line.position_mm == 149.896229
    assert line.passage.delay_ps == pytest.approx(1000.0)
    assert line.passage.transmission == pytest.approx(10**-0.1)


def test_a_delay_line_with_four_passes_delays_twice_as_much() -> None:
    line = DelayLine("line", DelayLineParameters(to="next", passes=4, position_mm=149.896229), 0)
    assert line.passage.delay_ps == pytest.approx(2000.0)


@pytest.mark.parametrize("position_mm", [-1e-6, 1000.1, math.nan])
def test_a_position_off_the_stage_is_refused(position_mm: float) -> None:
    line = DelayLine("line", DelayLineParameters(to="next"), 0)
    with pytest.raises(LimitError, match=r"line\.position_mm = .* is outside 0 to 1000"):
        line.position_mm = position_mm
