"""Which detectors a pair fires, and how often: the Born rule over all routes and colors.

Every pair independently has one outcome: at most one detector fires for the signal and one for
the idler photon. The pairs of each outcome are therefore independent Poisson processes (Poisson
colouring theorem; J. F. C. Kingman, Poisson Processes, 1993, 5.1), which is what the world
draws: lost pairs cost nothing and no pair is decided one by one. Two pairs within one dead time
or window ("multi-pair" events) are part of the process and need no extra rule.

Polarization and color are independent of each other, so the probability of an outcome is the
Born rule on the two-photon polarization times the part of the joint spectrum that the two
routes' filters let through.

Where the photons meet at a beam splitter, going s -> x, i -> y cannot be told from s -> y,
i -> x. With amplitudes t and i r, E_x and E_y the polarization measurements behind the
splitter, SWAP the exchange of the photons and J their spectral and temporal overlap, the
probability of both ways together is

    T^2 tr(rho E_x E_y) + R^2 tr(rho E_y E_x) - 2 R T J Re tr(rho E_x E_y SWAP)

behind different outputs, and with + R T in every term behind the same one (C. K. Hong, Z. Y. Ou,
L. Mandel, Phys. Rev. Lett. 59, 2044 (1987), with polarization).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.optics.element import Spectra
from simulated_devices.world.polarization import Operator
from simulated_devices.world.routes import Leaf
from simulated_devices.world.spectrum import JointSpectrum

__all__ = ["PairColors", "PairOutcome", "pair_outcomes"]

Array = NDArray[np.float64]

#: Exchanges the two photons: |ab> -> |ba>.
_SWAP = np.eye(4, dtype=np.complex128)[[0, 2, 1, 3]]


@dataclass(frozen=True, slots=True, eq=False)
class PairOutcome:
    """What a pair does: the detectors its photons fire (None: lost) and how often per pair.

    `signal_leaf` and `idler_leaf` are the ways they take there, `signal_place` and `idler_place`
    their numbers among all ways of the photon.
    """

    signal: str | None
    idler: str | None
    probability: float
    signal_leaf: Leaf | None = None
    idler_leaf: Leaf | None = None
    signal_place: int | None = None
    idler_place: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PairColors:
    """The filters on all routes; worked out anew only when one of them changes.

    Attributes:
        spectrum: of the pairs.
        signal: (signal leaves, n) transmission of power at the signal's frequencies.
        idler: (idler leaves, n) at those of the idler.
        joint: (signal leaves, idler leaves) part of the pairs that passes both.
    """

    spectrum: JointSpectrum
    signal: Spectra
    idler: Spectra
    joint: Array

    @classmethod
    def of(
        cls, spectrum: JointSpectrum, signal: Spectra, idler: Spectra, linewidth_thz: float
    ) -> PairColors:
        """Return the colors that pass these filters."""
        return cls(spectrum, signal, idler, spectrum.overlap(signal, idler, linewidth_thz))

    def passing(self, outcome: PairOutcome) -> Array:
        """Return the part of the pairs at each detuning that can have this outcome, (n,).

        Of a lone photon's partner nothing is known, so only its own filters count.
        """
        weights = self.spectrum.weights
        if outcome.signal_place is not None:
            weights = weights * self.signal[outcome.signal_place]
        if outcome.idler_place is not None:
            weights = weights * self.idler[outcome.idler_place]
        return weights


def pair_outcomes(
    state: Operator,
    signal: Sequence[Leaf],
    idler: Sequence[Leaf],
    colors: PairColors,
    *,
    indistinguishability: float = 1.0,
) -> tuple[PairOutcome, ...]:
    """Return all outcomes in which at least one detector fires.

    `state` is the (4, 4) density matrix of the polarizations, signal first.
    """
    signal_operators = _stacked(signal)
    idler_operators = _stacked(idler)
    # The sum over state[ij, kl]·signal[k, i]·idler[l, j] for all leaves at once.
    by_photon = state.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    both = (signal_operators @ by_photon @ idler_operators.T).real * colors.joint
    _interfere(both, state, signal, idler, colors, indistinguishability)
    # Rounding leaves -1e-17 where the state is orthogonal to the measurement.
    np.maximum(both, 0.0, out=both)
    weights = colors.spectrum.weights
    lone_signal = _single(signal_operators, by_photon @ _UNIT, colors.signal @ weights)
    lone_idler = _single(idler_operators, _UNIT @ by_photon, colors.idler @ weights)
    lone_signal -= both.sum(axis=1)
    lone_idler -= both.sum(axis=0)
    _settle_debts(lone_signal, lone_idler, signal, idler)
    outcomes = [
        PairOutcome(s.detector, i.detector, float(both[m, n]), s, i, m, n)
        for m, s in enumerate(signal)
        for n, i in enumerate(idler)
    ]
    outcomes += [
        PairOutcome(s.detector, None, float(p), signal_leaf=s, signal_place=m)
        for m, (s, p) in enumerate(zip(signal, lone_signal, strict=True))
    ]
    outcomes += [
        PairOutcome(None, i.detector, float(p), idler_leaf=i, idler_place=n)
        for n, (i, p) in enumerate(zip(idler, lone_idler, strict=True))
    ]
    return tuple(outcomes)


#: The vector of the unit operator: what a photon that nobody looks at is measured with.
_UNIT = np.eye(2, dtype=np.complex128).ravel()


def _stacked(leaves: Sequence[Leaf]) -> NDArray[np.complex128]:
    """Return the transposed operators as rows of four."""
    if not leaves:
        return np.zeros((0, 4), dtype=np.complex128)
    return np.stack([leaf.operator.T.ravel() for leaf in leaves])


def _single(
    operators: NDArray[np.complex128], reduced: NDArray[np.complex128], passing: Array
) -> Array:
    result: Array = (operators @ reduced).real * passing
    return result


def _interfere(
    both: Array,
    state: Operator,
    signal: Sequence[Leaf],
    idler: Sequence[Leaf],
    colors: PairColors,
    indistinguishability: float,
) -> None:
    """Add the interference of the ways that cannot be told apart to `both`, in place."""
    if not colors.spectrum.is_degenerate or indistinguishability == 0.0:
        return
    done: set[tuple[int, int]] = set()
    places = {_place(leaf): n for n, leaf in enumerate(idler) if leaf.meeting}
    others = {_place(leaf): m for m, leaf in enumerate(signal) if leaf.meeting}
    for m, s in enumerate(signal):
        for n, i in enumerate(idler):
            a, b = s.meeting, i.meeting
            if a is None or b is None or a.splitter != b.splitter or a.port == b.port:
                continue
            # The same two detectors, the photons exchanged.
            p, q = others[_place(i)], places[_place(s)]
            if (p, q) in done:
                continue
            done.add((m, n))
            before = np.kron(a.before, b.before)
            met = before @ state @ before.conj().T
            exchange = float(np.trace(met @ np.kron(a.after, b.after) @ _SWAP).real)
            paths = colors.signal[m] * colors.idler[n]
            swapped = (colors.signal[p] * colors.idler[q])[::-1]
            overlap = colors.spectrum.exchange(np.sqrt(paths * swapped), a.delay_ps - b.delay_ps)
            sign = 1.0 if a.output == b.output else -1.0
            added = sign * indistinguishability * overlap * exchange
            if (m, n) == (p, q):
                both[m, n] += added
            else:
                _share(both, (m, n), (p, q), 2.0 * added)


def _settle_debts(
    lone_signal: Array, lone_idler: Array, signal: Sequence[Leaf], idler: Sequence[Leaf]
) -> None:
    """Make lone probabilities positive, in place.

    Which of two photons that met is called the signal behind the splitter has no meaning, only
    their sum has: what one is short of, the other at the same detector has too much.
    """
    places = {_place(leaf): n for n, leaf in enumerate(idler) if leaf.meeting}
    for m, leaf in enumerate(signal):
        n = places.get(_place(leaf))
        if leaf.meeting is not None and n is not None:
            debt = min(lone_signal[m], 0.0) + min(lone_idler[n], 0.0)
            lone_signal[m] = max(lone_signal[m], 0.0) + (debt if lone_signal[m] > 0.0 else 0.0)
            lone_idler[n] = max(lone_idler[n], 0.0) + (debt if lone_idler[n] > 0.0 else 0.0)
    np.maximum(lone_signal, 0.0, out=lone_signal)
    np.maximum(lone_idler, 0.0, out=lone_idler)


def _place(leaf: Leaf) -> tuple[str, int, tuple[str, ...]] | None:
    """Return what names a detector behind a splitter, whichever photon reaches it."""
    meeting = leaf.meeting
    return None if meeting is None else (meeting.splitter, meeting.output, meeting.tail)


def _share(both: Array, one: tuple[int, int], other: tuple[int, int], added: float) -> None:
    """Add to two outcomes that fire the same detectors, in proportion to what they have."""
    direct = both[one] + both[other]
    if direct > 0.0:
        factor = max(0.0, 1.0 + added / direct)
        both[one] *= factor
        both[other] *= factor
