"""A fibre polarization controller with three paddles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Inline, InlineParameters, transmission
from simulated_devices.world.optics.jones import in_sequence, retarder
from simulated_devices.world.optics.setting import each_within

__all__ = ["Paddles", "PaddlesParameters"]

_LIMITS_DEG = (0.0, 170.0)
"""Travel of motorized paddles (Thorlabs MPC220 and MPC320)."""

_Angle = Annotated[float, Field(ge=_LIMITS_DEG[0], le=_LIMITS_DEG[1])]
_Retardance = Annotated[float, Field(ge=0.0, le=10.0)]


class PaddlesParameters(InlineParameters):
    """Three fibre coils that act as wave plates and turn with their paddles."""

    kind: Literal["paddles"] = "paddles"
    retardances_waves: tuple[_Retardance, _Retardance, _Retardance] = Field(
        (0.25, 0.5, 0.25),
        # One, two and one turns: quarter, half, quarter (H. C. Lefevre, Electron. Lett. 16, 778
        # (1980)).
        description="Retardance of the coils in the order of the light.",
    )
    angles_deg: tuple[_Angle, _Angle, _Angle] = Field(
        (0.0, 0.0, 0.0),
        # Motorized paddles are at zero after homing.
        description="Angle of each paddle; 0 puts its axis at H.",
    )
    loss_db: float = Field(
        0.1,
        ge=0.0,
        le=200.0,
        # The coils' bending loss; their diameter is chosen to keep it small.
        description="Loss on the way through.",
    )


class Paddles(Inline[PaddlesParameters]):
    """Quarter, half and quarter wave plate, each at its own angle: reaches every state."""

    @property
    def angles_deg(self) -> tuple[float, float, float]:
        """Angle of each paddle, 0 to 170; settable."""
        return self._parameters.angles_deg

    @angles_deg.setter
    def angles_deg(self, angles_deg: Sequence[float]) -> None:
        angles = each_within(f"{self.name}.angles_deg", angles_deg, 3, _LIMITS_DEG)
        self._parameters = self._parameters.model_copy(update={"angles_deg": angles})

    def passage_of(self, parameters: PaddlesParameters) -> Passage:
        """Return the three plates in a row."""
        plates = (
            retarder(2.0 * math.pi * waves, angle_deg)
            for waves, angle_deg in zip(
                parameters.retardances_waves, parameters.angles_deg, strict=True
            )
        )
        return Passage(in_sequence(plates).operator(), transmission(parameters.loss_db))
