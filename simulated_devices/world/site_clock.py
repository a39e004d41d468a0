"""The clock of a site: an oscillator that is off, wanders, and may follow a reference.

Phase x is the reading less the world time, y its rate of change. Two noise processes, both
sampled exactly at the ends of slices and linear in between:

- White frequency noise: x is a Wiener process. With the Allan deviation s at 1 s,
  adev(tau) = s/sqrt(tau), and x grows by a variance of s^2 per second.
- Random-walk frequency noise: y is a Wiener process that grows by a variance of q per second.
  By its definition adev^2 = <(x(2 tau) - 2 x(tau) + x(0))^2>/(2 tau^2) = q tau/3, hence
  q = 3 r^2 for adev(tau) = r sqrt(tau). The phase gained in a time T is
  y T + dy T/2 + sqrt(q T^3/12) times a normal number, dy being y's own gain.

A clock that follows its reference has the rate of world time and keeps its phase, also when the
reference goes and comes back; its own oscillator wanders on unseen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from simulated_devices.world.node import Node
from simulated_devices.world.randomness import component_generator
from simulated_devices.world.slices import PS_PER_S, Times
from simulated_devices.world.table import Table

__all__ = ["ClockSegment", "SiteClock", "SiteClockParameters"]


class SiteClockParameters(Table):
    """What makes one clock; the default is perfect."""

    offset_ps: int = Field(
        0,
        ge=-(10**18),
        le=10**18,
        description="Reading less world time when the clock starts; 1e18 ps are 11 days.",
    )
    frequency_offset_ppb: float = Field(
        0.0,
        ge=-1e6,
        le=1e6,
        description="How much faster the free clock runs: rubidium 0.1, quartz 1000 to 50 000.",
    )
    white_fm: float = Field(
        0.0,
        ge=0.0,
        le=1e-6,
        description="Allan deviation at 1 s of white frequency noise: rubidium 1e-11.",
    )
    random_walk_fm: float = Field(
        0.0,
        ge=0.0,
        le=1e-6,
        description="Allan deviation at 1 s of random-walk frequency noise: quartz 1e-12.",
    )
    reference: Literal["free", "external"] = Field(
        "free", description="Whether the clock follows its reference input while that has a signal."
    )


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """A clock between two world times: reading = t + offset + fraction + rate (t - start).

    The offset is whole picoseconds and the fraction is in 0 to 1, so that no float is ever
    asked for more than the picoseconds gained within one segment.
    """

    start_ps: int
    stop_ps: int
    offset_ps: int
    fraction_ps: float
    rate: float

    def reading_ps(self, times_ps: Times) -> Times:
        """Return what the clock shows at world times, rounded down."""
        gained = (times_ps - self.start_ps).astype(np.float64)
        gained *= self.rate
        gained += self.fraction_ps
        np.floor(gained, out=gained)
        readings: Times = gained.astype(np.int64)
        readings += times_ps
        readings += self.offset_ps
        return readings

    @property
    def end(self) -> tuple[int, float]:
        """Offset and fraction at the end: the next segment's first."""
        gained_ps = self.rate * float(self.stop_ps - self.start_ps) + self.fraction_ps
        whole_ps = math.floor(gained_ps)
        return self.offset_ps + whole_ps, gained_ps - whole_ps


class SiteClock(Node[SiteClockParameters]):
    """One clock. Its reading never steps: neither between slices nor with its reference.

    It rises strictly; in whole picoseconds, a clock that is slow must show one of them twice
    now and then. Changed parameters act from the next slice on; `offset_ps` has acted.
    """

    wiring = frozenset({"offset_ps"})

    def __init__(self, name: str, parameters: SiteClockParameters, seed: int) -> None:
        super().__init__(name, parameters)
        self._noise = component_generator(seed, f"clock/{name}")
        self._wander = 0.0
        self._past: ClockSegment | None = None
        self._present: ClockSegment | None = None
        #: Whether the reference input has a signal; settable from any thread, acts from the
        #: next slice on.
        self.has_reference = True

    def drift(self) -> dict[str, Any]:
        """Return how far off the clock is, how fast it gains, and whether it is locked."""
        return {
            "present_offset_ps": self.offset_ps,
            "present_frequency_offset": self.frequency_offset,
            "is_locked": self.is_locked,
        }

    @property
    def is_locked(self) -> bool:
        """True when the clock follows its reference."""
        return self.has_reference and self._parameters.reference == "external"

    @property
    def offset_ps(self) -> float:
        """The truth: reading less world time at the end of the last slice."""
        if self._present is None:
            return float(self._parameters.offset_ps)
        offset_ps, fraction_ps = self._present.end
        return offset_ps + fraction_ps

    @property
    def frequency_offset(self) -> float:
        """The truth: relative rate of the last slice, noise included; zero when locked."""
        return 0.0 if self._present is None else self._present.rate

    def advance(self, start_ps: int, stop_ps: int) -> None:
        """Live through start_ps <= t < stop_ps, of at most a second; again has no effect.

        Several instruments may share a clock; the first to advance it does so for all.

        Raises:
            ValueError: the slice does not follow the last one.
        """
        present = self._present
        if present is not None and (start_ps, stop_ps) == (present.start_ps, present.stop_ps):
            return
        if present is not None and start_ps != present.stop_ps:
            raise ValueError(
                f"clock {self.name}: the slice from {start_ps} ps does not follow the last one, "
                f"which ends at {present.stop_ps} ps"
            )
        if not 0 < stop_ps - start_ps <= PS_PER_S:
            raise ValueError(
                f"clock {self.name}: a slice of {stop_ps - start_ps} ps is not in 1 ps to 1 s"
            )
        if present is None:
            # What came before the first slice is read as if the clock had been perfect then.
            present = ClockSegment(start_ps, start_ps, self._parameters.offset_ps, 0.0, 0.0)
        rate = self._draw_rate((stop_ps - start_ps) / PS_PER_S)
        self._past = present
        self._present = ClockSegment(
            start_ps, stop_ps, *present.end, 0.0 if self.is_locked else rate
        )

    def reading_ps(self, times_ps: Times) -> Times:
        """Return what the clock shows at sorted world times of the last two slices.

        Raises:
            ValueError: the clock has not been advanced.
        """
        if self._past is None or self._present is None:
            raise ValueError(f"clock {self.name} has not been advanced to any time")
        first = int(np.searchsorted(times_ps, self._present.start_ps))
        if first == 0:
            return self._present.reading_ps(times_ps)
        return np.concatenate(
            (self._past.reading_ps(times_ps[:first]), self._present.reading_ps(times_ps[first:]))
        )

    def _draw_rate(self, duration_s: float) -> float:
        """Return the mean rate of the oscillator over a duration, and let it wander on."""
        parameters = self._parameters
        # Always three numbers: what the clock is told does not shift its later ones.
        white, walk, bow = self._noise.standard_normal(3)
        diffusion = math.sqrt(3.0 * duration_s) * parameters.random_walk_fm
        mean = self._wander + diffusion * (walk / 2.0 + bow / math.sqrt(12.0))
        self._wander += diffusion * walk
        noise = parameters.white_fm / math.sqrt(duration_s) * white
        return float(parameters.frequency_offset_ppb * 1e-9 + mean + noise)
