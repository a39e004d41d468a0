"""A fibre polarization controller with piezo squeezers, which have hysteresis.

A squeezed fibre is a retarder whose retardance is linear in the piezo's stroke. The stroke
follows the voltage by the Prandtl-Ishlinskii model: a direct part and a sum of plays of
different width (P. Krejci, K. Kuhnen, IEE Proc. Control Theory Appl. 148, 185 (2001)). A play
of half width r keeps its value y until the voltage v leaves y - r ... y + r, then is dragged
along. The model depends on the order of the voltages, not on their speed; it forgets a turning
point once a later voltage has gone beyond it (wiping out) and returns to where it left a loop.

With n plays at r = V/2 · i/n and equal weights 4 h/(n + 1) the loop between -V and V is 2 h V
wide at v = 0 and ends at -V and V, so that the stroke, counted in volts, has a mean slope of 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Inline, InlineParameters, transmission
from simulated_devices.world.optics.jones import in_sequence, retarder
from simulated_devices.world.optics.setting import each_within

__all__ = ["Squeezers", "SqueezersParameters"]

_RANGE_V = 5.0
"""Controllers with four squeezers take -5 to 5 V for the whole travel (OZ Optics EPC-400)."""

_PLAYS = 8
"""Makes the loop smooth to 0.3 V, a tenth of the voltage for half a wave."""

_HALF_WIDTHS_V = 0.5 * _RANGE_V * np.arange(1, _PLAYS + 1) / _PLAYS

_Voltage = Annotated[float, Field(ge=-_RANGE_V, le=_RANGE_V)]
_Angle = Annotated[float, Field(ge=-360.0, le=360.0)]


class SqueezersParameters(InlineParameters):
    """Four squeezers in a row on one fibre."""

    kind: Literal["squeezers"] = "squeezers"
    axes_deg: tuple[_Angle, _Angle, _Angle, _Angle] = Field(
        (0.0, 45.0, 0.0, 45.0),
        # Three suffice for every state; the fourth lets one return from its limit.
        description="Axis of each squeezer against H.",
    )
    voltages_v: tuple[_Voltage, _Voltage, _Voltage, _Voltage] = Field(
        (0.0, 0.0, 0.0, 0.0), description="Voltage of each squeezer."
    )
    half_wave_v: float = Field(
        2.5,
        gt=0.0,
        le=100.0,
        # Two waves over the whole travel: every state is reached from the middle, and a
        # feedback can turn back before a limit.
        description="Voltage for half a wave of retardance, on average over the whole travel.",
    )
    hysteresis: float = Field(
        0.12,
        ge=0.0,
        le=0.3,
        # Soft lead zirconate titanate without a sensor has 10 to 15 %.
        description="Width of the loop over the whole travel, relative to its height.",
    )
    loss_db: float = Field(
        0.1,
        ge=0.0,
        le=200.0,
        # Nothing but the fibre's bends: 0.05 to 0.1 dB is specified.
        description="Loss on the way through.",
    )


class Squeezers(Inline[SqueezersParameters]):
    """Four retarders set by voltages, each with a memory of its turning points.

    Piezos settle within 0.1 ms, so a voltage acts at once: every voltage set leaves its trace,
    though the light of a slice sees only the last.
    """

    def __init__(self, name: str, parameters: SqueezersParameters, seed: int) -> None:
        super().__init__(name, parameters, seed)
        self._plays_v = np.zeros((4, _PLAYS))
        self._drag(parameters.voltages_v)

    @property
    def voltages_v(self) -> tuple[float, float, float, float]:
        """Voltage of each squeezer, -5 to 5; settable."""
        return self._parameters.voltages_v

    @voltages_v.setter
    def voltages_v(self, voltages_v: Sequence[float]) -> None:
        voltages = each_within(f"{self.name}.voltages_v", voltages_v, 4, (-_RANGE_V, _RANGE_V))
        # New parameters come last: the stepping thread works out the passage when it sees them.
        self._drag(voltages)
        self._parameters = self._parameters.model_copy(update={"voltages_v": voltages})

    @property
    def retardances_rad(self) -> tuple[float, ...]:
        """Retardance of each squeezer as its voltages so far left it."""
        return self._retardances_rad(self._parameters)

    def change(self, **changes: object) -> None:
        """Replace some parameters from the next slice on.

        Raises:
            LimitError: a name is unknown or wiring, or a value is outside its limits.
        """
        super().change(**changes)
        self._drag(self._parameters.voltages_v)
        self._parameters = self._parameters.model_copy()

    def passage_of(self, parameters: SqueezersParameters) -> Passage:
        """Return the four retarders in a row."""
        plates = (
            retarder(retardance_rad, axis_deg)
            for retardance_rad, axis_deg in zip(
                self._retardances_rad(parameters), parameters.axes_deg, strict=True
            )
        )
        return Passage(in_sequence(plates).operator(), transmission(parameters.loss_db))

    def _retardances_rad(self, parameters: SqueezersParameters) -> tuple[float, ...]:
        weight = 4.0 * parameters.hysteresis / (_PLAYS + 1)
        direct = 1.0 + parameters.hysteresis - weight * _PLAYS
        strokes_v = direct * np.array(parameters.voltages_v) + weight * self._plays_v.sum(axis=1)
        retardances: list[float] = (math.pi / parameters.half_wave_v * strokes_v).tolist()
        return tuple(retardances)

    def _drag(self, voltages_v: Sequence[float]) -> None:
        now_v = np.array(voltages_v)[:, np.newaxis]
        self._plays_v = np.clip(self._plays_v, now_v - _HALF_WIDTHS_V, now_v + _HALF_WIDTHS_V)
