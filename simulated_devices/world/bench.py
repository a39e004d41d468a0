"""The simulated bench as one object that is stepped through time."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from labctl.errors import LimitError
from simulated_devices.world.detector import Detector
from simulated_devices.world.parameters import WorldParameters
from simulated_devices.world.polarization import werner_state
from simulated_devices.world.pump import Pump
from simulated_devices.world.randomness import component_generator, poisson_times
from simulated_devices.world.slices import PS_PER_S, SLICE_PS, Slice
from simulated_devices.world.source import (
    Arm,
    PairOutcome,
    PairSource,
    detection_operators,
    pair_outcomes,
)

__all__ = ["World"]


class World:
    """A pumped pair source, two analyzers and their detectors.

    The same seed, parameters and changes at the same slices give the same clicks, however fast
    or in what portions the world is stepped. One thread steps the world; simulated instruments
    may set properties of its nodes from other threads, which takes effect with the next slice
    (a change during a step may act on a part of that step; the lab keeps the two apart where
    bytes must repeat).
    """

    def __init__(self, parameters: WorldParameters, seed: int) -> None:
        """Build the world at time 0 with the pump off.

        `seed` is not negative; every component has its own stream drawn from it.
        """
        if seed < 0:
            raise LimitError(f"seed = {seed} is negative; use 0 or a positive integer")
        self.seed = seed
        self._time_ps = 0
        self.pump = Pump("pump", parameters.pump, component_generator(seed, "pump"))
        self.source = PairSource("source", parameters.source)
        arms = {name: Arm(name, arm) for name, arm in parameters.arms.items()}
        self.arms: Mapping[str, Arm] = MappingProxyType(arms)
        self.detectors: Mapping[str, Detector] = MappingProxyType(
            {
                name: Detector(name, detector, seed)
                for name, detector in parameters.detectors.items()
            }
        )
        self._signal = next(arm for arm in arms.values() if arm.parameters.photon == "signal")
        self._idler = next(arm for arm in arms.values() if arm.parameters.photon == "idler")
        self._generators: dict[tuple[str | None, str | None], np.random.Generator] = {}
        self._outcomes: tuple[PairOutcome, ...] = ()
        self._outcomes_of: tuple[object, ...] = ()

    @property
    def time_ps(self) -> int:
        """The end of the last slice and start of the next."""
        return self._time_ps

    @property
    def outcomes(self) -> tuple[PairOutcome, ...]:
        """What the pairs created under the present parameters do, and how often."""
        efficiencies = {name: detector.efficiency for name, detector in self.detectors.items()}
        # Frozen models, each read once: another thread may change them during this call.
        source = self.source.parameters
        signal, idler = self._signal.parameters, self._idler.parameters
        basis = (source, signal, idler, *efficiencies.values())
        # The matrices are worth a comparison: they would take half the time of a quiet slice.
        if basis != self._outcomes_of:
            self._outcomes = pair_outcomes(
                werner_state(source.state, source.visibility),
                detection_operators(signal, efficiencies),
                detection_operators(idler, efficiencies),
            )
            self._outcomes_of = basis
        return self._outcomes

    def step(self) -> Slice:
        """Advance by one slice and return its clicks."""
        start_ps = self._time_ps
        stop_ps = start_ps + SLICE_PS
        power_mw = self.pump.advance(SLICE_PS / PS_PER_S)
        pairs_hz = power_mw * self.source.parameters.pairs_hz_per_mw
        for outcome in self.outcomes:
            self._create(outcome, pairs_hz * outcome.probability, start_ps, stop_ps)
        clicks = {
            name: detector.clicks(start_ps, stop_ps) for name, detector in self.detectors.items()
        }
        self._time_ps = stop_ps
        return Slice(start_ps, stop_ps, MappingProxyType(clicks))

    def _create(self, outcome: PairOutcome, rate_hz: float, start_ps: int, stop_ps: int) -> None:
        times = poisson_times(self._generator(outcome), rate_hz, start_ps, stop_ps)
        is_pair = outcome.signal is not None and outcome.idler is not None
        for arm, name in ((self._signal, outcome.signal), (self._idler, outcome.idler)):
            if name is None:
                continue
            detector = self.detectors[name]
            arrivals = times + arm.parameters.delay_ps
            if is_pair:
                detector.absorb_paired(arrivals)
            else:
                detector.absorb(arrivals)

    def _generator(self, outcome: PairOutcome) -> np.random.Generator:
        key = (outcome.signal, outcome.idler)
        if key not in self._generators:
            component = f"pairs/{outcome.signal or ''}/{outcome.idler or ''}"
            self._generators[key] = component_generator(self.seed, component)
        return self._generators[key]
