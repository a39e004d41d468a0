"""What every piece of optics is to the light that passes it.

An element has one way in and one or more ways out. To light of one polarization and frequency
it does three things: it turns the polarization (a unitary Jones matrix), it lets a part through
to each output, and it takes time. Loss is a number beside the matrix, so matrices stay unitary.
What goes on between two slices of world time is the element's own affair (`advance`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from simulated_devices.world.node import Node
from simulated_devices.world.polarization import Operator

__all__ = ["ONE", "Element", "Frequencies", "Passage", "Spectra"]

ParametersT = TypeVar("ParametersT", bound=BaseModel)

Frequencies = NDArray[np.float64]
"""Optical frequencies in THz, shape (n,), rising."""

Spectra = NDArray[np.float64]
"""A number per output and optical frequency, shape (outputs, n)."""

ONE: Operator = np.eye(2, dtype=np.complex128)
"""The Jones matrix of what leaves the polarization alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """What an element does in one slice to light that passes it, whichever way it leaves.

    Attributes:
        jones: unitary (2, 2) matrix on the amplitudes of H and V.
        transmission: part of the power that is not lost, 0 to 1.
        delay_ps: time it takes at the start of the slice.
        delay_slope: change of `delay_ps` over time, both in ps; 1e-5 for a fast satellite.
        dispersion_ps_per_thz: change of the delay with the optical frequency.
    """

    jones: Operator = field(default_factory=lambda: ONE)
    transmission: float = 1.0
    delay_ps: float = 0.0
    delay_slope: float = 0.0
    dispersion_ps_per_thz: float = 0.0


class Element(Node[ParametersT], ABC, Generic[ParametersT]):
    """A piece of optics; `outputs` are the names of what follows, in the element's order.

    `passage` returns the same object as long as nothing changed, and `parameters` stays the
    same object too: the world compares by identity to see what it must work out again.
    """

    def __init__(self, name: str, parameters: ParametersT, seed: int) -> None:
        super().__init__(name, parameters)
        self.seed = seed
        self._passage = Passage()
        self._passage_of: object = None

    #: True for what has a second input, which others lead to as NAME.b.
    has_two_inputs: ClassVar[bool] = False

    @property
    @abstractmethod
    def outputs(self) -> tuple[str, ...]:
        """Names of what the light reaches next, one per output; empty names lead nowhere."""

    def advance(self, start_ps: int, stop_ps: int) -> None:
        """Live through the slice that light is about to be created in."""
        del start_ps, stop_ps

    @property
    def passage(self) -> Passage:
        """What happens to light in the present slice."""
        if self._passage_of is not self._parameters:
            parameters = self._parameters
            self._passage = self.passage_of(parameters)
            self._passage_of = parameters
        return self._passage

    def passage_of(self, parameters: ParametersT) -> Passage:
        """Return what follows from the parameters alone; for elements without a memory."""
        del parameters
        return Passage()

    def routing(self, frequency_thz: Frequencies) -> Spectra:
        """Return the part of the light that goes to each output; the sum is at most one."""
        return np.ones((len(self.outputs), frequency_thz.size))

    @property
    def routing_state(self) -> object:
        """What `routing` and `noise_hz_per_thz` depend on; the same object while that stays.

        An element whose parameters change often without changing its routing says so here,
        because spectra are expensive to work out again.
        """
        return self._parameters

    def noise_hz_per_thz(self, frequency_thz: Frequencies) -> Frequencies | None:
        """Return the unpolarized light that the element itself adds before its outputs."""
        del frequency_thz
        return None
