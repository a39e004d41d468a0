from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from simulated_devices.world import expected_singles_hz
from simulated_devices.world.detector import Detector
from simulated_devices.world.detector_parameters import DetectorParameters
from simulated_devices.world.drive import Drive
from simulated_devices.world.nanowire import Nanowire, NanowireParameters
from simulated_devices.world.slices import SLICE_PS

StartWorld = Callable[..., Any]
Collect = Callable[..., Any]


def wire_at(bias_ua: float, **parameters: float) -> Nanowire:
    wire = Nanowire(NanowireParameters(**parameters))
    wire.bias_ua = bias_ua
    return wire


def is_latched(wire: Nanowire) -> bool:
    return wire.is_latched


# erfc from tables: erfc(0) = 1, erfc(1) = 0.157299207, erfc(2) = 0.004677735.
@pytest.mark.parametrize(
    ("bias_ua", "rise"),
    [
        (8.0, 1.0),
        (7.0, 0.157299207),
        (6.0, 0.004677735),
        (9.0, 2 - 0.157299207),
        (10.0, 2 - 0.004677735),
    ],
)
def test_the_efficiency_rises_with_the_bias_as_erfc(bias_ua: float, rise: float) -> None:
    wire = wire_at(bias_ua, half_efficiency_ua=8.0, transition_ua=1.0)
    at_nominal = 2 - 0.004677735
    assert wire.drive.efficiency_factor == pytest.approx(rise / at_nominal, rel=1e-6)


def test_at_the_nominal_bias_the_detector_is_what_it_is_rated() -> None:
    assert wire_at(10.0).drive == Drive(1.0, 1.0)
    assert Drive() == Drive(1.0, 1.0)


@pytest.mark.parametrize(("bias_ua", "factor"), [(11.0, math.e), (8.0, math.e**-2)])
def test_darks_grow_exponentially(bias_ua: float, factor: float) -> None:
    assert wire_at(bias_ua).drive.dark_rate_factor == pytest.approx(factor)


def test_without_bias_hardly_anything_clicks() -> None:
    drive = wire_at(0.0).drive
    assert drive.efficiency_factor < 1e-7
    assert drive.dark_rate_factor < 1e-4


def test_a_negative_bias_works_alike() -> None:
    assert wire_at(-9.0).drive == wire_at(9.0).drive
    assert wire_at(-13.5).is_latched


def test_above_the_latching_current_nothing_clicks_any_more() -> None:
    wire = wire_at(13.0)
    assert not is_latched(wire)
    wire.bias_ua = 13.01
    assert is_latched(wire)
    wire.bias_ua = 10.0
    assert is_latched(wire)
    assert wire.drive == Drive(0.0, 0.0)


def test_a_latched_wire_recovers_only_after_its_time_without_bias() -> None:
    wire = wire_at(14.0, recovery_s=0.05)
    wire.advance(10.0)
    wire.bias_ua = 0.0
    wire.advance(0.04)
    wire.bias_ua = 10.0
    wire.bias_ua = 0.0
    wire.advance(0.04)
    assert is_latched(wire)
    wire.advance(0.01)
    assert not is_latched(wire)
    wire.bias_ua = 10.0
    assert wire.drive == Drive(1.0, 1.0)


def test_a_wire_without_bias_cannot_latch() -> None:
    wire = wire_at(0.5)
    wire.latch()
    assert not is_latched(wire)
    wire.bias_ua = 10.0
    wire.latch()
    assert is_latched(wire)


@pytest.mark.parametrize(("latches", "voltage_mv"), [(False, 0.5), (True, 1000.5)])
def test_the_voltage_tells_a_latched_wire(latches: bool, voltage_mv: float) -> None:  # noqa: FBT001
    wire = wire_at(10.0)
    if latches:
        wire.latch()
    assert wire.voltage_mv == pytest.approx(voltage_mv)


def test_a_level_at_the_height_of_the_pulses_counts_half() -> None:
    wire = wire_at(10.0, pulse_mv_per_ua=10.0, noise_mv=4.0)
    assert wire.counted_fraction(100.0) == 0.5
    # One sigma either side: 0.841345 and 0.158655 of a Gaussian.
    assert wire.counted_fraction(96.0) == pytest.approx(0.841345, abs=1e-6)
    assert wire.counted_fraction(104.0) == pytest.approx(0.158655, abs=1e-6)
    assert wire.counted_fraction(25.0) == 1.0


def test_noise_crosses_the_level_as_rice_says() -> None:
    wire = wire_at(10.0, noise_crossings_hz=1e9, noise_mv=4.0)
    assert wire.noise_counts_hz(0.0) == 1e9
    assert wire.noise_counts_hz(4.0) == pytest.approx(1e9 * math.exp(-0.5))
    assert wire.noise_counts_hz(-8.0) == pytest.approx(1e9 * math.exp(-2.0))


@pytest.mark.parametrize(
    "currents",
    [
        {"nominal_bias_ua": 14.0},
        {"holding_ua": 11.0},
        {"latching_ua": 9.0},
    ],
)
def test_a_wire_that_cannot_work_is_refused(currents: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must be between holding_ua"):
        NanowireParameters(**currents)


def test_the_drive_never_makes_a_detector_better_than_perfect() -> None:
    detector = Detector("snspd", DetectorParameters(efficiency=0.9), 0)
    detector.drive = Drive(1.5, 1.0)
    assert detector.efficiency == 1.0


def test_darks_follow_the_drive() -> None:
    detector = Detector("snspd", DetectorParameters(dark_rate_hz=1e5, dead_time_ns=0.0), 0)
    detector.drive = Drive(1.0, 0.5)
    count = sum(detector.clicks(n * SLICE_PS, (n + 1) * SLICE_PS).size for n in range(100))
    assert abs(count - 50_000) < 5 * math.sqrt(50_000)
    detector.drive = Drive(0.0, 0.0)
    assert detector.clicks(100 * SLICE_PS, 101 * SLICE_PS).size == 0


def test_light_follows_the_drive(start_world: StartWorld, collect: Collect) -> None:
    world = start_world(detector={"dark_rate_hz": 0.0, "dead_time_ns": 0.0})
    world.detectors["alice_h"].drive = Drive(0.5, 1.0)
    expected_hz = {name: expected_singles_hz(world, name) for name in world.detectors}
    assert expected_hz["alice_h"] == pytest.approx(expected_hz["alice_v"] / 2)
    clicks = collect(world, 100)
    for name, rate_hz in expected_hz.items():
        assert abs(clicks[name].size - rate_hz) < 5 * math.sqrt(rate_hz)


@pytest.mark.parametrize(
    # At 10 of 13 µA the shift must be 30 %, which is 10 Mcps; at 12 µA it must be 1/12.
    ("bias_ua", "limit_hz"),
    [(10.0, 1e7), (12.0, 1e7 / 3.6), (6.5, 1e7 / 0.3)],
)
def test_a_high_click_rate_latches_the_wire(bias_ua: float, limit_hz: float) -> None:
    wire = wire_at(bias_ua, nominal_bias_ua=10.0, latching_ua=13.0, latching_rate_hz=1e7)
    wire.click(0.999 * limit_hz)
    assert not is_latched(wire)
    wire.click(1.001 * limit_hz)
    assert is_latched(wire)
    wire.click(0.0)
    assert is_latched(wire)
    wire.bias_ua = 0.0
    wire.advance(wire.parameters.recovery_s)
    assert not is_latched(wire)


def test_a_wire_without_bias_or_without_limit_does_not_latch() -> None:
    wire = wire_at(0.5, latching_rate_hz=1e3)
    wire.click(1e12)
    assert not is_latched(wire)
    wire = wire_at(10.0, latching_rate_hz=math.inf)
    wire.click(1e12)
    assert not is_latched(wire)
