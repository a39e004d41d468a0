"""A single-photon detector: from photons and darks to clicks.

Order of events at a detector: light, darks and afterpulses are candidates; each has its time of
registration (time of flight, jitter and cable included); in this order of time a live detector
turns a candidate into a click and is dead for the dead time. Two clicks are therefore never
closer than the dead time.

Jitter is applied to photons of pairs of which both photons fire, because it shows only in the
difference of their times. For all other candidates it would change nothing: independent
displacements turn a Poisson process of constant rate into a Poisson process of the same rate
(Kingman, Poisson Processes, 1993, 5.5). The same theorem makes the dead-time formulas exact for
jittered light.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulated_devices.world.kernels import register, register_with_afterpulses
from simulated_devices.world.node import Node
from simulated_devices.world.parameters import DetectorParameters
from simulated_devices.world.randomness import component_generator, poisson_times
from simulated_devices.world.slices import Times

__all__ = ["COMMON_PATH_PS", "FWHM_PER_SIGMA", "JITTER_LIMIT_SIGMA", "Detector", "Drive"]

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Full width at half maximum of a Gaussian over its standard deviation."""

JITTER_LIMIT_SIGMA = 10.0
"""Jitter is cut off here, which changes one photon in 1e23."""

COMMON_PATH_PS = 100_000
"""100 ns (20 m of fibre) common to all light and not part of any `delay_ps`.

It exceeds `JITTER_LIMIT_SIGMA` of the largest allowed jitter (20 ns FWHM), so a photon never
clicks before it is created, however negative its jitter."""


@dataclass(frozen=True, slots=True)
class Drive:
    """What the bias makes of a detector: factors on the efficiency and dark rate it is rated at."""

    efficiency_factor: float = 1.0
    dark_rate_factor: float = 1.0


class Detector(Node[DetectorParameters]):
    """One detector; it keeps what a slice boundary must not cut.

    Exactness across slices: every candidate registers no earlier than the start of the slice
    that creates it (see `COMMON_PATH_PS`), so at the end of a slice all candidates before that
    end are known. The detector is a sequential machine over candidates in order of time; it
    stops at the boundary and goes on with the same state (candidates and afterpulses not yet
    due, end of the dead time), as if there were no boundary.
    """

    def __init__(self, name: str, parameters: DetectorParameters, seed: int) -> None:
        super().__init__(name, parameters)
        self._darks = component_generator(seed, f"detector/{name}/darks")
        self._jitter = component_generator(seed, f"detector/{name}/jitter")
        self._afterpulses = component_generator(seed, f"detector/{name}/afterpulses")
        self._arriving: list[Times] = []
        self._pending_afterpulses = np.empty(0, dtype=np.int64)
        self._live_from_ps = 0
        #: Set by the instrument that biases the detector, from any thread; acts from the next
        #: slice on, like the parameters.
        self.drive = Drive()

    @property
    def efficiency(self) -> float:
        """Probability that a photon at the detector's face clicks at the present bias."""
        return min(1.0, self._parameters.efficiency * self.drive.efficiency_factor)

    @property
    def dark_rate_hz(self) -> float:
        """Clicks per second without any light at the present bias."""
        return self._parameters.dark_rate_hz * self.drive.dark_rate_factor

    def absorb(self, arrivals_ps: Times) -> None:
        """Take photons whose partners fire no detector."""
        if arrivals_ps.size:
            self._arriving.append(arrivals_ps + (COMMON_PATH_PS + self._parameters.delay_ps))

    def absorb_paired(self, arrivals_ps: Times) -> None:
        """Take photons whose partners reach a detector as well."""
        if arrivals_ps.size:
            registrations = arrivals_ps + (COMMON_PATH_PS + self._parameters.delay_ps)
            registrations += self._draw_jitter(arrivals_ps.size)
            self._arriving.append(registrations)

    def clicks(self, start_ps: int, stop_ps: int) -> Times:
        """Return the sorted clicks in start_ps <= t < stop_ps, after all light was absorbed."""
        parameters = self._parameters
        # Darks are drawn in registration time: a stationary process has no delay.
        darks = poisson_times(self._darks, self.dark_rate_hz, start_ps, stop_ps)
        candidates = np.concatenate((*self._arriving, darks))
        # A few sorted runs, jitter aside: timsort merges them, 8 times faster than quicksort.
        candidates.sort(kind="stable")
        due = int(np.searchsorted(candidates, stop_ps))
        # A copy, or the waiting few would keep the memory of all.
        self._arriving = [candidates[due:].copy()]
        dead_ps = round(parameters.dead_time_ns * 1000.0)
        if parameters.afterpulse_probability == 0.0 and self._pending_afterpulses.size == 0:
            clicks, self._live_from_ps = register(candidates[:due], self._live_from_ps, dead_ps)
            return clicks
        clicks, self._pending_afterpulses, self._live_from_ps = register_with_afterpulses(
            candidates[:due],
            self._pending_afterpulses,
            self._live_from_ps,
            stop_ps,
            dead_ps,
            parameters.afterpulse_probability,
            parameters.afterpulse_decay_ns * 1000.0,
            self._afterpulses,
        )
        return clicks

    def _draw_jitter(self, count: int) -> Times:
        sigma_ps = self._parameters.jitter_fwhm_ps / FWHM_PER_SIGMA
        if sigma_ps == 0.0:
            return np.zeros(count, dtype=np.int64)
        jitter = self._jitter.standard_normal(count)
        np.clip(jitter, -JITTER_LIMIT_SIGMA, JITTER_LIMIT_SIGMA, out=jitter)
        jitter *= sigma_ps
        np.rint(jitter, out=jitter)
        return jitter.astype(np.int64)
