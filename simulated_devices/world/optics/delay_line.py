"""An optical delay line on a stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulated_devices.world.optics.constants import LIGHT_MM_PS
from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Inline, InlineParameters, transmission
from simulated_devices.world.optics.setting import within

__all__ = ["DelayLine", "DelayLineParameters"]

_MAX_POSITION_MM = 1000.0
"""The longest stage of a bench; what an instrument's stage can do is the instrument's affair."""


class DelayLineParameters(InlineParameters):
    """A retroreflector on a linear stage, in air."""

    kind: Literal["delay_line"] = "delay_line"
    position_mm: float = Field(
        0.0,
        ge=0.0,
        le=_MAX_POSITION_MM,
        description="Position of the stage; the delay is counted from that at zero.",
    )
    passes: int = Field(
        2,
        ge=1,
        le=16,
        # To the retroreflector and back.
        description="How many times the light travels the way of the stage.",
    )
    loss_db: float = Field(
        1.0,
        ge=0.0,
        le=200.0,
        # Fibre to fibre through two collimators and a retroreflector.
        description="Loss on the way through, the same at all positions.",
    )


class DelayLine(Inline[DelayLineParameters]):
    """Delays light by the way that a stage adds; it stands still within a slice."""

    @property
    def position_mm(self) -> float:
        """Position of the stage; settable."""
        return self._parameters.position_mm

    @position_mm.setter
    def position_mm(self, position_mm: float) -> None:
        value = within(f"{self.name}.position_mm", position_mm, 0.0, _MAX_POSITION_MM)
        self._parameters = self._parameters.model_copy(update={"position_mm": value})

    def passage_of(self, parameters: DelayLineParameters) -> Passage:
        """Return the delay of the present position, at the speed of light in vacuum.

        Air would add 0.03 %, which a calibrated delay line has in its scale.
        """
        delay_ps = parameters.passes * parameters.position_mm / LIGHT_MM_PS
        return Passage(transmission=transmission(parameters.loss_db), delay_ps=delay_ps)
