"""An attenuator with a shutter."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Inline, InlineParameters, transmission
from simulated_devices.world.optics.setting import within

__all__ = ["Attenuator", "AttenuatorParameters"]

_MAX_ATTENUATION_DB = 100.0
"""More than commercial attenuators have (60 to 80 dB); a closed shutter is `is_blocked`."""


class AttenuatorParameters(InlineParameters):
    """Loss that an instrument sets; also plain loss, and a shutter."""

    kind: Literal["attenuator"] = "attenuator"
    loss_db: float = Field(
        1.0,
        ge=0.0,
        le=200.0,
        # Motorized fibre attenuators are specified with 0.8 to 1.5 dB.
        description="Insertion loss, which stays when the attenuation is set to zero.",
    )
    attenuation_db: float = Field(
        0.0,
        ge=0.0,
        le=_MAX_ATTENUATION_DB,
        description="The set attenuation, on top of the insertion loss.",
    )
    is_blocked: bool = Field(False, description="True when the shutter is closed: nothing passes.")


class Attenuator(Inline[AttenuatorParameters]):
    """Lets a set part of the light through."""

    @property
    def attenuation_db(self) -> float:
        """The set attenuation; settable."""
        return self._parameters.attenuation_db

    @attenuation_db.setter
    def attenuation_db(self, attenuation_db: float) -> None:
        value = within(f"{self.name}.attenuation_db", attenuation_db, 0.0, _MAX_ATTENUATION_DB)
        self._parameters = self._parameters.model_copy(update={"attenuation_db": value})

    @property
    def is_blocked(self) -> bool:
        """True when the shutter is closed; settable."""
        return self._parameters.is_blocked

    @is_blocked.setter
    def is_blocked(self, is_blocked: bool) -> None:
        self._parameters = self._parameters.model_copy(update={"is_blocked": bool(is_blocked)})

    def passage_of(self, parameters: AttenuatorParameters) -> Passage:
        """Return the transmission that is set."""
        if parameters.is_blocked:
            return Passage(transmission=0.0)
        return Passage(transmission=transmission(parameters.loss_db + parameters.attenuation_db))
