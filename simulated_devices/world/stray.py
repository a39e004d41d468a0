"""How often light that is no pair fires each detector."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simulated_devices.world.light import Light
from simulated_devices.world.node import is_same
from simulated_devices.world.optics.element import ONE
from simulated_devices.world.polarization import Operator
from simulated_devices.world.routes import Branch, Leaf, Network, filters, leaves

__all__ = ["OpticsNoise", "StrayLight"]

_UNPOLARIZED: Operator = ONE / 2.0
_POINTS = 4096


class StrayLight:
    """One laser or lamp and the ways of its light."""

    def __init__(self, network: Network, light: Light) -> None:
        self._network = network
        self._light = light
        self._way = network.way(light.parameters.to, f"lights.{light.name}.to")

    def rates_hz(self) -> list[tuple[str, float]]:
        """Return the rate at which it fires each detector it reaches."""
        rate_hz = self._light.rate_hz
        if rate_hz == 0.0:
            return []
        passing = filters(self._network, self._way, np.array([self._light.frequency_thz]))[:, 0]
        state = self._light.state
        return [
            (leaf.detector, rate_hz * float(part) * _click(leaf, state))
            for leaf, part in zip(leaves(self._network, self._way), passing, strict=True)
        ]


class OpticsNoise:
    """The unpolarized light that one element of the optics adds, such as a fibre's Raman light.

    It is counted in the range of optical frequencies that the source's photons have: light
    outside of it is the business of filters that every such bench has.
    """

    def __init__(self, network: Network, element: str) -> None:
        self._network = network
        self._element = network.elements[element]
        way = network.way(element, f"optics.{element}")
        # Noise starts behind the element: its own turn of polarization does not matter.
        self._follows = way.follows if isinstance(way, Branch) else ()
        self._rates_hz: list[list[float]] = []
        self._worked_out_of: tuple[object, ...] = ()

    def rates_hz(
        self, ranges_thz: Iterable[tuple[float, float]], state: tuple[object, ...]
    ) -> list[tuple[str, float]]:
        """Return the rate at which it fires each detector behind the element.

        `state` is what all routing depends on; spectra are worked out anew when it changes.
        """
        if not is_same(state, self._worked_out_of):
            self._rates_hz = self._passing_hz(tuple(ranges_thz))
            self._worked_out_of = state
        return [
            (leaf.detector, rate_hz * _click(leaf, _UNPOLARIZED))
            for (_, following), rates_hz in zip(self._follows, self._rates_hz, strict=False)
            for leaf, rate_hz in zip(leaves(self._network, following), rates_hz, strict=True)
        ]

    def _passing_hz(self, ranges_thz: tuple[tuple[float, float], ...]) -> list[list[float]]:
        """Return, for each way on, the light added for each detector, in photons per second."""
        totals: list[NDArray[np.float64]] = []
        for low_thz, high_thz in _joined(ranges_thz):
            frequency = np.linspace(low_thz, high_thz, _POINTS)
            noise = self._element.noise_hz_per_thz(frequency)
            if noise is None:
                return []
            routing = self._element.routing(frequency)
            parts = [
                filters(self._network, following, frequency) * routing[list(numbers)].sum(axis=0)
                for numbers, following in self._follows
            ]
            range_totals = [np.trapezoid(part * noise, frequency, axis=1) for part in parts]
            totals = (
                [a + b for a, b in zip(totals, range_totals, strict=True)]
                if totals
                else range_totals
            )
        return [[float(rate) for rate in total] for total in totals]


def _click(leaf: Leaf, state: Operator) -> float:
    return float(np.trace(state @ leaf.operator).real)


def _joined(ranges_thz: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Return ranges that do not overlap and cover the same frequencies."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(ranges_thz):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined
