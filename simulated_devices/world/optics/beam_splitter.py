"""A beam splitter with two ways in and two ways out."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from simulated_devices.world.optics.element import Element, Frequencies, Passage, Spectra
from simulated_devices.world.optics.inline import transmission
from simulated_devices.world.table import Table

__all__ = ["BeamSplitter", "BeamSplitterParameters"]


class BeamSplitterParameters(Table):
    """Lossy, unbalanced or perfect; the same for all polarizations and wavelengths."""

    kind: Literal["beam_splitter"] = "beam_splitter"
    to: tuple[str, str] = Field(
        description="What light at the input reaches: transmitted, then reflected. Light sent to "
        '"NAME.b" enters the other input, from which the two change places.'
    )
    reflectivity: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        # A balanced splitter; fused fibre couplers are sold as 50:50 within 1 to 5 %.
        description="Part of the power, losses aside, that is reflected.",
    )
    loss_db: float = Field(
        0.2,
        ge=0.0,
        le=200.0,
        # Excess loss of a fused fibre coupler.
        description="Loss of both outputs, apart from the splitting.",
    )


class BeamSplitter(Element[BeamSplitterParameters]):
    """Divides light, whatever its polarization; two photons may meet in it."""

    wiring = frozenset({"kind", "to"})
    has_two_inputs: ClassVar[bool] = True

    @property
    def outputs(self) -> tuple[str, ...]:
        """Where light from the first input goes: transmitted, then reflected."""
        return self._parameters.to

    def passage_of(self, parameters: BeamSplitterParameters) -> Passage:
        """Return the loss that both outputs share."""
        return Passage(transmission=transmission(parameters.loss_db))

    def routing(self, frequency_thz: Frequencies) -> Spectra:
        """Return the parts of light from the first input; from the second they change places."""
        reflectivity = self._parameters.reflectivity
        return np.repeat([[1.0 - reflectivity], [reflectivity]], frequency_thz.size, axis=1)
