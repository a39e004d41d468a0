"""When pairs are made: a steady or pulsed pump, independent pairs or thermal bunches.

Poissonian pairs thin exactly, so each outcome of a pair is a process of its own, in pulses as in
steady light. Thermal light of K modes is Poissonian light whose mean is itself random, gamma
distributed with shape K, once for each pulse or coherence time. The number of pairs that fire
any detector is then negative binomial, which is a Poisson number of clusters whose sizes follow
the logarithmic distribution (M. H. Quenouille, Biometrics 5, 162 (1949)): clusters are drawn,
and empty pulses cost nothing. K = 2 is the polarization-entangled source of X. Ma, C.-H. F.
Fung, H.-K. Lo, Phys. Rev. A 76, 012307 (2007), eq. 11: P(n) = (n + 1) L^n/(1 + L)^(n + 2).

A continuously pumped thermal source is cut into cells of one coherence time. Within a cell the
pairs are uniform; the second-order coherence falls in a straight line over one cell.

The pairs of a bunch have their polarizations independently: stimulated emission changes the
number of pairs here, not their state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.randomness import poisson_times
from simulated_devices.world.slices import PS_PER_S, Times
from simulated_devices.world.source_parameters import StatisticsParameters

__all__ = ["bunched_times", "is_structured", "period_ps", "poissonian_times"]

_SIGMA_PER_FWHM = 1.0 / (2.0 * math.sqrt(2.0 * math.log(2.0)))
#: A Gaussian pulse is cut off here, which changes one pair in 1e9.
_PULSE_LIMIT_SIGMA = 6.0


def is_structured(statistics: StatisticsParameters) -> bool:
    """Return whether the light is anything but steady and Poissonian."""
    return statistics.pulse_rate_mhz is not None or statistics.photon_number == "thermal"


def period_ps(statistics: StatisticsParameters) -> Fraction:
    """Return the exact time between pulses, or the length of a coherence cell."""
    if statistics.pulse_rate_mhz is not None:
        return Fraction(1_000_000) / Fraction(statistics.pulse_rate_mhz)
    return Fraction(statistics.coherence_ps)


def poissonian_times(
    generator: np.random.Generator,
    statistics: StatisticsParameters,
    rate_hz: float,
    start_ps: int,
    stop_ps: int,
) -> Times:
    """Return the sorted times of one outcome of Poissonian pairs, in pulses if it has some.

    A pair belongs to the first pulse after its Poissonian time, so pulses at the edges of a
    slice get their pairs from both slices and none comes before its slice.
    """
    times = poisson_times(generator, rate_hz, start_ps, stop_ps)
    if statistics.pulse_rate_mhz is None or not times.size:
        return times
    begins = _next_cells(times, start_ps, period_ps(statistics))
    return _within_pulse(generator, begins, statistics)


def bunched_times(
    generator: np.random.Generator,
    statistics: StatisticsParameters,
    rates_hz: Sequence[float],
    start_ps: int,
    stop_ps: int,
) -> list[Times]:
    """Return the sorted times of each outcome of thermal pairs.

    `rates_hz` are the mean rates of the outcomes; the outcomes of a bunch are drawn one by one.
    """
    total_hz = math.fsum(rates_hz)
    empty = np.empty(0, dtype=np.int64)
    if total_hz == 0.0:
        return [empty for _ in rates_hz]
    period = float(period_ps(statistics))
    mean = total_hz * period / PS_PER_S
    modes = statistics.modes
    # Clusters per period, and the parameter of their logarithmic sizes.
    clusters_hz = modes * math.log1p(mean / modes) / period * PS_PER_S
    clusters = poisson_times(generator, clusters_hz, start_ps, stop_ps)
    if not clusters.size:
        return [empty for _ in rates_hz]
    sizes = generator.logseries(mean / (mean + modes), clusters.size)
    begins = np.repeat(_next_cells(clusters, start_ps, period_ps(statistics)), sizes)
    if statistics.pulse_rate_mhz is not None:
        times = _within_pulse(generator, begins, statistics)
    else:
        times = begins + (generator.random(begins.size) * period).astype(np.int64)
        times.sort(kind="stable")
    edges = np.cumsum(rates_hz) / total_hz
    outcomes = np.searchsorted(edges, generator.random(times.size), side="right")
    # Rounding leaves the last edge a hair below one.
    np.minimum(outcomes, len(rates_hz) - 1, out=outcomes)
    return [times[outcomes == n] for n in range(len(rates_hz))]


def _next_cells(times: Times, start_ps: int, period: Fraction) -> Times:
    """Return the beginning of the first pulse or cell at or after each time."""
    # Relative to the first cell of the slice, so that floats are exact to far below 1 ps.
    origin_ps = float(-(-start_ps // period) * period - start_ps)
    relative = (times - start_ps).astype(np.float64)
    relative -= origin_ps
    relative /= float(period)
    np.ceil(relative, out=relative)
    relative *= float(period)
    relative += origin_ps
    np.rint(relative, out=relative)
    begins: NDArray[np.int64] = relative.astype(np.int64)
    begins += start_ps
    return begins


def _within_pulse(
    generator: np.random.Generator, begins: Times, statistics: StatisticsParameters
) -> Times:
    """Return times of emission in pulses that begin at `begins`; sorted."""
    sigma_ps = statistics.pulse_fwhm_ps * _SIGMA_PER_FWHM
    if sigma_ps == 0.0:
        return begins
    offsets = generator.standard_normal(begins.size)
    np.clip(offsets, -_PULSE_LIMIT_SIGMA, _PULSE_LIMIT_SIGMA, out=offsets)
    # The pulse's center comes late enough for its leading edge to be in the slice.
    offsets += _PULSE_LIMIT_SIGMA
    offsets *= sigma_ps
    times = begins + np.rint(offsets).astype(np.int64)
    times.sort(kind="stable")
    return times
