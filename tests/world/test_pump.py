from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world import Pump, PumpParameters
from simulated_devices.world.randomness import component_generator

SLICE_S = 0.01


def make_pump(seed: int = 0, **parameters: float) -> Pump:
    quiet = {"power_noise_relative": 0.0, "settling_time_s": 0.0}
    table = PumpParameters.model_validate(quiet | parameters)
    return Pump("pump", table, component_generator(seed, "pump"))


def test_a_new_pump_gives_no_light() -> None:
    pump = make_pump()
    pump.target_mw = 5.0
    assert pump.advance(SLICE_S) == 0.0
    assert pump.output_mw == 0.0


def test_without_settling_time_the_target_is_reached_in_the_next_slice() -> None:
    pump = make_pump()
    pump.target_mw, pump.emitting = 5.0, True
    assert pump.advance(SLICE_S) == pytest.approx(5.0)
    assert pump.output_mw == pytest.approx(5.0)


def test_power_settles_as_a_first_order_lag() -> None:
    pump = make_pump(settling_time_s=0.1)
    pump.target_mw, pump.emitting = 5.0, True
    energy_mj = sum(pump.advance(SLICE_S) * SLICE_S for _ in range(20))
    # After t = 2 tau: P = 5 (1 - e^-2), and its integral 5 (t - tau (1 - e^-2)).
    assert pump.output_mw == pytest.approx(5.0 * (1 - math.exp(-2)))
    assert energy_mj == pytest.approx(5.0 * (0.2 - 0.1 * (1 - math.exp(-2))))


def test_switching_off_is_immediate_and_switching_on_starts_from_zero() -> None:
    pump = make_pump(settling_time_s=0.1)
    pump.target_mw, pump.emitting = 5.0, True
    for _ in range(100):
        pump.advance(SLICE_S)
    pump.emitting = False
    assert pump.output_mw == 0.0
    assert pump.advance(SLICE_S) == 0.0
    pump.emitting = True
    assert pump.output_mw == 0.0
    assert pump.settled_mw == 5.0
    pump.advance(SLICE_S)
    assert pump.output_mw == pytest.approx(5.0 * (1 - math.exp(-0.1)))


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_its_rms_and_its_correlation_time(seed: int) -> None:
    pump = make_pump(seed, power_noise_relative=0.01, power_noise_time_s=0.1)
    pump.target_mw, pump.emitting = 1.0, True
    noise = np.array([pump.advance(SLICE_S) for _ in range(40_000)]) - 1.0
    correlation = math.exp(-SLICE_S / 0.1)
    # An AR(1) series of N samples: var of the mean is s2 (1 + c)/(1 - c)/N, relative variance
    # of the variance 2 (1 + c^2)/(1 - c^2)/N, of the lag-1 correlation (1 - c^2)/N.
    count = noise.size
    mean_sigma = 0.01 * math.sqrt((1 + correlation) / (1 - correlation) / count)
    relative_sigma = math.sqrt(2 * (1 + correlation**2) / (1 - correlation**2) / count)
    assert abs(noise.mean()) < 5 * mean_sigma
    assert abs(noise.var() / 1e-4 - 1) < 5 * relative_sigma
    lag_one = float(np.mean(noise[1:] * noise[:-1]) / noise.var())
    assert abs(lag_one - correlation) < 5 * math.sqrt((1 - correlation**2) / count)


@pytest.mark.parametrize("power_mw", [-1.0, math.nan, math.inf])
def test_an_impossible_target_is_refused(power_mw: float) -> None:
    pump = make_pump()
    with pytest.raises(LimitError, match="pump target_mw"):
        pump.target_mw = power_mw
    assert pump.target_mw == 0.0
