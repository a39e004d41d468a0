"""The `[simulation]` table of instruments.toml: what the simulated bench is made of.

The defaults describe one laboratory: a 405 nm pump, degenerate pairs at 810 nm in metres of
single-mode fibre, superconducting detectors. At 5 mW they give 50 k clicks/s per detector and
25 k coincidences/s in all. Each default that is not a definition states its reason.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labctl.errors import nearest

__all__ = [
    "AnalyzerOutputs",
    "ArmParameters",
    "BellStateName",
    "DetectorParameters",
    "PumpParameters",
    "SourceParameters",
    "WorldParameters",
]

BellStateName = Literal["phi_plus", "phi_minus", "psi_plus", "psi_minus"]


class _Table(BaseModel):
    """A frozen table; an unknown key is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PumpParameters(_Table):
    """The light of the pump laser, as the crystal sees it."""

    wavelength_nm: float = Field(
        405.0,
        ge=200.0,
        le=2000.0,
        description="Wavelength of the pump; degenerate pairs appear at twice this value.",
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


class SourceParameters(_Table):
    """The source of polarization-entangled photon pairs."""

    pump: str = Field(
        "pump", min_length=1, description="Name of the laser instrument that pumps the source."
    )
    pairs_hz_per_mw: float = Field(
        80_000.0,
        ge=0.0,
        le=1e9,
        # Pairs coupled into single-mode fibre from a bulk type-II crystal in a Sagnac loop.
        description="Pairs created per second and milliwatt of pump power.",
    )
    state: BellStateName = Field(
        "phi_plus",
        description="Bell state of the pairs; phi_plus is (HH + VV)/sqrt 2, signal first.",
    )
    visibility: float = Field(
        0.95,
        ge=0.0,
        le=1.0,
        # A well-aligned fibre-coupled source without spectral filters.
        description="Weight of the Bell state in white noise (Werner state); S = 2.83 times it.",
    )


class AnalyzerOutputs(_Table):
    """The detectors behind a polarizing analyzer."""

    plus: str = Field(
        min_length=1, description="Detector of light polarized along the analyzer angle."
    )
    minus: str | None = Field(
        None,
        min_length=1,
        description="Detector of the orthogonal light; left out for a one-output analyzer.",
    )


class ArmParameters(_Table):
    """The way of one photon of each pair from the source to its detectors."""

    photon: Literal["signal", "idler"] = Field(
        description="Which photon of the pair travels this arm."
    )
    outputs: AnalyzerOutputs = Field(description="The detectors behind the arm's analyzer.")
    loss_db: float = Field(
        5.05,
        ge=0.0,
        le=200.0,
        # 3 dB of fibre coupling, 2 dB of analyzer and connectors; 0.25 in all with the
        # default detectors.
        description="Loss from the creation of the photon to the face of the detector.",
    )
    delay_ps: int = Field(
        24_484,
        ge=0,
        le=100_000_000_000,
        # 5 m of fibre at 4.896721 us/km (group index 1.468).
        description="Time of flight from the source to the detectors.",
    )
    analyzer_angle_deg: float = Field(
        0.0,
        ge=-360.0,
        le=360.0,
        description="Linear polarization sent to `plus` (0 is H); twice the half-wave-plate angle.",
    )
    extinction_ratio: float = Field(
        1e4,
        gt=1.0,
        # A calcite (Wollaston) analyzer behind a good wave plate; a beam-splitter cube has 1e3.
        description="Intensity of wanted over unwanted polarization at an output; inf is ideal.",
    )


class DetectorParameters(_Table):
    """A single-photon detector with its electronics and cable; the defaults are an SNSPD's."""

    efficiency: float = Field(
        0.8,
        ge=0.0,
        le=1.0,
        # System efficiency of a nanowire detector made for 810 nm.
        description="Probability that a photon at the detector's face clicks.",
    )
    dark_rate_hz: float = Field(
        100.0,
        ge=0.0,
        le=1e8,
        # Set by black-body light in the fibre, not by the nanowire.
        description="Clicks per second without any light from the source.",
    )
    jitter_fwhm_ps: float = Field(
        60.0,
        ge=0.0,
        le=20_000.0,
        # Nanowire, room-temperature amplifier and discriminator together.
        description="Timing jitter of a click, full width at half maximum of a Gaussian.",
    )
    dead_time_ns: float = Field(
        50.0,
        ge=0.0,
        le=1e6,
        # A few inductive recovery times (L/R about 10 ns) until the efficiency is back.
        description="Time after each click in which nothing clicks (non-paralyzable).",
    )
    afterpulse_probability: float = Field(
        0.0,
        ge=0.0,
        le=0.9,
        # Nanowires have no traps; silicon avalanche diodes have 0.005 to 0.03.
        description="Mean number of afterpulses that a click starts, dead time already passed.",
    )
    afterpulse_decay_ns: float = Field(
        50.0,
        gt=0.0,
        le=1e6,
        # Trap lifetimes of silicon avalanche diodes are tens of nanoseconds.
        description="Mean lifetime of the traps: afterpulses decay exponentially from rearming on.",
    )
    delay_ps: int = Field(
        10_000,
        ge=0,
        le=100_000_000_000,
        # 2 m of coaxial cable at 5 ns/m; equal cables cancel in every coincidence.
        description="Delay of the electronics and cable up to the time tagger.",
    )


class WorldParameters(_Table):
    """The whole simulated bench: pump, source, two arms, detectors."""

    source: SourceParameters = Field(
        default_factory=SourceParameters, description="The source of photon pairs."
    )
    pump: PumpParameters = Field(
        default_factory=PumpParameters, description="The light of the pump laser."
    )
    arms: dict[str, ArmParameters] = Field(
        description="Exactly two arms by name: one of the signal, one of the idler photon."
    )
    detectors: dict[str, DetectorParameters] = Field(description="All detectors by name.")

    @model_validator(mode="after")
    def _each_photon_has_one_arm(self) -> WorldParameters:
        if sorted(arm.photon for arm in self.arms.values()) != ["idler", "signal"]:
            found = ", ".join(f"{name}: {arm.photon}" for name, arm in self.arms.items())
            raise ValueError(
                f"arms ({found or 'none'}): a pair has exactly two photons; "
                'give one arm photon = "signal" and one photon = "idler"'
            )
        return self

    @model_validator(mode="after")
    def _outputs_lead_to_detectors(self) -> WorldParameters:
        owners: dict[str, str] = {}
        for arm_name, arm in self.arms.items():
            for side, detector in (("plus", arm.outputs.plus), ("minus", arm.outputs.minus)):
                if detector is None:
                    continue
                output = f"arms.{arm_name}.outputs.{side}"
                if detector not in self.detectors:
                    raise ValueError(
                        f'{output} = "{detector}" is not a detector'
                        f"{nearest(detector, self.detectors)}; "
                        f"known: {', '.join(self.detectors) or 'none'}"
                    )
                if detector in owners:
                    raise ValueError(
                        f'{output} = "{detector}" is already behind {owners[detector]}; '
                        "a detector looks at one output"
                    )
                owners[detector] = output
        return self
