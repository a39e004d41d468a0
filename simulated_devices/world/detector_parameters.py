"""The parameters of a single-photon detector: a nanowire by default, an avalanche diode too."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulated_devices.world.avalanche import AvalancheParameters
from simulated_devices.world.table import Table

__all__ = ["DeadTimeModel", "DetectorParameters"]

DeadTimeModel = Literal["nonparalyzable", "paralyzable"]


class DetectorParameters(Table):
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
    jitter_tail_fraction: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        # A nanowire has none. In silicon avalanche diodes some 10 % of the photons are absorbed
        # in the neutral region, and their carriers reach the junction by diffusion.
        description="Fraction of the photons whose click is late by an exponential time.",
    )
    jitter_tail_ps: float = Field(
        300.0,
        ge=0.0,
        le=1e6,
        # Diffusion tails of silicon avalanche diodes last some hundred picoseconds.
        description="Mean delay of the late clicks, on top of the Gaussian jitter.",
    )
    dead_time_ns: float = Field(
        50.0,
        ge=0.0,
        le=1e6,
        # A few inductive recovery times (L/R about 10 ns) until the efficiency is back.
        description="Time after each click in which nothing clicks.",
    )
    dead_time_model: DeadTimeModel = Field(
        "nonparalyzable",
        # Actively quenched diodes and nanowires; a passively quenched diode is paralyzable.
        description="Whether light in the dead time is only lost, or starts the dead time anew.",
    )
    recovery_ns: float = Field(
        0.0,
        ge=0.0,
        le=1e6,
        # The default dead time is long enough to include it; to resolve it, set dead_time_ns
        # to the length of the pulse and this to L/R.
        description="Time constant at which the efficiency returns after the dead time.",
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

    avalanche: AvalancheParameters | None = Field(
        None,
        description="The diode of an avalanche detector, whose rated values the others are; "
        "left out: bias and temperature are the bias instrument's affair.",
    )

    @model_validator(mode="after")
    def _only_one_way_to_recover(self) -> DetectorParameters:
        if self.recovery_ns > 0.0 and self.dead_time_model == "paralyzable":
            raise ValueError(
                f"recovery_ns = {self.recovery_ns:g} goes with the dead-time model "
                '"nonparalyzable" only: light that meets a recovering detector is lost there '
                "and restarts a paralyzable one; set one of the two"
            )
        return self
