"""Seeded random streams and the Poisson process."""

from __future__ import annotations

import numpy as np

from labctl.errors import LimitError
from simulated_devices.world.slices import PS_PER_S, Times

__all__ = ["MAX_EVENTS_PER_DRAW", "component_generator", "poisson_times"]

MAX_EVENTS_PER_DRAW = 20_000_000
"""160 MB of times; 2 G events/s in a 10 ms slice, far above what any detector survives."""


def component_generator(seed: int, component: str) -> np.random.Generator:
    """Return the random stream of one component of the world.

    The name, not the order of creation, selects the child of the seed: a component added to
    the bench does not change the random numbers of the others. SFC64 is the fastest of
    NumPy's bit generators.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=tuple(component.encode()))
    return np.random.Generator(np.random.SFC64(sequence))


def poisson_times(
    generator: np.random.Generator, rate_hz: float, start_ps: int, stop_ps: int
) -> Times:
    """Draw the sorted times of a homogeneous Poisson process in start_ps <= t < stop_ps.

    The count is Poisson; given the count the times are uniform, and the partial sums of n + 1
    exponential gaps over their total are n sorted uniform numbers (L. Devroye, Non-Uniform
    Random Variate Generation, 1986, V.3), which saves the sort.

    Raises:
        LimitError: the expected count is beyond `MAX_EVENTS_PER_DRAW`.
    """
    duration_ps = stop_ps - start_ps
    expected = rate_hz * duration_ps / PS_PER_S
    if expected > MAX_EVENTS_PER_DRAW:
        raise LimitError(
            f"the simulated world would have to draw {rate_hz:.3g} events/s; "
            f"at most {MAX_EVENTS_PER_DRAW * PS_PER_S / duration_ps:.3g} are possible",
            hint="Reduce the pump power or pairs_hz_per_mw ([simulation.source]).",
        )
    count = int(generator.poisson(expected))
    if count == 0:
        return np.empty(0, dtype=np.int64)
    sums = generator.standard_exponential(count + 1)
    np.cumsum(sums, out=sums)
    sums *= duration_ps / sums[-1]
    times: Times = sums[:-1].astype(np.int64)
    # Rounding may put the last time on the (excluded) end, about once in 1e10 draws.
    np.minimum(times, duration_ps - 1, out=times)
    times += start_ps
    return times
