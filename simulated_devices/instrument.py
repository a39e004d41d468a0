"""What the simulated laboratory needs of an instrument, and what it gives to one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from simulated_devices.truth import TruthLog
from simulated_devices.wire import Port
from simulated_devices.world import Slice, World

__all__ = ["Builder", "Instrument", "Surroundings"]


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


#: What the entry-point group `labctl.simulators` holds.
Builder = Callable[[Surroundings], Instrument]
