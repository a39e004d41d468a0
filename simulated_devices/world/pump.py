"""The pump laser's light: target, settling and noise of the power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from simulated_devices.world.node import Node, finite
from simulated_devices.world.pump_parameters import PumpParameters

__all__ = ["Pump"]


class Pump(Node[PumpParameters]):
    """The power that reaches the crystal.

    The laser instrument sets `target_mw` and `emitting` and reads `output_mw`. Switching on
    starts from zero power, which then approaches the target with the settling time; switching
    off is immediate (the diode current stops within microseconds). The relative noise is a
    stationary Ornstein-Uhlenbeck process, sampled exactly once per slice (D. T. Gillespie,
    Phys. Rev. E 54, 2084 (1996), eq. 1.9). A laser that warms up approaches its wavelength and
    the power on the crystal exponentially while it emits, and cools down in the same time.
    """

    def __init__(
        self, name: str, parameters: PumpParameters, generator: np.random.Generator
    ) -> None:
        super().__init__(name, parameters)
        self._generator = generator
        self._target_mw = 0.0
        self._emitting = False
        self._noiseless_mw = 0.0
        self._coldness = 1.0 if parameters.warm_up_time_s > 0.0 else 0.0
        # In units of the rms value, so that a change of the rms needs no transient.
        self._noise = float(generator.standard_normal())

    @property
    def target_mw(self) -> float:
        """The power the laser is asked for, in mW, whether it emits or not."""
        return self._target_mw

    @target_mw.setter
    def target_mw(self, power_mw: float) -> None:
        self._target_mw = finite("pump target_mw", power_mw, minimum=0.0)

    @property
    def emitting(self) -> bool:
        """Whether the laser is switched on."""
        return self._emitting

    @emitting.setter
    def emitting(self, emitting: bool) -> None:
        self._emitting = bool(emitting)

    @property
    def settled_mw(self) -> float:
        """The mean power that the present setting settles to."""
        return self._target_mw if self._emitting else 0.0

    @property
    def output_mw(self) -> float:
        """The power at the end of the last slice; zero as soon as emission is off."""
        return self._noisy(self._noiseless_mw) if self._emitting else 0.0

    def drift(self) -> dict[str, Any]:
        """Return what the laser does at present."""
        return {
            "emitting": self._emitting,
            "target_mw": self._target_mw,
            "output_mw": self.output_mw,
            "present_wavelength_nm": self.wavelength_nm,
        }

    @property
    def wavelength_nm(self) -> float:
        """The wavelength of its light at present."""
        return self._parameters.wavelength_nm + self._parameters.warm_up_shift_nm * self._coldness

    def advance(self, duration_s: float) -> float:
        """Move on by one slice and return its mean power in mW, settling included.

        The noise is held during the slice, which its correlation time (at least ten slices)
        permits.
        """
        # Each setting is read once: another thread may change it during this call.
        emitting, target_mw = self._emitting, self._target_mw
        parameters = self._parameters
        settled_mw = target_mw if emitting else 0.0
        if not emitting:
            self._noiseless_mw = 0.0
        excess_mw = self._noiseless_mw - settled_mw
        settling_s = parameters.settling_time_s
        # Exponential decay of the excess, and its mean over the slice.
        remaining = math.exp(-duration_s / settling_s) if settling_s > 0.0 else 0.0
        mean_mw = settled_mw + excess_mw * (1.0 - remaining) * settling_s / duration_s
        self._noiseless_mw = settled_mw + excess_mw * remaining
        correlation = math.exp(-duration_s / parameters.power_noise_time_s)
        innovation = math.sqrt(1.0 - correlation**2) * float(self._generator.standard_normal())
        self._noise = correlation * self._noise + innovation
        return self._noisy(mean_mw) * (1.0 - parameters.warm_up_deficit * self._warm(duration_s))

    def _warm(self, duration_s: float) -> float:
        """Let the laser warm up or cool down; return how cold it is, 1 before it emits."""
        time_s = self._parameters.warm_up_time_s
        if time_s == 0.0:
            self._coldness = 0.0
            return 0.0
        target = 0.0 if self._emitting else 1.0
        self._coldness = target + (self._coldness - target) * math.exp(-duration_s / time_s)
        return self._coldness

    def _noisy(self, power_mw: float) -> float:
        relative = self._parameters.power_noise_relative * self._noise
        return power_mw * max(0.0, 1.0 + relative)
