"""Liquid-crystal retarders set by voltages.

Above the threshold Vc of the Freedericksz transition the molecules tilt by the angle
t = pi/2 - 2 arctan exp(-(V - Vc)/V0) (K. Lu, B. E. A. Saleh, Opt. Eng. 29, 240 (1990)), whose
cosine is 1/cosh((V - Vc)/V0); the birefringence that is left is, to first order in it, that of
the relaxed crystal times the cosine squared. The molecules at the windows do not tilt and keep
a residual retardance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulated_devices.world.optics.element import Passage
from simulated_devices.world.optics.inline import Evolving, InlineParameters, transmission
from simulated_devices.world.optics.jones import in_sequence, retarder
from simulated_devices.world.optics.setting import each_within
from simulated_devices.world.slices import PS_PER_S

__all__ = ["LiquidCrystal", "LiquidCrystalParameters"]

_LIMITS_V = (0.0, 10.0)
"""Drivers give amplitudes up to 10 V (S-Fifteen LCR driver); more breaks the cell down."""

_SETTLED_RAD = 1e-6
"""Changes the power behind a polarizer by 1e-12 at most."""

_Voltage = Annotated[float, Field(ge=_LIMITS_V[0], le=_LIMITS_V[1])]
_Angle = Annotated[float, Field(ge=-360.0, le=360.0)]


class LiquidCrystalParameters(InlineParameters):
    """Liquid-crystal cells in a row; the light sees them in the order of the lists."""

    kind: Literal["liquid_crystal"] = "liquid_crystal"
    axes_deg: tuple[_Angle, ...] = Field(
        (0.0, 45.0, 0.0),
        min_length=1,
        max_length=8,
        # Three cells reach every state.
        description="Axis of each cell against H.",
    )
    voltages_v: tuple[_Voltage, ...] = Field(
        (0.0, 0.0, 0.0), description="Amplitude at each cell, one for each axis."
    )
    relaxed_waves: float = Field(
        1.2,
        gt=0.0,
        le=10.0,
        # A full-wave cell with some margin for longer wavelengths.
        description="Retardance below the threshold.",
    )
    residual_waves: float = Field(
        0.04,
        ge=0.0,
        le=1.0,
        # 30 nm of retardance at 810 nm, as uncompensated cells keep at 10 V.
        description="Retardance at high voltage.",
    )
    threshold_v: float = Field(
        1.2,
        ge=0.0,
        le=10.0,
        # Nematic mixtures tilt from 1 to 2 V on.
        description="Voltage at which the molecules begin to tilt.",
    )
    tilt_v: float = Field(
        2.0,
        gt=0.0,
        le=10.0,
        # Data sheets show half the relaxed retardance 1.5 to 2 V above the threshold.
        description="Voltage above the threshold at which they are tilted by 50 deg.",
    )
    response_s: float = Field(
        0.02,
        ge=0.0,
        le=10.0,
        # Relaxing takes tens of milliseconds; driven up, cells are faster, which is left out.
        description="Time constant of the first-order approach of the retardance.",
    )
    loss_db: float = Field(
        0.2,
        ge=0.0,
        le=200.0,
        # 1.5 % for each of three coated cells.
        description="Loss on the way through.",
    )

    @model_validator(mode="after")
    def _each_axis_has_a_voltage(self) -> LiquidCrystalParameters:
        if len(self.voltages_v) != len(self.axes_deg):
            raise ValueError(
                f"voltages_v has {len(self.voltages_v)} values and axes_deg "
                f"{len(self.axes_deg)}; give one voltage for each axis"
            )
        return self

    def retardance_rad(self, voltage_v: float) -> float:
        """Return the retardance that a cell settles to; it falls with the voltage."""
        excess = max(0.0, voltage_v - self.threshold_v) / self.tilt_v
        tilted = math.cosh(excess) ** -2
        waves = self.residual_waves + (self.relaxed_waves - self.residual_waves) * tilted
        return 2.0 * math.pi * waves


class LiquidCrystal(Evolving[LiquidCrystalParameters]):
    """Retarders that approach what their voltages ask for; they start settled."""

    wiring = frozenset({"kind", "to", "axes_deg"})

    def __init__(self, name: str, parameters: LiquidCrystalParameters, seed: int) -> None:
        super().__init__(name, parameters, seed)
        self._retardances_rad = tuple(map(parameters.retardance_rad, parameters.voltages_v))
        self._show_plates(parameters, self._retardances_rad)
        self._settled_of = parameters

    @property
    def voltages_v(self) -> tuple[float, ...]:
        """Amplitude at each cell, 0 to 10; settable."""
        return self._parameters.voltages_v

    @voltages_v.setter
    def voltages_v(self, voltages_v: Sequence[float]) -> None:
        count = len(self._parameters.axes_deg)
        voltages = each_within(f"{self.name}.voltages_v", voltages_v, count, _LIMITS_V)
        self._parameters = self._parameters.model_copy(update={"voltages_v": voltages})

    @property
    def retardances_rad(self) -> tuple[float, ...]:
        """Retardance of each cell at the end of the last slice."""
        return self._retardances_rad

    def advance(self, start_ps: int, stop_ps: int) -> None:
        """Approach the targets; light of the slice sees the mean retardances."""
        parameters = self._parameters
        if parameters is self._settled_of:
            return
        targets = tuple(map(parameters.retardance_rad, parameters.voltages_v))
        pairs = zip(self._retardances_rad, targets, strict=True)
        excesses = [retardance - target for retardance, target in pairs]
        if max(map(abs, excesses)) < _SETTLED_RAD:
            self._retardances_rad = targets
            self._show_plates(parameters, targets)
            self._settled_of = parameters
            return
        duration = (stop_ps - start_ps) / PS_PER_S
        response = parameters.response_s
        remaining = math.exp(-duration / response) if response > 0.0 else 0.0
        mean = (1.0 - remaining) * response / duration
        self._retardances_rad = _off(targets, excesses, remaining)
        self._show_plates(parameters, _off(targets, excesses, mean))

    def _show_plates(
        self, parameters: LiquidCrystalParameters, retardances_rad: tuple[float, ...]
    ) -> None:
        plates = map(retarder, retardances_rad, parameters.axes_deg)
        self.show(Passage(in_sequence(plates).operator(), transmission(parameters.loss_db)))


def _off(
    targets: Sequence[float], excesses: Sequence[float], remaining: float
) -> tuple[float, ...]:
    pairs = zip(targets, excesses, strict=True)
    return tuple(target + excess * remaining for target, excess in pairs)
