"""The tables `[simulation.arms.NAME]`: analyzers with their detectors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulated_devices.world.table import Table

__all__ = ["AnalyzerOutputs", "ArmParameters"]


class AnalyzerOutputs(Table):
    """The detectors behind a polarizing analyzer."""

    plus: str = Field(
        min_length=1, description="Detector of light polarized along the analyzer angle."
    )
    minus: str | None = Field(
        None,
        min_length=1,
        description="Detector of the orthogonal light; left out for a one-output analyzer.",
    )


class ArmParameters(Table):
    """The last part of the light's way: through an analyzer to detectors."""

    photon: Literal["signal", "idler"] | None = Field(
        None,
        description="The photon of each pair that comes straight here from the source; left "
        "out where optics lead here.",
    )
    outputs: AnalyzerOutputs = Field(description="The detectors behind the arm's analyzer.")
    loss_db: float = Field(
        5.05,
        ge=0.0,
        le=200.0,
        # 3 dB of fibre coupling, 2 dB of analyzer and connectors; 0.25 in all with the
        # default detectors.
        description="Loss up to the faces of the detectors, whichever output.",
    )
    plus_loss_db: float = Field(
        0.0, ge=0.0, le=200.0, description="Further loss on the way to the plus detector."
    )
    minus_loss_db: float = Field(
        0.0, ge=0.0, le=200.0, description="Further loss on the way to the minus detector."
    )
    delay_ps: int = Field(
        24_484,
        ge=0,
        le=100_000_000_000,
        # 5 m of fibre at 4.896721 us/km (group index 1.468).
        description="Time of flight up to the detectors.",
    )
    analyzer_angle_deg: float = Field(
        0.0,
        ge=-360.0,
        le=360.0,
        description="Linear polarization sent to `plus` (0 is H); twice the half-wave-plate angle.",
    )
    rotation_deg: float = Field(
        0.0,
        ge=-360.0,
        le=360.0,
        description="Turn of the light's polarization on its way here, which nobody compensated.",
    )
    extinction_ratio: float = Field(
        1e4,
        gt=1.0,
        # A calcite (Wollaston) analyzer behind a good wave plate; a beam-splitter cube has 1e3.
        description="Intensity of wanted over unwanted polarization at an output; inf is ideal.",
    )
