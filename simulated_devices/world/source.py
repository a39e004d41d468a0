"""Photon pairs and which detectors they fire.

Pair creation is Poissonian. The pairs of a continuously pumped crystal are thermal in each
spectral-temporal mode, but a mode lasts only the coherence time of the photons (below 1 ps for
nanometres of bandwidth), so the smallest time a detector resolves holds K >> 1 modes, and the
counts of K thermal modes with a mean of mu in all have the variance mu (1 + mu/K), which is
Poissonian in this limit. It fails for narrow-band sources (K of order 1) and for pump pulses
as short as the coherence time.

Every pair independently has one outcome: at most one detector fires for the signal and one for
the idler photon. The pairs of each outcome are therefore independent Poisson processes (Poisson
colouring theorem; J. F. C. Kingman, Poisson Processes, 1993, 5.1), which is what the world
draws: lost pairs cost nothing and no pair is decided one by one. Two pairs within one dead time
or window ("multi-pair" events) are part of the process and need no extra rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulated_devices.world.node import Node, finite
from simulated_devices.world.parameters import ArmParameters, SourceParameters
from simulated_devices.world.polarization import (
    Operator,
    analyzer_operators,
    joint_probability,
)

__all__ = ["Arm", "PairOutcome", "PairSource", "detection_operators", "pair_outcomes"]


class PairSource(Node[SourceParameters]):
    """The crystal: pairs per mW, and their polarization state."""

    wiring = frozenset({"pump"})


class Arm(Node[ArmParameters]):
    """The way of one photon of each pair through its analyzer."""

    wiring = frozenset({"photon", "outputs"})

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


def detection_operators(
    arm: ArmParameters, efficiencies: Mapping[str, float]
) -> dict[str | None, Operator]:
    """Return the measurement operator of each detector's click and, under None, of none.

    `efficiencies` are those of the detectors by name. The operators add up to one.
    """
    transmission = 10.0 ** (-arm.loss_db / 10.0)
    sides = analyzer_operators(arm.analyzer_angle_deg, arm.extinction_ratio)
    operators: dict[str | None, Operator] = {}
    no_click = np.eye(2, dtype=np.complex128)
    for detector, side in zip((arm.outputs.plus, arm.outputs.minus), sides, strict=True):
        if detector is not None:
            operators[detector] = transmission * efficiencies[detector] * side
            no_click = no_click - operators[detector]
    operators[None] = no_click
    return operators


@dataclass(frozen=True)
class PairOutcome:
    """What a pair does: the detectors its photons fire (None: lost) and how often per pair."""

    signal: str | None
    idler: str | None
    probability: float


def pair_outcomes(
    state: Operator,
    signal: Mapping[str | None, Operator],
    idler: Mapping[str | None, Operator],
) -> tuple[PairOutcome, ...]:
    """Return all outcomes in which at least one detector fires.

    `signal` and `idler` are detection operators by detector name; the probabilities follow
    from the Born rule on the two-photon state.
    """
    return tuple(
        PairOutcome(
            signal_detector,
            idler_detector,
            joint_probability(state, signal_operator, idler_operator),
        )
        for signal_detector, signal_operator in signal.items()
        for idler_detector, idler_operator in idler.items()
        if signal_detector is not None or idler_detector is not None
    )
