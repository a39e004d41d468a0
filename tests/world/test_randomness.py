from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.errors import LimitError
from simulated_devices.world.randomness import component_generator, poisson_times

START_PS = 70_000_000_000
STOP_PS = START_PS + 10_000_000_000


@pytest.mark.parametrize("seed", range(3))
def test_counts_are_poissonian(seed: int) -> None:
    generator = component_generator(seed, "test")
    counts = np.array([poisson_times(generator, 2e3, START_PS, STOP_PS).size for _ in range(5000)])
    mean = 20.0
    assert abs(counts.mean() - mean) < 5 * math.sqrt(mean / counts.size)
    # Var of the sample variance of a Poisson variable: (mean + 2 mean^2)/n.
    assert abs(counts.var() - mean) < 5 * math.sqrt((mean + 2 * mean**2) / counts.size)


@pytest.mark.parametrize("seed", range(3))
def test_times_are_sorted_and_uniform_in_the_slice(seed: int) -> None:
    times = poisson_times(component_generator(seed, "test"), 1e7, START_PS, STOP_PS)
    assert times.dtype == np.int64
    assert np.all(np.diff(times) >= 0)
    assert times[0] >= START_PS
    assert times[-1] < STOP_PS
    # Kolmogorov-Smirnov: P(sqrt(n) D > 2.6) = 2 exp(-2 * 2.6^2) = 2.7e-6, about 5 sigma.
    uniform = (times - START_PS) / (STOP_PS - START_PS)
    steps = np.arange(times.size) / times.size
    assert np.abs(uniform - steps).max() * math.sqrt(times.size) < 2.6


def test_gaps_are_exponential() -> None:
    times = poisson_times(component_generator(4, "test"), 1e7, START_PS, STOP_PS)
    gaps = np.diff(times) / 1e5
    edges = np.array([0.0, 0.5, 1.0, 2.0, 4.0, np.inf])
    observed, _ = np.histogram(gaps, edges)
    expected = -np.diff(np.exp(-edges)) * gaps.size
    assert np.all(np.abs(observed - expected) < 5 * np.sqrt(expected))


def test_a_rate_of_zero_gives_no_events() -> None:
    assert poisson_times(component_generator(0, "test"), 0.0, START_PS, STOP_PS).size == 0


def test_streams_depend_on_seed_and_component_only() -> None:
    first = component_generator(1, "pump").random(4)
    assert np.array_equal(first, component_generator(1, "pump").random(4))
    assert not np.array_equal(first, component_generator(2, "pump").random(4))
    assert not np.array_equal(first, component_generator(1, "pumq").random(4))


def test_streams_of_two_components_are_uncorrelated() -> None:
    a = component_generator(1, "detector/a/darks").standard_normal(100_000)
    b = component_generator(1, "detector/b/darks").standard_normal(100_000)
    assert abs(float(np.mean(a * b))) < 5 / math.sqrt(a.size)


def test_a_rate_beyond_memory_is_refused() -> None:
    with pytest.raises(LimitError, match=r"draw 1e\+13 events/s; at most 2e\+09"):
        poisson_times(component_generator(0, "test"), 1e13, START_PS, STOP_PS)
