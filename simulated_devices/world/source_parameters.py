"""The table `[simulation.source]`: the pair source, its spectrum and its statistics."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from simulated_devices.world.table import Table

__all__ = ["BellStateName", "SourceParameters", "SpectrumParameters", "StatisticsParameters"]

BellStateName = Literal["phi_plus", "phi_minus", "psi_plus", "psi_minus"]

_Amplitude = tuple[float, float]


class SpectrumParameters(Table):
    """`[simulation.source.spectrum]`: which colors the pairs have."""

    phase_matching: Literal["type0", "type2"] = Field(
        "type2",
        description="How the phase mismatch grows with the detuning: quadratically about "
        "degeneracy (type0) or linearly (type2).",
    )
    shape: Literal["sinc", "gaussian"] = Field(
        "sinc",
        description="Amplitude against mismatch: of a uniform crystal, or of an apodized one.",
    )
    signal_wavelength_nm: float | None = Field(
        None,
        ge=300.0,
        le=5000.0,
        description="Center of the signal photons; by default twice the pump wavelength.",
    )
    bandwidth_nm: float = Field(
        3.0,
        gt=0.0,
        le=500.0,
        # A 10 mm type-II PPKTP crystal pumped at 405 nm.
        description="Full width at half maximum of the signal photons' spectrum.",
    )
    crystal_degc: float = Field(
        40.0, ge=-50.0, le=300.0, description="Present temperature of the crystal."
    )
    matched_degc: float = Field(
        40.0, ge=-50.0, le=300.0, description="Temperature of perfect phase matching."
    )
    acceptance_k: float = Field(
        5.0,
        gt=0.0,
        le=500.0,
        # A few kelvin for a centimetre of KTP or lithium niobate.
        description="Full width at half maximum of the phase matching against temperature.",
    )
    matched_pump_nm: float | None = Field(
        None,
        ge=150.0,
        le=2500.0,
        description="Pump wavelength of perfect phase matching; by default whatever it is.",
    )
    pump_acceptance_nm: float = Field(
        0.1,
        gt=0.0,
        le=50.0,
        # A centimetre of periodically poled crystal.
        description="Full width at half maximum of the phase matching against pump wavelength.",
    )


class StatisticsParameters(Table):
    """`[simulation.source.statistics]`: when pairs are made, and how many at once."""

    pulse_rate_mhz: float | None = Field(
        None,
        gt=0.0,
        le=20_000.0,
        description="Pump pulses per microsecond; left out for a continuous pump.",
    )
    pulse_fwhm_ps: float = Field(
        0.0,
        ge=0.0,
        le=10_000.0,
        description="Duration of a pump pulse, full width at half maximum of a Gaussian.",
    )
    photon_number: Literal["poisson", "thermal"] = Field(
        "poisson", description="Number of pairs per pulse or coherence time."
    )
    modes: float = Field(
        1.0,
        ge=0.5,
        le=1e6,
        description="How many equally strong thermal modes a pulse or coherence time has; the "
        "two polarizations of an entangled source count as 2.",
    )
    coherence_ps: float = Field(
        1.0,
        gt=0.0,
        le=1e9,
        # Photons of some nanometres of bandwidth.
        description="Coherence time of a continuously pumped thermal source.",
    )


class SourceParameters(Table):
    """The source of polarization-entangled photon pairs."""

    pump: str = Field(
        "pump", min_length=1, description="Name of the laser instrument that pumps the source."
    )
    signal: str | None = Field(
        None,
        min_length=1,
        description="What the signal photons enter: optics, an arm or a detector; by default "
        'the arm with photon = "signal".',
    )
    idler: str | None = Field(
        None, min_length=1, description="What the idler photons enter, likewise."
    )
    pairs_hz_per_mw: float = Field(
        80_000.0,
        ge=0.0,
        le=1e10,
        # Pairs coupled into single-mode fibre from a bulk type-II crystal in a Sagnac loop.
        description="Pairs per second and milliwatt of pump power at perfect phase matching.",
    )
    state: BellStateName | tuple[_Amplitude, _Amplitude, _Amplitude, _Amplitude] = Field(
        "phi_plus",
        description="A Bell state, phi_plus is (HH + VV)/sqrt 2, signal first; or the "
        "amplitudes of HH, HV, VH, VV as [real, imaginary], normalized for you.",
    )
    visibility: float = Field(
        0.95,
        ge=0.0,
        le=1.0,
        # A well-aligned fibre-coupled source without spectral filters.
        description="Weight of the state against the noise; white: S = 2.83 times it.",
    )
    noise: Literal["white", "colored"] = Field(
        "white",
        description="What the rest is: unpolarized pairs, or the state without its coherence "
        "between H and V (still perfect in the H/V basis).",
    )
    indistinguishability: float = Field(
        1.0,
        ge=0.0,
        le=1.0,
        description="Overlap of the two photons' spatial modes where they interfere.",
    )
    spectrum: SpectrumParameters = Field(
        default_factory=SpectrumParameters, description="Which colors the pairs have."
    )
    statistics: StatisticsParameters = Field(
        default_factory=StatisticsParameters, description="When pairs are made, how many at once."
    )

    @model_validator(mode="after")
    def _amplitudes_can_be_normalized(self) -> SourceParameters:
        if not isinstance(self.state, str):
            total = sum(real * real + imaginary * imaginary for real, imaginary in self.state)
            if not (math.isfinite(total) and total > 0.0):
                raise ValueError("state: the four amplitudes must be finite and not all zero")
        return self
