"""The table of an optical fibre."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulated_devices.world.optics.inline import InlineParameters
from simulated_devices.world.optics.raman import Direction

__all__ = ["FibreParameters"]


class FibreParameters(InlineParameters):
    """A fibre; the defaults are those of standard fibre (ITU-T G.652) in the ground at 1550 nm."""

    kind: Literal["fibre"] = "fibre"
    length_km: float = Field(ge=0.0, le=1000.0, description="Length of the fibre.")
    attenuation_db_km: float = Field(
        0.2,
        ge=0.0,
        le=100.0,
        # At 1550 nm; 0.35 at 1310 nm, 3 at 810 nm.
        description="Attenuation at the wavelength of the photons.",
    )
    connectors_db: float = Field(
        0.5,
        ge=0.0,
        le=200.0,
        # 0.25 dB each.
        description="Loss of the two connectors at the ends together.",
    )
    group_index: float = Field(
        1.468,
        ge=1.0,
        le=2.0,
        # 4.896721 us/km.
        description="Speed of light in vacuum over that of a photon in the fibre.",
    )
    dispersion_ps_nm_km: float = Field(
        17.0,
        ge=-500.0,
        le=500.0,
        description="Chromatic dispersion; positive delays the red.",
    )
    wavelength_nm: float = Field(
        1550.0,
        ge=300.0,
        le=3000.0,
        description="Wavelength for which dispersion and group index hold.",
    )
    is_aligned: bool = Field(
        False,
        description="True starts with the polarization unchanged, as after an alignment; false "
        "with one drawn from the seed, all equally probable.",
    )
    walk_rad_per_sqrt_hour: float = Field(
        0.3,
        ge=0.0,
        le=1e4,
        # A buried fibre keeps its polarization for hours; one in the air for minutes (2 to 5).
        description="Root-mean-square angle on the Poincare sphere that the polarization walks "
        "in the first hour; it grows with the square root of time.",
    )
    day_rad: float = Field(
        0.2,
        ge=0.0,
        le=1e3,
        # Traffic, sun and working hours come back daily; less than the walk of a day (1.5).
        description="Amplitude of the daily turn of the polarization about an axis of its own.",
    )
    day_s: float = Field(
        86_400.0, gt=0.0, le=1e9, description="Period of the daily turn and temperature."
    )
    temperature_k: float = Field(
        0.0,
        ge=-100.0,
        le=100.0,
        description="Temperature against that for which the other parameters hold.",
    )
    day_amplitude_k: float = Field(
        0.1,
        ge=0.0,
        le=50.0,
        # The daily wave dies off within 15 cm of soil; manholes and buildings feel it.
        description="Amplitude of the daily temperature, averaged over the length.",
    )
    rad_per_k: float = Field(
        0.5,
        ge=-1e4,
        le=1e4,
        # Stress in the glass relaxes by about 0.1 % per kelvin: a hundred waves of birefringence
        # (a kilometre with a beat length of 10 m) turn by 0.6 rad/K.
        description="Turn of the polarization with the temperature, about an axis of its own.",
    )
    delay_ps_per_km_k: float = Field(
        40.0,
        ge=-200.0,
        le=200.0,
        # E. Numkam Fokoua et al., Optica 4, 659 (2017): standard fibre; hollow core has 2.
        description="Change of the delay with the temperature.",
    )
    classical_power_mw: float = Field(
        0.0,
        ge=0.0,
        le=1e4,
        description="Classical light in the same fibre, just behind the connector of its launch.",
    )
    classical_wavelength_nm: float = Field(
        1570.0,
        ge=300.0,
        le=3000.0,
        # The far end of the C band from photons near 1550 nm.
        description="Its wavelength; photons on the blue side of it see less Raman noise.",
    )
    classical_direction: Direction = Field(
        "co", description="Whether it is launched with the photons or from the other end."
    )
    classical_attenuation_db_km: float = Field(
        0.2, ge=0.0, le=100.0, description="Attenuation at its wavelength."
    )
    raman_per_km_nm: float = Field(
        2e-9,
        ge=0.0,
        le=1e-6,
        # The order of magnitude within 30 nm (P. Eraerds et al., New J. Phys. 12, 063027
        # (2010)); far off, in another band, it is a hundred times less and must be given.
        description="Part of its power that is scattered per km and nm to the photons' "
        "wavelength if that is on the red side.",
    )
