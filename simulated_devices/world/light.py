"""Light that is not made of pairs: lasers, lamps, and what optics add of themselves.

All of it is Poissonian at a detector (attenuated coherent light, and thermal light of many
modes), so only its rate matters.
"""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from simulated_devices.world.node import Node, finite
from simulated_devices.world.optics.constants import LIGHT_NM_THZ, PLANCK_J_S
from simulated_devices.world.polarization import Operator
from simulated_devices.world.table import Table

__all__ = ["Light", "LightParameters", "photons_hz"]


def photons_hz(power_mw: float, frequency_thz: float) -> float:
    """Return the photons per second of light of one color."""
    return power_mw * 1e-3 / (PLANCK_J_S * frequency_thz * 1e12)


class LightParameters(Table):
    """`[simulation.lights.NAME]`: a steady laser or lamp besides the source."""

    to: str = Field(min_length=1, description="What its light enters: optics, arm or detector.")
    wavelength_nm: float = Field(810.0, ge=200.0, le=5000.0, description="Its wavelength.")
    power_mw: float = Field(1e-9, ge=0.0, le=1e5, description="Its power while it is on.")
    is_on: bool = Field(True, description="Whether it shines.")
    polarization_deg: float | None = Field(
        None, ge=-360.0, le=360.0, description="Linear polarization; left out: unpolarized."
    )


class Light(Node[LightParameters]):
    """A laser or lamp; an instrument may set `power_mw` and `is_on`."""

    wiring = frozenset({"to"})

    @property
    def is_on(self) -> bool:
        """Whether it shines; settable."""
        return self._parameters.is_on

    @is_on.setter
    def is_on(self, is_on: bool) -> None:
        self._parameters = self._parameters.model_copy(update={"is_on": bool(is_on)})

    @property
    def power_mw(self) -> float:
        """Its power while it is on; settable."""
        return self._parameters.power_mw

    @power_mw.setter
    def power_mw(self, power_mw: float) -> None:
        power = finite(f"{self.name}.power_mw", power_mw, minimum=0.0)
        self._parameters = self._parameters.model_copy(update={"power_mw": power})

    @property
    def frequency_thz(self) -> float:
        """Its optical frequency."""
        return LIGHT_NM_THZ / self._parameters.wavelength_nm

    @property
    def rate_hz(self) -> float:
        """Photons per second that it sends out."""
        parameters = self._parameters
        if not parameters.is_on:
            return 0.0
        return photons_hz(parameters.power_mw, LIGHT_NM_THZ / parameters.wavelength_nm)

    @property
    def state(self) -> Operator:
        """The (2, 2) density matrix of its polarization."""
        angle_deg = self._parameters.polarization_deg
        if angle_deg is None:
            unpolarized: Operator = np.eye(2, dtype=np.complex128) / 2.0
            return unpolarized
        angle = math.radians(angle_deg)
        vector = np.array([math.cos(angle), math.sin(angle)], dtype=np.complex128)
        polarized: Operator = np.outer(vector, vector.conj())
        return polarized
