"""The simulated bench as one object that is stepped through time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from labctl.errors import ConfigError, LimitError
from simulated_devices.world.arm import Arm
from simulated_devices.world.creation import Creation
from simulated_devices.world.detector import Detector
from simulated_devices.world.light import Light
from simulated_devices.world.node import Node
from simulated_devices.world.optics import build_element
from simulated_devices.world.optics.element import Element
from simulated_devices.world.pairs import PairColors, PairOutcome
from simulated_devices.world.parameters import WorldParameters
from simulated_devices.world.pump import Pump
from simulated_devices.world.randomness import component_generator, poisson_times
from simulated_devices.world.routes import Network
from simulated_devices.world.slices import PS_PER_S, SLICE_PS, Slice
from simulated_devices.world.source import PairLight, PairSource
from simulated_devices.world.stray import OpticsNoise, StrayLight

__all__ = ["World"]

#: glibc keeps freed memory up to twice the largest block ever freed (at most 32 MiB, mallopt(3),
#: M_MMAP_THRESHOLD). Without it every slice of a bright world is given back to the system and
#: faulted in again, which costs a third of the speed.
_LARGE_BLOCK_BYTES = 32_000_000


class World:
    """A pumped pair source, optics, analyzers and their detectors.

    The same seed, parameters and changes at the same slices give the same clicks, however fast
    or in what portions the world is stepped. One thread steps the world; simulated instruments
    may set properties of its nodes from other threads, which takes effect with the next slice
    (a change during a step may act on a part of that step; the lab keeps the two apart where
    bytes must repeat).
    """

    def __init__(self, parameters: WorldParameters, seed: int) -> None:
        """Build the world at time 0 with the pump off.

        `seed` is not negative; every component has its own stream drawn from it.

        Raises:
            ConfigError: the optics do not lead from the source to detectors.
        """
        if seed < 0:
            raise LimitError(f"seed = {seed} is negative; use 0 or a positive integer")
        np.empty(_LARGE_BLOCK_BYTES, dtype=np.uint8)
        self.seed = seed
        self._time_ps = 0
        self._taken: dict[str, str] = {}
        self.pump = Pump("pump", parameters.pump, component_generator(seed, "pump"))
        self.source = PairSource("source", parameters.source)
        self.optics: Mapping[str, Element[Any]] = MappingProxyType(
            {name: build_element(name, table, seed) for name, table in parameters.optics.items()}
        )
        self.arms: Mapping[str, Arm] = MappingProxyType(
            {name: Arm(name, arm) for name, arm in parameters.arms.items()}
        )
        self.lights: Mapping[str, Light] = MappingProxyType(
            {name: Light(name, light) for name, light in parameters.lights.items()}
        )
        self.detectors: Mapping[str, Detector] = MappingProxyType(
            {
                name: Detector(name, detector, seed)
                for name, detector in parameters.detectors.items()
            }
        )
        self._network = Network(self.optics, self.arms, self.detectors)
        signal, idler = parameters.entrance("signal"), parameters.entrance("idler")
        self._network.enter(signal, "source.signal")
        self._network.enter(idler, "source.idler")
        self._pairs = PairLight(self._network, self.source, self.pump, signal, idler)
        self._creation = Creation(self.detectors, seed)
        self._stray = [StrayLight(self._network, light) for light in self.lights.values()]
        self._noise = [OpticsNoise(self._network, name) for name in self.optics]
        self._stray_generators: dict[str, np.random.Generator] = {}

    @property
    def time_ps(self) -> int:
        """The end of the last slice and start of the next."""
        return self._time_ps

    @property
    def nodes(self) -> dict[str, Node[Any]]:
        """Everything whose parameters can be changed while the world runs, by name."""
        return {
            "pump": self.pump,
            "source": self.source,
            **self.optics,
            **self.arms,
            **self.lights,
            **self.detectors,
        }

    def take(self, part: str, instrument: str) -> None:
        """Note that an instrument moves a part of the world.

        Raises:
            ConfigError: another one does already.
        """
        owner = self._taken.setdefault(part, instrument)
        if owner != instrument:
            raise ConfigError(
                f"[simulation.instruments.{instrument}]: {part} is moved by {owner} already; "
                "two instruments cannot move one part"
            )

    @property
    def outcomes(self) -> tuple[PairOutcome, ...]:
        """What the pairs created under the present parameters do, and how often."""
        return self._pairs.outcomes()

    @property
    def pair_colors(self) -> PairColors:
        """The filters on all ways of the pairs, and their spectrum."""
        return self._pairs.colors

    @property
    def created_hz_per_mw(self) -> float:
        """Pairs per second and milliwatt at the present temperature and pump wavelength."""
        return self.source.parameters.pairs_hz_per_mw * self._pairs.brightness

    def stray_hz(self) -> dict[str, float]:
        """Return the clicks per second of a live detector by light that is no pair."""
        rates = dict.fromkeys(self.detectors, 0.0)
        found = [rate for light in self._stray for rate in light.rates_hz()]
        if self._noise:
            state = self._network.routing_state()
            spectrum = self._pairs.colors.spectrum
            ranges = [
                (float(colors.min()), float(colors.max()))
                for colors in (spectrum.signal_thz, spectrum.idler_thz)
            ]
            for noise in self._noise:
                found += noise.rates_hz(ranges, (spectrum, *state))
        for detector, rate_hz in found:
            rates[detector] += rate_hz
        return rates

    def step(self) -> Slice:
        """Advance by one slice and return its clicks."""
        start_ps = self._time_ps
        stop_ps = start_ps + SLICE_PS
        for element in self.optics.values():
            element.advance(start_ps, stop_ps)
        power_mw = self.pump.advance(SLICE_PS / PS_PER_S)
        self._creation.create(
            self.outcomes,
            power_mw * self.created_hz_per_mw,
            self.source.parameters.statistics,
            self._pairs.colors,
            (start_ps, stop_ps),
        )
        if self._stray or self._noise:
            self._create_stray(start_ps, stop_ps)
        clicks = {
            name: detector.clicks(start_ps, stop_ps) for name, detector in self.detectors.items()
        }
        self._time_ps = stop_ps
        return Slice(start_ps, stop_ps, MappingProxyType(clicks))

    def _create_stray(self, start_ps: int, stop_ps: int) -> None:
        for name, rate_hz in self.stray_hz().items():
            if rate_hz == 0.0:
                continue
            if name not in self._stray_generators:
                self._stray_generators[name] = component_generator(self.seed, f"stray/{name}")
            times = poisson_times(self._stray_generators[name], rate_hz, start_ps, stop_ps)
            self.detectors[name].absorb(times)
