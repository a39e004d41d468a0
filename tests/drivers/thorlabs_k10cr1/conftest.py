from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drivers.thorlabs_k10cr1 import K10cr1
from labctl.transport import Link, parse_address
from simulated_devices.devices import thorlabs_k10cr1
from simulated_devices.lab import InstrumentSeat, SimulatedLab

ADDRESS = "serial:///dev/ttyUSB1"


def world_table(**options: Any) -> dict[str, Any]:
    """A pump that is off, and a mount called `plate` with `options`."""
    return {
        "arms": {
            name: {"photon": photon, "outputs": {"plus": f"{name}_click"}}
            for name, photon in (("alice", "signal"), ("bob", "idler"))
        },
        "detectors": {"alice_click": {"dark_rate_hz": 0.0}, "bob_click": {"dark_rate_hz": 0.0}},
        "optics": {"turner": {"kind": "wave_plate", "to": "alice"}},
        "instruments": {"plate": options},
    }


@pytest.fixture
def start_mount() -> Iterator[Callable[..., SimulatedLab]]:
    """Return a starter of a laboratory with one mount; keywords are the mount's options."""
    labs: list[SimulatedLab] = []

    def start(*, speed: float = 0.0, **options: Any) -> SimulatedLab:
        seat = InstrumentSeat("plate", parse_address(ADDRESS), thorlabs_k10cr1.build, {})
        labs.append(SimulatedLab(world_table(**options), [seat], seed=3, speed=speed))
        return labs[-1]

    yield start
    for lab in labs:
        lab.close()


@pytest.fixture
def plate_of() -> Callable[[SimulatedLab], K10cr1]:
    """Return the driver of a laboratory's mount."""

    def connect(lab: SimulatedLab) -> K10cr1:
        wire = lab.open_wire(parse_address(ADDRESS), K10cr1.wire)
        return K10cr1(Link(wire, K10cr1.wire), name="plate")

    return connect
