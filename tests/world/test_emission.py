"""Times of pairs against the closed forms of their statistics; bounds are 5 sigma."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from simulated_devices.world.emission import bunched_times, period_ps, poissonian_times
from simulated_devices.world.randomness import component_generator
from simulated_devices.world.slices import SLICE_PS, Times
from simulated_devices.world.source_parameters import StatisticsParameters

SEEDS = (1, 2, 3)


def statistics(**parameters: object) -> StatisticsParameters:
    return StatisticsParameters.model_validate(parameters)


def bunches(seed: int, rates_hz: list[float], slices: int, **parameters: object) -> list[Times]:
    generator = component_generator(seed, "test")
    table = statistics(photon_number="thermal", **parameters)
    drawn = [
        bunched_times(generator, table, rates_hz, n * SLICE_PS, (n + 1) * SLICE_PS)
        for n in range(slices)
    ]
    return [np.concatenate(parts) for parts in zip(*drawn, strict=True)]


def pulse_numbers(times: Times, period: Fraction) -> Times:
    return np.rint(times / float(period)).astype(np.int64)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("modes", [1.0, 2.0, 5.0])
def test_thermal_pulses_hold_pairs_as_the_negative_binomial_says(seed: int, modes: float) -> None:
    rate_mhz, mean, slices = 1.0, 0.3, 20
    (times,) = bunches(seed, [mean * rate_mhz * 1e6], slices, pulse_rate_mhz=rate_mhz, modes=modes)
    pulses = slices * 10_000
    held = np.bincount(pulse_numbers(times, Fraction(1_000_000)), minlength=pulses)
    for n in range(4):
        # (modes)_n / n! (mean/modes)^n / (1 + mean/modes)^(n + modes)
        log = math.lgamma(modes + n) - math.lgamma(modes) - math.lgamma(n + 1)
        log += n * math.log(mean / modes) - (n + modes) * math.log1p(mean / modes)
        probability = math.exp(log)
        sigma = math.sqrt(pulses * probability * (1.0 - probability))
        assert abs(np.count_nonzero(held == n) - pulses * probability) < 5 * sigma


def test_two_modes_are_the_published_entangled_source() -> None:
    # P(n) = (n + 1) L^n/(1 + L)^(n + 2) with L = mu/2 (Ma, Fung, Lo 2007).
    (times,) = bunches(1, [0.4e6], 20, pulse_rate_mhz=1.0, modes=2.0)
    held = np.bincount(pulse_numbers(times, Fraction(1_000_000)), minlength=200_000)
    for n in range(4):
        probability = (n + 1) * 0.2**n / 1.2 ** (n + 2)
        sigma = math.sqrt(200_000 * probability)
        assert abs(np.count_nonzero(held == n) - 200_000 * probability) < 5 * sigma


@pytest.mark.parametrize("seed", SEEDS)
def test_the_outcomes_of_a_bunch_are_drawn_one_by_one(seed: int) -> None:
    one, other = bunches(seed, [3e5, 1e5], 20, pulse_rate_mhz=1.0, modes=1.0)
    assert abs(one.size - 60_000) < 5 * math.sqrt(60_000 * 1.3)
    assert abs(other.size - 20_000) < 5 * math.sqrt(20_000 * 1.1)
    # Single-mode bunching: <n1 n2> = 2 <n1><n2> within a pulse. The variance of the product is
    # 0.15, from the first four moments of an exponential mean.
    first = np.bincount(pulse_numbers(one, Fraction(1_000_000)), minlength=200_001)
    second = np.bincount(pulse_numbers(other, Fraction(1_000_000)), minlength=200_001)
    expected = 200_000 * 2.0 * 0.3 * 0.1
    assert abs(np.dot(first, second) - expected) < 5 * math.sqrt(200_000 * 0.15)


@pytest.mark.parametrize("rate_mhz", [76.0, 80.123, 0.5])
def test_poissonian_pulses_come_at_exact_multiples_of_the_period(rate_mhz: float) -> None:
    table = statistics(pulse_rate_mhz=rate_mhz)
    generator = component_generator(0, "test")
    start = 123_456_789 * SLICE_PS  # after two weeks
    times = poissonian_times(generator, table, 1e6, start, start + SLICE_PS)
    period = period_ps(table)
    numbers = [round(Fraction(int(time)) / period) for time in times]
    errors = [abs(int(time) - number * period) for time, number in zip(times, numbers, strict=True)]
    assert max(errors) <= Fraction(501, 1000)
    assert min(times) >= start


def test_pulses_are_independent_when_poissonian() -> None:
    table = statistics(pulse_rate_mhz=1.0)
    generator = component_generator(0, "test")
    times = np.concatenate(
        [
            poissonian_times(generator, table, 3e5, n * SLICE_PS, (n + 1) * SLICE_PS)
            for n in range(20)
        ]
    )
    held = np.bincount(pulse_numbers(times, Fraction(1_000_000)), minlength=200_000)
    assert held.var() / held.mean() == pytest.approx(1.0, abs=5 * math.sqrt(2 / 200_000))


def test_a_long_pulse_spreads_its_pairs_as_a_gaussian() -> None:
    table = statistics(pulse_rate_mhz=1.0, pulse_fwhm_ps=1000.0)
    times = poissonian_times(component_generator(0, "test"), table, 1e7, 0, SLICE_PS)
    offsets = times % 1_000_000
    sigma = 1000.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
    assert offsets.std() == pytest.approx(sigma, rel=5 / math.sqrt(2 * times.size))
    assert offsets.mean() == pytest.approx(6 * sigma, abs=5 * sigma / math.sqrt(times.size))
    assert np.all(np.diff(times) >= 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_steady_thermal_light_is_bunched_over_its_coherence_time(seed: int) -> None:
    coherence_ps = 100_000
    (times,) = bunches(seed, [1e6], 100, coherence_ps=float(coherence_ps))
    # g2 = 2 - |lag|/coherence, over lags of 0 to one coherence time 3/2 on average.
    pairs = 0
    later = np.searchsorted(times, times + coherence_ps, side="right")
    pairs = int(np.sum(later - np.arange(times.size) - 1))
    uncorrelated = times.size * 1e6 * coherence_ps * 1e-12
    assert pairs / uncorrelated == pytest.approx(1.5, abs=5 * math.sqrt(1.5 * 1.5 / uncorrelated))


def test_many_modes_are_poissonian() -> None:
    (times,) = bunches(1, [3e5], 20, pulse_rate_mhz=1.0, modes=1e6)
    held = np.bincount(pulse_numbers(times, Fraction(1_000_000)), minlength=200_000)
    assert held.var() / held.mean() == pytest.approx(1.0, abs=5 * math.sqrt(2 / 200_000))


def test_darkness_draws_nothing() -> None:
    generator = component_generator(0, "test")
    table = statistics(photon_number="thermal")
    assert [t.size for t in bunched_times(generator, table, [0.0, 0.0], 0, SLICE_PS)] == [0, 0]
