"""How the polarization behind a fibre wanders."""

from __future__ import annotations

import math
from dataclasses import dataclass

from simulated_devices.world.optics.jones import Turn, haar_turn, random_axis
from simulated_devices.world.polarization import Operator
from simulated_devices.world.randomness import component_generator

__all__ = ["Drift"]


@dataclass
class Drift:
    """The birefringence of a fibre: a random walk, and turns about two axes of its own.

    The walk takes isotropic Gaussian steps on SU(2): the rotation vector of a step has three
    independent normal components. A Stokes vector then keeps, on average over k steps, the part
    ((1 + 2 <cos t>)/3)^k of itself, with <cos t> = (1 - v) e^{-v/2} for the variance v of a
    component. The stepping thread of the world owns it.

    Attributes:
        operator: the Jones matrix at present; the same object until it changes.
    """

    name: str
    seed: int
    is_aligned: bool

    def __post_init__(self) -> None:
        fixed = component_generator(self.seed, f"optics/{self.name}/birefringence")
        self._day_axis = random_axis(fixed)
        self._warm_axis = random_axis(fixed)
        self._steps = component_generator(self.seed, f"optics/{self.name}/walk")
        self._walked = Turn() if self.is_aligned else haar_turn(fixed)
        self._total = self._walked
        self.operator: Operator = self._total.operator()

    def turn(self, day_rad: float, warm_rad: float) -> None:
        """Turn by the daily and the thermal angle on top of the walk so far."""
        total = self._walked
        if day_rad != 0.0:
            total = _about(self._day_axis, day_rad).after(total)
        if warm_rad != 0.0:
            total = _about(self._warm_axis, warm_rad).after(total)
        if total != self._total:
            self._total = total
            self.operator = total.operator()

    def walk(self, angle_rad: float) -> None:
        """Take one random step; its rotation has this root-mean-square angle."""
        if angle_rad > 0.0:
            scale = angle_rad / math.sqrt(3.0)
            s1, s2, s3 = self._steps.standard_normal(3).tolist()
            self._walked = Turn.about(scale * s1, scale * s2, scale * s3).after(self._walked)

    def kick(self, rotation_rad: tuple[float, float, float]) -> None:
        """Turn the Stokes vector once about a vector by its length, to stay."""
        self._walked = Turn.about(*rotation_rad).after(self._walked)


def _about(axis: tuple[float, float, float], angle_rad: float) -> Turn:
    return Turn.about(*(angle_rad * component for component in axis))
