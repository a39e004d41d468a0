"""The end of the light's way: an analyzer and the detectors behind it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from simulated_devices.world.arm_parameters import ArmParameters
from simulated_devices.world.node import Node, finite
from simulated_devices.world.optics.element import Passage
from simulated_devices.world.polarization import Operator, analyzer_operators

__all__ = ["Arm"]


class Arm(Node[ArmParameters]):
    """The last part of a photon's way, with its polarization analyzer."""

    wiring = frozenset({"photon", "outputs"})

    def __init__(self, name: str, parameters: ArmParameters) -> None:
        super().__init__(name, parameters)
        self._passage = Passage()
        self._sides: tuple[tuple[str, Operator], ...] = ()
        self._worked_out_of: ArmParameters | None = None
        self.faults: dict[str, Callable[..., None]] = {"drift_step": self.drift_step}

    def drift_step(self, *, angle_deg: float = 10.0) -> None:
        """Turn the polarization on the way to the analyzer by an angle, as a fibre may."""
        rotation_deg = self._parameters.rotation_deg + finite("angle_deg", angle_deg)
        self.change(rotation_deg=math.remainder(rotation_deg, 360.0))

    @property
    def analyzer_angle_deg(self) -> float:
        """The linear polarization sent to the plus output, in degrees against H; settable.

        It acts on the pairs created in the next slice and later.
        """
        return self._parameters.analyzer_angle_deg

    @analyzer_angle_deg.setter
    def analyzer_angle_deg(self, angle_deg: float) -> None:
        # Angles are periodic, the parameter is limited: a rotator that turns on and on is fine.
        angle = finite(f"{self.name}.analyzer_angle_deg", angle_deg) % 360.0
        self._parameters = self._parameters.model_copy(update={"analyzer_angle_deg": angle})

    @property
    def passage(self) -> Passage:
        """Loss and time of flight up to the detectors; the same object while nothing changed."""
        self._work_out()
        return self._passage

    @property
    def sides(self) -> tuple[tuple[str, Operator], ...]:
        """Each detector behind the analyzer and the measurement its output makes.

        The operators of lossless, equal outputs add up to one.
        """
        self._work_out()
        return self._sides

    def _work_out(self) -> None:
        # Read once: another thread may change the parameters during this call.
        parameters = self._parameters
        if self._worked_out_of is parameters:
            return
        self._passage = Passage(
            transmission=_transmission(parameters.loss_db), delay_ps=float(parameters.delay_ps)
        )
        # Light that was turned forward meets the analyzer as if that were turned back.
        angle_deg = parameters.analyzer_angle_deg - parameters.rotation_deg
        plus, minus = analyzer_operators(angle_deg, parameters.extinction_ratio)
        outputs = (
            (parameters.outputs.plus, plus * _transmission(parameters.plus_loss_db)),
            (parameters.outputs.minus, minus * _transmission(parameters.minus_loss_db)),
        )
        self._sides = tuple((name, side) for name, side in outputs if name is not None)
        self._worked_out_of = parameters


def _transmission(loss_db: float) -> float:
    return float(np.power(10.0, -loss_db / 10.0))
