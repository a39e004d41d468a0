"""Constants of nature in the units of this package."""

from __future__ import annotations

__all__ = ["LIGHT_KM_S", "LIGHT_MM_PS", "LIGHT_NM_THZ", "PLANCK_J_S", "ROOM_TEMPERATURE_THZ"]

LIGHT_KM_S = 299_792.458
"""The speed of light in vacuum, by definition of the metre."""

LIGHT_NM_THZ = LIGHT_KM_S
"""Wavelength in nm times frequency in THz; the same number, since 1 km/s = 1 nm THz."""

LIGHT_MM_PS = 0.299_792_458
"""Millimetres that light travels in a picosecond."""

PLANCK_J_S = 6.626_070_15e-34
"""By definition of the kilogram (SI, 2019)."""

ROOM_TEMPERATURE_THZ = 1.380_649e-23 * 293.15 / PLANCK_J_S * 1e-12
"""Thermal energy at 20 degC as a frequency, kT/h = 6.108 THz."""
