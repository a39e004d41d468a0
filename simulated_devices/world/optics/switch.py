"""An optical switch: one way in, one of several ways out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from labctl.errors import LimitError
from simulated_devices.world.optics.element import Element, Frequencies, Passage, Spectra
from simulated_devices.world.optics.inline import transmission
from simulated_devices.world.table import Table

__all__ = ["Switch", "SwitchParameters"]


class SwitchParameters(Table):
    """A fibre switch; the world's elements pass light forward, so it has one input."""

    kind: Literal["switch"] = "switch"
    to: tuple[str, ...] = Field(
        min_length=1, max_length=64, description="What the light reaches at positions 1, 2, ..."
    )
    position: int = Field(
        1, ge=0, description="The selected output, counted from 1; 0 selects none (dark)."
    )
    loss_db: float = Field(
        1.0,
        ge=0.0,
        le=200.0,
        # Beam-steering switches are specified with 1 dB, MEMS switches with 0.5 to 1.5 dB.
        description="Loss to the selected output.",
    )
    crosstalk_db: float = Field(
        55.0,
        ge=20.0,
        # Fibre switches are specified with 50 to 60 dB. 20 dB at least, so that even 64 outputs
        # together leak less than all the light.
        description="How far below the input, loss aside, each output that is not selected is.",
    )

    @model_validator(mode="after")
    def _position_exists(self) -> SwitchParameters:
        if self.position > len(self.to):
            raise ValueError(
                f"position = {self.position} is outside 0 to {len(self.to)}, the outputs in `to`"
            )
        return self


class Switch(Element[SwitchParameters]):
    """Sends light to the selected output and a little to all others."""

    wiring = frozenset({"kind", "to"})

    @property
    def outputs(self) -> tuple[str, ...]:
        """Where the light goes at positions 1, 2, ..."""
        return self._parameters.to

    @property
    def position(self) -> int:
        """The selected output, counted from 1, or 0 for none; settable."""
        return self._parameters.position

    @position.setter
    def position(self, position: int) -> None:
        count = len(self._parameters.to)
        if position not in range(count + 1):
            raise LimitError(f"{self.name}.position = {position} is not one of 0 to {count}")
        self._parameters = self._parameters.model_copy(update={"position": int(position)})

    def passage_of(self, parameters: SwitchParameters) -> Passage:
        """Return the insertion loss."""
        return Passage(transmission=transmission(parameters.loss_db))

    def routing(self, frequency_thz: Frequencies) -> Spectra:
        """Return all light but the leaks for the selected output, the leak for each other."""
        parameters = self._parameters
        count = len(parameters.to)
        leak = transmission(parameters.crosstalk_db)
        shares = np.full((count, frequency_thz.size), leak)
        if parameters.position:
            shares[parameters.position - 1] = 1.0 - leak * (count - 1)
        return shares
