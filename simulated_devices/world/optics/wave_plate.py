"""A wave plate in a mount."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from simulated_devices.world.node import finite
from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Inline, InlineParameters, transmission
from simulated_devices.world.optics.jones import retarder

__all__ = ["WavePlate", "WavePlateParameters"]


class WavePlateParameters(InlineParameters):
    """A linear retarder of fixed retardance, the same at all wavelengths of the photons."""

    kind: Literal["wave_plate"] = "wave_plate"
    retardance_waves: float = Field(
        0.5, ge=-10.0, le=10.0, description="0.5 is a half-wave, 0.25 a quarter-wave plate."
    )
    angle_deg: float = Field(
        0.0, ge=-360.0, le=360.0, description="Angle of the plate's axis against H."
    )
    loss_db: float = Field(
        0.02,
        ge=0.0,
        le=200.0,
        # Two surfaces with an anti-reflection coating of 0.25 %.
        description="Loss on the way through.",
    )


class WavePlate(Inline[WavePlateParameters]):
    """A linear retarder that can be turned."""

    @property
    def angle_deg(self) -> float:
        """Angle of the plate's axis against H; settable to any number, as mounts turn on."""
        return self._parameters.angle_deg

    @angle_deg.setter
    def angle_deg(self, angle_deg: float) -> None:
        angle = finite(f"{self.name}.angle_deg", angle_deg) % 360.0
        self._parameters = self._parameters.model_copy(update={"angle_deg": angle})

    def passage_of(self, parameters: WavePlateParameters) -> Passage:
        """Return the retarder at the present angle."""
        retardance_rad = 2.0 * math.pi * parameters.retardance_waves
        plate = retarder(retardance_rad, parameters.angle_deg)
        return Passage(plate.operator(), transmission(parameters.loss_db))
