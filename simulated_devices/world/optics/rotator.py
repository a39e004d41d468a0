"""A fixed turn of linear polarization: misalignment, a Faraday rotator, a rotated mount."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulated_devices.world.node import finite
from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Inline, InlineParameters, transmission
from simulated_devices.world.optics.jones import rotator

__all__ = ["Rotator", "RotatorParameters"]


class RotatorParameters(InlineParameters):
    """Linear polarization turned by an angle, circular left alone."""

    kind: Literal["rotator"] = "rotator"
    angle_deg: float = Field(
        0.0, ge=-360.0, le=360.0, description="H becomes the linear polarization at this angle."
    )
    loss_db: float = Field(
        0.0,
        ge=0.0,
        le=200.0,
        # Misalignment of the axes of two mounts, the common use, loses nothing.
        description="Loss on the way through.",
    )


class Rotator(Inline[RotatorParameters]):
    """Turns linear polarization by an angle."""

    @property
    def angle_deg(self) -> float:
        """The angle by which linear polarization is turned; settable to any number."""
        return self._parameters.angle_deg

    @angle_deg.setter
    def angle_deg(self, angle_deg: float) -> None:
        angle = finite(f"{self.name}.angle_deg", angle_deg) % 360.0
        self._parameters = self._parameters.model_copy(update={"angle_deg": angle})

    def passage_of(self, parameters: RotatorParameters) -> Passage:
        """Return the turn."""
        return Passage(rotator(parameters.angle_deg).operator(), transmission(parameters.loss_db))
