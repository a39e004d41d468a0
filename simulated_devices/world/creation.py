"""Pairs are made and travel to the detectors they fire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.detector import Detector
from simulated_devices.world.emission import bunched_times, is_structured, poissonian_times
from simulated_devices.world.pairs import PairColors, PairOutcome
from simulated_devices.world.randomness import component_generator
from simulated_devices.world.routes import Leaf
from simulated_devices.world.slices import Times
from simulated_devices.world.source_parameters import StatisticsParameters

__all__ = ["Creation"]

_Key = tuple[str | None, str | None, tuple[str, ...], tuple[str, ...]]
#: Dispersion that spreads the whole spectrum over less than this is not worth a random number.
_LEAST_SPREAD_PS = 0.1


class Creation:
    """Draws the pairs of a slice, outcome by outcome, and hands them to the detectors."""

    def __init__(self, detectors: Mapping[str, Detector], seed: int) -> None:
        self._detectors = detectors
        self._seed = seed
        self._generators: dict[_Key, np.random.Generator] = {}
        self._bunches = component_generator(seed, "pairs/bunches")

    def create(
        self,
        outcomes: Sequence[PairOutcome],
        pairs_hz: float,
        statistics: StatisticsParameters,
        colors: PairColors,
        slice_ps: tuple[int, int],
    ) -> None:
        """Make the pairs that fire a detector; `pairs_hz` counts all pairs."""
        start_ps, stop_ps = slice_ps
        drawn = [outcome for outcome in outcomes if outcome.probability > 0.0]
        rates_hz = [pairs_hz * outcome.probability for outcome in drawn]
        if statistics.photon_number == "thermal":
            times = bunched_times(self._bunches, statistics, rates_hz, start_ps, stop_ps)
        else:
            times = [
                poissonian_times(self._generator(outcome), statistics, rate_hz, start_ps, stop_ps)
                for outcome, rate_hz in zip(drawn, rates_hz, strict=True)
            ]
        structured = is_structured(statistics)
        for outcome, made in zip(drawn, times, strict=True):
            if made.size:
                self._send(outcome, made, start_ps, colors, is_structured=structured)

    def _send(
        self,
        outcome: PairOutcome,
        made: Times,
        start_ps: int,
        colors: PairColors,
        *,
        is_structured: bool,
    ) -> None:
        signal, idler = outcome.signal_leaf, outcome.idler_leaf
        is_pair = signal is not None and idler is not None
        shows_jitter = is_pair or is_structured
        detuning = self._detuning(outcome, made.size, colors) if shows_jitter else None
        for leaf, sign in ((signal, 1.0), (idler, -1.0)):
            if leaf is None:
                continue
            arrivals = _arrivals(leaf, made, start_ps)
            if detuning is not None and leaf.dispersion_ps_per_thz:
                shifts = detuning * (sign * leaf.dispersion_ps_per_thz)
                # A fibre delays by a thousand times what it disperses: the cut is for the rest.
                arrivals += np.rint(np.maximum(shifts, -leaf.delay_ps)).astype(np.int64)
            detector = self._detectors[leaf.detector]
            if shows_jitter:
                detector.absorb_paired(arrivals)
            else:
                detector.absorb(arrivals)

    def _detuning(
        self, outcome: PairOutcome, count: int, colors: PairColors
    ) -> NDArray[np.float64] | None:
        """Return the signal's detuning of each pair (THz) where dispersion shows it."""
        leaves = [leaf for leaf in (outcome.signal_leaf, outcome.idler_leaf) if leaf is not None]
        span_thz = float(colors.spectrum.detuning_thz[-1])
        if all(abs(x.dispersion_ps_per_thz) * span_thz < _LEAST_SPREAD_PS for x in leaves):
            return None
        passing = colors.passing(outcome)
        total = np.cumsum(passing)
        places = np.searchsorted(total, self._generator(outcome).random(count) * total[-1])
        detuning: NDArray[np.float64] = colors.spectrum.detuning_thz[
            np.minimum(places, total.size - 1)
        ]
        return detuning

    def _generator(self, outcome: PairOutcome) -> np.random.Generator:
        routes = [
            () if leaf is None else leaf.route for leaf in (outcome.signal_leaf, outcome.idler_leaf)
        ]
        key: _Key = (outcome.signal, outcome.idler, routes[0], routes[1])
        if key not in self._generators:
            component = f"pairs/{outcome.signal or ''}/{outcome.idler or ''}"
            # The ways are part of the name only where optics make several of them.
            ways = ["+".join(route[:-1]) for route in routes]
            if any(ways):
                component += f"/{ways[0]}/{ways[1]}"
            self._generators[key] = component_generator(self._seed, component)
        return self._generators[key]


def _arrivals(leaf: Leaf, made: Times, start_ps: int) -> Times:
    """Return when photons made at these times arrive, dispersion left out."""
    arrivals = made + round(leaf.delay_ps)
    if leaf.delay_slope:
        arrivals += np.rint((made - start_ps) * leaf.delay_slope).astype(np.int64)
    return arrivals
