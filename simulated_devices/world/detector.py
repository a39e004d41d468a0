"""A single-photon detector: from photons and darks to clicks.

Order of events at a detector: light, darks and afterpulses are candidates; each has its time of
registration (time of flight, jitter and cable included); in this order of time a live detector
turns a candidate into a click and is dead for the dead time. Two clicks are therefore never
closer than the dead time. A paralyzable detector starts its dead time anew with each candidate
in it; one that recovers gradually clicks, at x after the end of the dead time, with the
probability 1 - exp(-x/recovery).

Jitter is Gaussian; a fraction of the photons is late by an exponential time on top (carriers of
an avalanche diode that diffuse to the junction). It is applied to light whose times show it:
photons of pairs of which both fire, and pulses. For light and darks of constant rate it would
change nothing: independent displacements turn a Poisson process of constant rate into a Poisson
process of the same rate (Kingman, Poisson Processes, 1993, 5.5). The same theorem makes the
dead-time formulas exact for jittered light.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from simulated_devices.world.detector_parameters import DetectorParameters
from simulated_devices.world.drive import Drive
from simulated_devices.world.kernels import (
    ALWAYS_LIVE_PS,
    Response,
    register,
    register_each,
    register_paralyzable,
)
from simulated_devices.world.node import Node
from simulated_devices.world.randomness import component_generator, poisson_times
from simulated_devices.world.slices import Times

__all__ = [
    "COMMON_PATH_PS",
    "FWHM_PER_SIGMA",
    "JITTER_LIMIT_SIGMA",
    "MAX_AFTERPULSE_PROBABILITY",
    "MAX_DARK_RATE_HZ",
    "Detector",
]

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Full width at half maximum of a Gaussian over its standard deviation."""

JITTER_LIMIT_SIGMA = 10.0
"""Jitter is cut off here, which changes one photon in 1e23."""

COMMON_PATH_PS = 100_000
"""100 ns (20 m of fibre) common to all light and not part of any `delay_ps`.

It exceeds `JITTER_LIMIT_SIGMA` of the largest allowed jitter (20 ns FWHM), so a photon never
clicks before it is created, however negative its jitter. The tail only delays, without limit."""

MAX_AFTERPULSE_PROBABILITY = 0.9
"""Ten clicks per photon: a diode that afterpulses more never comes to rest and is of no use."""

MAX_DARK_RATE_HZ = 1e9
"""A hot or overdriven detector has no more: any dead time makes the difference invisible."""


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
        self._tail = component_generator(seed, f"detector/{name}/jitter tail")
        self._response = component_generator(seed, f"detector/{name}/afterpulses")
        self._arriving: list[Times] = []
        self._pending_afterpulses = np.empty(0, dtype=np.int64)
        self._live_from_ps = ALWAYS_LIVE_PS
        self._biased = Drive()
        self.faults: dict[str, Callable[..., None]] = {}
        if parameters.avalanche is not None:
            self.faults = {"bias": self._fail_bias, "cooler": self._fail_cooler}

    @property
    def drive(self) -> Drive:
        """What bias and temperature make of the detector, besides its rated values.

        Set by the instrument that biases it, from any thread; acts from the next slice on, like
        the parameters. An avalanche diode's own bias and temperature come on top.
        """
        diode = self._parameters.avalanche
        return self._biased if diode is None else self._biased.with_too(diode.drive)

    @drive.setter
    def drive(self, drive: Drive) -> None:
        self._biased = drive

    def drift(self) -> dict[str, Any]:
        """Return what bias and temperature make of it at present."""
        return {
            "present_efficiency": self.efficiency,
            "present_dark_rate_hz": self.dark_rate_hz,
        }

    def _fail_bias(self, *, bias_v: float = 0.0) -> None:
        """Let the diode's bias supply give another voltage; below breakdown it is blind."""
        self._change_diode(bias_v=bias_v)

    def _fail_cooler(self, *, temperature_degc: float = 20.0) -> None:
        """Let the diode come to another temperature: its darks and breakdown voltage follow."""
        self._change_diode(temperature_degc=temperature_degc)

    def _change_diode(self, **changes: float) -> None:
        diode = self._parameters.avalanche
        present = {} if diode is None else diode.model_dump()
        self.change(avalanche=present | changes)

    @property
    def efficiency(self) -> float:
        """Probability that a photon at the detector's face clicks at the present bias."""
        return min(1.0, self._parameters.efficiency * self.drive.efficiency_factor)

    @property
    def dark_rate_hz(self) -> float:
        """Clicks per second without any light at the present bias."""
        rate_hz = self._parameters.dark_rate_hz * self.drive.dark_rate_factor
        return min(MAX_DARK_RATE_HZ, rate_hz)

    @property
    def afterpulse_probability(self) -> float:
        """Mean number of afterpulses that a click starts at the present bias."""
        rated = self._parameters.afterpulse_probability
        return min(MAX_AFTERPULSE_PROBABILITY, rated * self.drive.afterpulse_factor)

    def absorb(self, arrivals_ps: Times) -> None:
        """Take light of constant rate whose partners fire no detector: jitter does not show."""
        if arrivals_ps.size:
            self._arriving.append(arrivals_ps + (COMMON_PATH_PS + self._parameters.delay_ps))

    def absorb_paired(self, arrivals_ps: Times) -> None:
        """Take light whose times are told from others: of pairs that fire both, or of pulses."""
        if arrivals_ps.size:
            registrations = arrivals_ps + (COMMON_PATH_PS + self._parameters.delay_ps)
            self._displace(registrations)
            self._arriving.append(registrations)

    def clicks(self, start_ps: int, stop_ps: int) -> Times:
        """Return the sorted clicks in start_ps <= t < stop_ps, after all light was absorbed."""
        # Darks are drawn in registration time: a stationary process has no delay.
        darks = poisson_times(self._darks, self.dark_rate_hz, start_ps, stop_ps)
        candidates = np.concatenate((*self._arriving, darks))
        # A few sorted runs, jitter aside: timsort merges them, 8 times faster than quicksort.
        candidates.sort(kind="stable")
        due = int(np.searchsorted(candidates, stop_ps))
        # A copy, or the waiting few would keep the memory of all.
        self._arriving = [candidates[due:].copy()]
        if self.drive.is_off:
            waiting = self._pending_afterpulses
            self._pending_afterpulses = waiting[waiting >= stop_ps]
            return np.empty(0, dtype=np.int64)
        return self._register(candidates[:due], stop_ps)

    def _register(self, candidates: Times, stop_ps: int) -> Times:
        parameters = self._parameters
        response = Response(
            round(parameters.dead_time_ns * 1000.0),
            parameters.dead_time_model == "paralyzable",
            parameters.recovery_ns * 1000.0,
            self.afterpulse_probability,
            parameters.afterpulse_decay_ns * 1000.0,
        )
        if (
            response.afterpulse_probability == 0.0
            and response.recovery_ps == 0.0
            and self._pending_afterpulses.size == 0
        ):
            loop = register_paralyzable if response.is_paralyzable else register
            clicks, self._live_from_ps = loop(candidates, self._live_from_ps, response.dead_ps)
            return clicks
        clicks, self._pending_afterpulses, self._live_from_ps = register_each(
            candidates,
            self._pending_afterpulses,
            self._live_from_ps,
            stop_ps,
            response,
            self._response,
        )
        return clicks

    def _displace(self, registrations: Times) -> None:
        """Add jitter."""
        parameters = self._parameters
        sigma_ps = parameters.jitter_fwhm_ps / FWHM_PER_SIGMA
        if sigma_ps > 0.0:
            jitter = self._jitter.standard_normal(registrations.size)
            np.clip(jitter, -JITTER_LIMIT_SIGMA, JITTER_LIMIT_SIGMA, out=jitter)
            jitter *= sigma_ps
            np.rint(jitter, out=jitter)
            registrations += jitter.astype(np.int64)
        if parameters.jitter_tail_fraction > 0.0 and parameters.jitter_tail_ps > 0.0:
            is_late = self._tail.random(registrations.size) < parameters.jitter_tail_fraction
            late = self._tail.standard_exponential(int(np.count_nonzero(is_late)))
            registrations[is_late] += np.rint(late * parameters.jitter_tail_ps).astype(np.int64)
