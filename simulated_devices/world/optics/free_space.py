"""A free-space link with a profile over time: a satellite's pass, or a link across a city."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from simulated_devices.world.optics.constants import LIGHT_KM_S
from simulated_devices.world.optics.element import Frequencies, Passage
from simulated_devices.world.optics.inline import Evolving, InlineParameters, transmission
from simulated_devices.world.slices import PS_PER_S
from simulated_devices.world.table import Table

__all__ = ["FreeSpace", "FreeSpaceParameters", "ProfilePoint"]


class ProfilePoint(Table):
    """The link at one time."""

    time_s: float = Field(0.0, ge=0.0, le=1e9, description="World time of this point.")
    loss_db: float = Field(
        ge=0.0, le=200.0, description="Loss between the telescopes' inner sides."
    )
    distance_km: float = Field(ge=0.0, le=500_000.0, description="Distance of the telescopes.")


class FreeSpaceParameters(InlineParameters):
    """A link between two telescopes."""

    kind: Literal["free_space"] = "free_space"
    profile: tuple[ProfilePoint, ...] = Field(
        min_length=1,
        description="Loss and distance over time: linear between the points, the first and the "
        "last hold before and after. One point is a link that stays.",
    )
    background_hz_per_thz: float = Field(
        0.0,
        ge=0.0,
        le=1e15,
        # A dark night. Daylight depends on the field of view; give what was measured.
        description="Photons per second and THz from the sky, behind the receiving telescope.",
    )

    @field_validator("profile")
    @classmethod
    def _times_rise(cls, profile: tuple[ProfilePoint, ...]) -> tuple[ProfilePoint, ...]:
        for earlier, later in pairwise(profile):
            if later.time_s <= earlier.time_s:
                raise ValueError(
                    f"time_s = {later.time_s:g} follows {earlier.time_s:g}; the times must rise"
                )
        return profile


class FreeSpace(Evolving[FreeSpaceParameters]):
    """Loss and time of flight along the profile.

    The delay goes in a straight line from slice to slice without a step, also where a new
    profile is set; its slope is the first-order Doppler effect on all times. The shift of the
    optical frequency (at most 5 GHz at 193 THz and 7.5 km/s) is left out: filters are wider.
    The loss, linear in dB, is that of the middle of the slice.
    """

    def __init__(self, name: str, parameters: FreeSpaceParameters, seed: int) -> None:
        super().__init__(name, parameters, seed)
        self._table = _table(parameters)
        self._table_of = parameters
        self._delay_ps = self._delay_at(0.0)
        self._show_slice(self._loss_at(0.0), 0.0)

    def advance(self, start_ps: int, stop_ps: int) -> None:
        """Move along the profile."""
        parameters = self._parameters
        if parameters is not self._table_of:
            self._table, self._table_of = _table(parameters), parameters
        duration_ps = stop_ps - start_ps
        end_ps = self._delay_at(stop_ps / PS_PER_S)
        loss_db = self._loss_at((start_ps + 0.5 * duration_ps) / PS_PER_S)
        self._show_slice(loss_db, (end_ps - self._delay_ps) / duration_ps)
        self._delay_ps = end_ps

    @property
    def routing_state(self) -> object:
        """What the added light depends on: the parameters."""
        return self._parameters

    def noise_hz_per_thz(self, frequency_thz: Frequencies) -> Frequencies | None:
        """Return the light of the sky, the same at all frequencies."""
        background = self._parameters.background_hz_per_thz
        return np.full_like(frequency_thz, background) if background > 0.0 else None

    def _show_slice(self, loss_db: float, slope: float) -> None:
        self.show(
            Passage(transmission=transmission(loss_db), delay_ps=self._delay_ps, delay_slope=slope)
        )

    def _loss_at(self, time_s: float) -> float:
        return float(np.interp(time_s, self._table[0], self._table[1]))

    def _delay_at(self, time_s: float) -> float:
        return float(np.interp(time_s, self._table[0], self._table[2]))


def _table(parameters: FreeSpaceParameters) -> Frequencies:
    """Return the rows time_s, loss_db and delay_ps."""
    rows = [
        (point.time_s, point.loss_db, point.distance_km / LIGHT_KM_S * PS_PER_S)
        for point in parameters.profile
    ]
    return np.array(rows).T.copy()
