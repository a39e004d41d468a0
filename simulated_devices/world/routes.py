"""From where light starts to every detector it can reach.

The optics of a bench are a network without loops. `Network.way` turns it into a tree from one
starting point; `Sight.leaves` walks the tree with the present state of all elements and returns,
for each detector at its end, the measurement that the detector makes on the polarization the
light had at the start, and the delay. `Sight.filters` walks it with the colors alone. Both list
the detectors in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from labctl.errors import ConfigError, nearest
from simulated_devices.world.arm import Arm
from simulated_devices.world.detector import Detector
from simulated_devices.world.optics.element import ONE, Element, Frequencies, Passage, Spectra
from simulated_devices.world.polarization import Operator

__all__ = ["Branch", "End", "Leaf", "Meeting", "Network", "Way", "filters", "leaves"]


@dataclass(frozen=True, slots=True)
class End:
    """A detector at the end of a way, or an arm with its analyzer and detectors."""

    name: str


@dataclass(frozen=True, slots=True)
class Branch:
    """An element on the way, entered at input `port` (0 is a, 1 is b), and what follows.

    Outputs that lead to the same place are one way: (their numbers, what follows).
    """

    element: str
    port: int
    follows: tuple[tuple[tuple[int, ...], Way], ...]


Way: TypeAlias = Branch | End


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """Where a photon may interfere with its partner: a beam splitter with two ways in.

    Attributes:
        splitter: its name.
        port: the input, 0 or 1.
        outputs: the output taken.
        before: (2, 2) amplitudes of polarization from the start to the splitter, losses included.
        after: (2, 2) measurement operator of the detector on light that leaves the splitter.
        delay_ps: from the start to the splitter.
        tail: what identifies the rest of the way.
    """

    splitter: str
    port: int
    output: int
    before: Operator
    after: Operator
    delay_ps: float
    tail: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A detector as seen from the start of a way; the filters' effect is kept apart.

    Attributes:
        detector: its name.
        route: the elements passed, the arm included.
        operator: (2, 2) measurement operator of a click on the polarization at the start.
        delay_ps: time of flight at the start of the slice, the detector's own not included.
        delay_slope: its change over time.
        dispersion_ps_per_thz: its change with the optical frequency.
        meeting: where it may interfere with its partner.
    """

    detector: str
    route: tuple[str, ...]
    operator: Operator
    delay_ps: float
    delay_slope: float
    dispersion_ps_per_thz: float
    meeting: Meeting | None


@dataclass(frozen=True, slots=True, eq=False)
class _Ray:
    """Light on its way; `since` counts from the meeting on, which is what happened before."""

    amplitude: Operator = field(default_factory=lambda: ONE)
    delay_ps: float = 0.0
    delay_slope: float = 0.0
    dispersion_ps_per_thz: float = 0.0
    route: tuple[str, ...] = ()
    since: Operator = field(default_factory=lambda: ONE)
    met: tuple[str, int, int, _Ray] | None = None

    def through(self, name: str, passage: Passage) -> _Ray:
        step = passage.jones * np.sqrt(passage.transmission)
        return _Ray(
            step @ self.amplitude,
            self.delay_ps + passage.delay_ps,
            self.delay_slope + passage.delay_slope,
            self.dispersion_ps_per_thz + passage.dispersion_ps_per_thz,
            (*self.route, name),
            step @ self.since,
            self.met,
        )

    def onto(self, detector: str, side: Operator) -> Leaf:
        meeting = None
        if self.met is not None:
            splitter, port, output, before = self.met
            after = self.since.conj().T @ side @ self.since
            tail = (*self.route[len(before.route) + 1 :], detector)
            meeting = Meeting(
                splitter, port, output, before.amplitude, after, before.delay_ps, tail
            )
        return Leaf(
            detector,
            self.route,
            self.amplitude.conj().T @ side @ self.amplitude,
            self.delay_ps,
            self.delay_slope,
            self.dispersion_ps_per_thz,
            meeting,
        )


class Network:
    """The optics, arms and detectors of a bench by name, and how they are joined."""

    def __init__(
        self,
        elements: Mapping[str, Element[Any]],
        arms: Mapping[str, Arm],
        detectors: Mapping[str, Detector],
    ) -> None:
        self.elements = elements
        self.arms = arms
        self.detectors = detectors
        self._entered: dict[str, set[int]] = {}
        for element in elements.values():
            for target in element.outputs:
                if target:
                    self.enter(target, f"optics.{element.name}")

    def state(self) -> tuple[object, ...]:
        """Return what leaves depend on besides efficiencies; the same objects until a change."""
        return (
            *(element.passage for element in self.elements.values()),
            *(arm.parameters for arm in self.arms.values()),
        )

    def efficiencies(self) -> tuple[float, ...]:
        """Return the present efficiency of each detector."""
        return tuple(detector.efficiency for detector in self.detectors.values())

    def routing_state(self) -> tuple[object, ...]:
        """Return what filters depend on: the same objects as long as nothing changed."""
        return tuple(element.routing_state for element in self.elements.values())

    def enter(self, target: str, by: str) -> None:
        """Note that light enters `target`, an element's name or NAME.b, coming from `by`.

        Raises:
            ConfigError: there is nothing of this name, or it has no such input.
        """
        name, port = self._parsed(target, by)
        self._entered.setdefault(name, set()).add(port)

    def meets(self, name: str) -> bool:
        """Return whether light comes in by both inputs of the element."""
        return self._entered.get(name, set()) >= {0, 1}

    def way(self, target: str, by: str) -> Way:
        """Return the tree of all that light entering `target` can reach.

        Raises:
            ConfigError: a name is unknown, or light would run in a circle.
        """
        return self._way(target, by, ())

    def _way(self, target: str, by: str, passed: tuple[str, ...]) -> Way:
        name, port = self._parsed(target, by)
        if name not in self.elements:
            return End(name)
        if name in passed:
            circle = " -> ".join((*passed[passed.index(name) :], name))
            raise ConfigError(f"optics: light runs in a circle: {circle}")
        element = self.elements[name]
        joined: dict[str, list[int]] = {}
        for number, following in enumerate(element.outputs):
            if following:
                joined.setdefault(following, []).append(number)
        return Branch(
            name,
            port,
            tuple(
                (tuple(numbers), self._way(following, f"optics.{name}", (*passed, name)))
                for following, numbers in joined.items()
            ),
        )

    def _parsed(self, target: str, by: str) -> tuple[str, int]:
        name, _, port = target.partition(".")
        known = (*self.elements, *self.arms, *self.detectors)
        if name not in known:
            raise ConfigError(
                f'{by} leads to "{name}", which is no part of the bench'
                f"{nearest(name, known)}; known: {', '.join(known)}"
            )
        has_two_inputs = name in self.elements and self.elements[name].has_two_inputs
        if port not in ({"", "a", "b"} if has_two_inputs else {""}):
            raise ConfigError(
                f'{by} leads to "{target}"; {name} has '
                + ("the inputs a and b" if has_two_inputs else "one input, without a name")
            )
        return name, int(port == "b")


def leaves(network: Network, way: Way) -> list[Leaf]:
    """Return the detectors at the end of a way with the present state of the optics."""
    return list(_leaves(network, way, _Ray()))


def filters(network: Network, way: Way, frequency_thz: Frequencies) -> Spectra:
    """Return the part of the light of each frequency that is sent each detector's way.

    Shape (detectors, n), in the order of `leaves`.
    """
    rows = list(_filters(network, way, frequency_thz, np.ones(frequency_thz.size)))
    return np.stack(rows) if rows else np.zeros((0, frequency_thz.size))


def _leaves(network: Network, way: Way, ray: _Ray) -> Iterator[Leaf]:
    if isinstance(way, End):
        if way.name in network.arms:
            arm = network.arms[way.name]
            arrived = ray.through(way.name, arm.passage)
            for detector, operator in arm.sides:
                efficiency = network.detectors[detector].efficiency
                yield arrived.onto(detector, efficiency * operator)
        else:
            yield ray.onto(way.name, network.detectors[way.name].efficiency * ONE)
        return
    passed = ray.through(way.element, network.elements[way.element].passage)
    for numbers, following in way.follows:
        onward = passed
        if ray.met is None and network.meets(way.element):
            # The splitter's own loss belongs to what comes before the meeting.
            onward = replace(
                passed,
                since=ONE,
                met=(way.element, way.port, numbers[0], replace(passed, route=ray.route)),
            )
        yield from _leaves(network, following, onward)


def _filters(
    network: Network, way: Way, frequency_thz: Frequencies, so_far: Frequencies
) -> Iterator[Frequencies]:
    if isinstance(way, End):
        count = len(network.arms[way.name].sides) if way.name in network.arms else 1
        for _ in range(count):
            yield so_far
        return
    routing = network.elements[way.element].routing(frequency_thz)
    if way.port:
        routing = routing[::-1]
    for numbers, following in way.follows:
        part: Frequencies = so_far * routing[list(numbers)].sum(axis=0)
        yield from _filters(network, following, frequency_thz, part)
