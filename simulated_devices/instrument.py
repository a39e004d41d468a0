"""What the simulated laboratory needs of an instrument, and what it gives to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from simulated_devices.truth import TruthLog
from simulated_devices.wire import Port
from simulated_devices.world import Slice, World

__all__ = ["Builder", "Fault", "Instrument", "Surroundings", "faults_of"]

Fault = Callable[..., None]
"""Something that goes wrong in an instrument, or is mended again.

It takes keyword arguments only, each annotated with bool, int, float or str and with a default;
the first line of its docstring says what happens. It raises LimitError for a value that makes
no sense. It is called with the laboratory's lock held, between two slices of world time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where an instrument stands.

    Attributes:
        name: the instrument's name on the bench.
        world: the one physical world.
        inputs: detectors wired to it -> its channel; empty for what is no tagger.
        options: its table `[simulation.instruments.NAME]`, such as the arm it acts on.
        truth: where a tagger writes the tags it is about to send.
    """

    name: str
    world: World
    inputs: Mapping[str, int]
    options: Mapping[str, Any]
    truth: TruthLog


class Instrument(Protocol):
    """A simulated instrument behind its port."""

    @property
    def port(self) -> Port:
        """The wire to it."""
        ...

    @property
    def companion_ports(self) -> Mapping[int, Port]:
        """Further wires to it, by their TCP port; empty for most instruments."""
        ...

    @property
    def is_streaming(self) -> bool:
        """True while it sends without being asked."""
        ...

    def advance(self, slice_: Slice) -> None:
        """Live through one slice of world time."""
        ...


def faults_of(instrument: Instrument) -> Mapping[str, Fault]:
    """Return what can go wrong in an instrument itself, by name; its wire's faults are apart.

    An instrument offers them in an attribute `faults`; those without one have none.
    """
    found: Mapping[str, Fault] = getattr(instrument, "faults", {})
    return found


#: What the entry-point group `labctl.simulators` holds.
Builder = Callable[[Surroundings], Instrument]
