"""Photons that classical light in the same fibre scatters into other frequencies.

Spontaneous Raman scattering turns the part b per km and nm of the classical power into light
of other wavelengths, unpolarized after some length of fibre. Light launched with the photons
(co) scatters at z and the photons of both travel on; light launched from the other end
(counter) scatters back:

    co       P b (e^{-a L} - e^{-c L})/(c - a), which is P b L e^{-a L} for c = a
    counter  P b (1 - e^{-(a + c) L})/(a + c)

with the attenuations a of the photons and c of the classical light (P. Eraerds et al., New J.
Phys. 12, 063027 (2010), for a = c). The co form has its maximum at L = 1/a.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from simulated_devices.world.optics.constants import (
    LIGHT_NM_THZ,
    PLANCK_J_S,
    ROOM_TEMPERATURE_THZ,
)
from simulated_devices.world.optics.element import Frequencies

__all__ = ["Direction", "anti_stokes_factor", "photons_hz_per_thz", "scattering_length_km"]

Direction = Literal["co", "counter"]


def scattering_length_km(
    direction: Direction, length_km: float, photons_db_km: float, classical_db_km: float
) -> float:
    """Return the length that, times P b, is the power scattered to the photons' end."""
    photons, classical = (0.1 * math.log(10.0) * loss for loss in (photons_db_km, classical_db_km))
    if direction == "counter":
        return _saturated(photons + classical, length_km)
    return math.exp(-photons * length_km) * _saturated(classical - photons, length_km)


def _saturated(per_km: float, length_km: float) -> float:
    """Return (1 - e^{-x L})/x, which is L where x is zero."""
    return -math.expm1(-per_km * length_km) / per_km if per_km != 0.0 else length_km


def photons_hz_per_thz(watt_per_nm: Frequencies, frequency_thz: Frequencies) -> Frequencies:
    """Return the photons per second and THz of a power per nanometre at each frequency."""
    photons_hz_per_nm = watt_per_nm / (PLANCK_J_S * frequency_thz * 1e12)
    nm_per_thz = LIGHT_NM_THZ / frequency_thz**2
    return photons_hz_per_nm * nm_per_thz


def anti_stokes_factor(frequency_thz: Frequencies, classical_thz: float) -> Frequencies:
    """Return how much weaker scattering is on the blue side of the classical light.

    Scattering to higher frequencies takes a phonon that must be there already: detailed
    balance gives e^{-h D/kT} for a shift by D, and 1 on the red side.
    """
    return np.exp(-np.maximum(0.0, frequency_thz - classical_thz) / ROOM_TEMPERATURE_THZ)
