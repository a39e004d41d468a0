"""Jones matrices and Stokes vectors.

Amplitudes are those of H and V. The Stokes vector is s = (s1, s2, s3) with s1 = +1 for H,
s2 = +1 for D = (H + V)/sqrt 2, s3 = +1 for L = (H + iV)/sqrt 2 and -1 for R = (H - iV)/sqrt 2
(the letters as in D. F. V. James et al., Phys. Rev. A 64, 052312 (2001)). A retarder with the
retardance d and its axis at x is R(x) diag(e^{-id/2}, e^{id/2}) R(-x). Golden values: a
half-wave plate at 22.5 deg takes H to s2 = +1, a quarter-wave plate at 45 deg to s3 = -1.

A unitary matrix without a global phase is a rotation of s; about the vector w by |w| (right
handed) it is exp(-i (w1 Z + w2 X + w3 Y)/2) with the Pauli matrices X, Y, Z.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.polarization import Operator

__all__ = [
    "Turn",
    "haar_turn",
    "in_sequence",
    "random_axis",
    "retarder",
    "rotator",
    "stokes",
    "stokes_rotation",
]

Vector = NDArray[np.float64]
"""Three real numbers, in the order s1, s2, s3."""


class Turn(NamedTuple):
    """The rotation [[p, -q*], [q, p*]] of a polarization, |p|^2 + |q|^2 = 1.

    Two plain numbers, because fibres turn a little in every slice: a product takes a tenth of
    the time of one of arrays.
    """

    p: complex = 1.0 + 0.0j
    q: complex = 0.0j

    @classmethod
    def about(cls, s1: float, s2: float, s3: float) -> Turn:
        """Return the rotation of the Stokes vector about a vector, by its length in rad."""
        angle = math.sqrt(s1 * s1 + s2 * s2 + s3 * s3)
        if angle == 0.0:
            return cls()
        scale = math.sin(0.5 * angle) / angle
        return cls(complex(math.cos(0.5 * angle), -scale * s1), complex(scale * s3, -scale * s2))

    def after(self, first: Turn) -> Turn:
        """Return what `first` and then this turn do, normalized against rounding."""
        p = self.p * first.p - self.q.conjugate() * first.q
        q = self.q * first.p + self.p.conjugate() * first.q
        scale = 1.0 / math.sqrt(p.real**2 + p.imag**2 + q.real**2 + q.imag**2)
        return Turn(p * scale, q * scale)

    def operator(self) -> Operator:
        """Return the Jones matrix."""
        return np.array(
            [[self.p, -self.q.conjugate()], [self.q, self.p.conjugate()]], dtype=np.complex128
        )


def retarder(retardance_rad: float, axis_deg: float) -> Turn:
    """Return what a linear retarder with its axis at an angle against H does."""
    doubled = math.radians(2.0 * axis_deg)
    return Turn.about(retardance_rad * math.cos(doubled), retardance_rad * math.sin(doubled), 0.0)


def rotator(angle_deg: float) -> Turn:
    """Return the turn that makes H the linear polarization at an angle."""
    return Turn.about(0.0, 0.0, math.radians(2.0 * angle_deg))


def in_sequence(turns: Iterable[Turn]) -> Turn:
    """Return what elements do together, in the order in which light passes them."""
    total = Turn()
    for turn in turns:
        total = turn.after(total)
    return total


def haar_turn(generator: np.random.Generator) -> Turn:
    """Return a rotation that takes any polarization to each other with equal probability.

    Four normal numbers of length one are uniform on SU(2) (Haar measure; G. Marsaglia, Ann.
    Math. Statist. 43, 645 (1972)).
    """
    a, b, c, d = generator.standard_normal(4).tolist()
    return Turn().after(Turn(complex(a, b), complex(c, d)))


def random_axis(generator: np.random.Generator) -> tuple[float, float, float]:
    """Return a unit vector, uniform on the sphere."""
    s1, s2, s3 = generator.standard_normal(3).tolist()
    length = math.sqrt(s1 * s1 + s2 * s2 + s3 * s3)
    return s1 / length, s2 / length, s3 / length


def stokes(amplitudes: Operator) -> Vector:
    """Return (s1, s2, s3) of the normalized state with these amplitudes of H and V."""
    h, v = complex(amplitudes[0]), complex(amplitudes[1])
    cross = h.conjugate() * v
    power = abs(h) ** 2 + abs(v) ** 2
    return np.array([abs(h) ** 2 - abs(v) ** 2, 2.0 * cross.real, 2.0 * cross.imag]) / power


def stokes_rotation(operator: Operator) -> Vector:
    """Return the 3 x 3 matrix by which a unitary Jones matrix turns Stokes vectors."""
    axes = np.array([[1, 1, 1], [0, 1, 1j]], dtype=np.complex128)
    return np.stack([stokes(column) for column in (operator @ axes).T], axis=1)
