"""Polarization states and measurements of one and two photons.

Basis: |H>, |V> for one photon, |HH>, |HV>, |VH>, |VV> with the signal photon first for two.
Angles are those of linear polarization against H, in degrees; a half-wave plate at half the
angle in front of a fixed H/V analyzer measures the same.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.source_parameters import BellStateName, SourceParameters

__all__ = [
    "Operator",
    "analyzer_operators",
    "bell_vector",
    "pair_state",
    "state_vector",
]

Operator = NDArray[np.complex128]
"""A 2 x 2 (one photon) or 4 x 4 (two photons) complex matrix."""

# Amplitudes of HH, HV, VH, VV before normalization.
_BELL_AMPLITUDES: dict[BellStateName, tuple[int, int, int, int]] = {
    "phi_plus": (1, 0, 0, 1),
    "phi_minus": (1, 0, 0, -1),
    "psi_plus": (0, 1, 1, 0),
    "psi_minus": (0, 1, -1, 0),
}


def bell_vector(state: BellStateName) -> Operator:
    """Return the four amplitudes of a Bell state."""
    return np.array(_BELL_AMPLITUDES[state], dtype=np.complex128) / math.sqrt(2.0)


def state_vector(parameters: SourceParameters) -> Operator:
    """Return the four amplitudes of the source's pure state, normalized."""
    if isinstance(parameters.state, str):
        return bell_vector(parameters.state)
    amplitudes = np.array([complex(*pair) for pair in parameters.state])
    normalized: Operator = amplitudes / np.linalg.norm(amplitudes)
    return normalized


def pair_state(parameters: SourceParameters) -> Operator:
    """Return the density matrix of the pairs: the pure state in white or colored noise.

    In white noise V |psi><psi| + (1 - V) 1/4, which of a Bell state is that of R. F. Werner,
    Phys. Rev. A 40, 4277 (1989); its best CHSH value is 2 sqrt(2) V.

    Colored noise is the state without its coherence between H and V, as of pairs whose
    polarization could be told from their time or color (A. Cabello, A. Feito, A. Lamas-Linares,
    Phys. Rev. A 72, 052112 (2005)).
    """
    amplitudes = state_vector(parameters)
    pure: Operator = np.outer(amplitudes, amplitudes.conj())
    white: Operator = np.eye(4, dtype=np.complex128) / 4.0
    rest = white if parameters.noise == "white" else np.diag(np.diag(pure))
    mixed: Operator = parameters.visibility * pure + (1.0 - parameters.visibility) * rest
    return mixed


def analyzer_operators(angle_deg: float, extinction_ratio: float) -> tuple[Operator, Operator]:
    """Return the measurement operators of an analyzer's plus and minus output.

    Each output passes the wanted polarization with 1 - e and the orthogonal one with e, where
    (1 - e)/e is the extinction ratio. Both add up to one: loss is counted elsewhere.
    """
    angle = math.radians(angle_deg)
    wanted = np.array([math.cos(angle), math.sin(angle)], dtype=np.complex128)
    projector = np.outer(wanted, wanted.conj())
    one = np.eye(2, dtype=np.complex128)
    leak = 1.0 / (1.0 + extinction_ratio)
    plus = leak * one + (1.0 - 2.0 * leak) * projector
    return plus, one - plus
