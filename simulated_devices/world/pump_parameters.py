"""The table `[simulation.pump]`: the light that makes the pairs."""

from __future__ import annotations

from pydantic import Field

from simulated_devices.world.table import Table

__all__ = ["PumpParameters"]


class PumpParameters(Table):
    """The light of the pump laser, as the crystal sees it."""

    wavelength_nm: float = Field(
        405.0,
        ge=200.0,
        le=2000.0,
        description="Wavelength of the pump; degenerate pairs appear at twice this value.",
    )
    linewidth_ghz: float = Field(
        0.0,
        ge=0.0,
        le=10_000.0,
        description="Linewidth, full width at half maximum; blurs the color of a photon's partner.",
    )
    power_noise_relative: float = Field(
        0.001,
        ge=0.0,
        le=0.2,
        # A power-stabilized diode laser holds 0.1 % over seconds; at 50 k clicks in 1 s this
        # stays below the shot noise of 0.45 %, as on a good bench.
        description="Standard deviation of the power, relative to its mean.",
    )
    power_noise_time_s: float = Field(
        10.0,
        ge=0.1,
        le=1e5,
        # Slow against the 10 ms slices, so a constant power within a slice is accurate.
        description="Correlation time of the power noise (Ornstein-Uhlenbeck).",
    )
    settling_time_s: float = Field(
        0.05,
        ge=0.0,
        le=600.0,
        # The constant-power loop of a diode laser settles within some ten milliseconds.
        description="Time constant of the first-order approach of the power to its target.",
    )
    warm_up_time_s: float = Field(
        0.0,
        ge=0.0,
        le=36_000.0,
        description="Time constant of the warm-up after emission is switched on; 0 for a laser "
        "that is kept warm.",
    )
    warm_up_deficit: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Part of the power that is missing on the crystal when the laser is cold: "
        "its beam walks as it warms up.",
    )
    warm_up_shift_nm: float = Field(
        0.0,
        ge=-5.0,
        le=5.0,
        description="Wavelength of the cold laser less that of the warm one.",
    )
