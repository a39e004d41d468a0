"""A stepped laboratory with one Time Tagger, and the driver in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.swabian_timetagger import SwabianTimeTagger
from labctl.transport import Link, parse_address
from simulated_devices.devices.swabian_timetagger import build
from simulated_devices.lab import InstrumentSeat, SimulatedLab

ADDRESS = "library://swabian/1740000ABC"
INPUTS = {"alice_h": 1, "alice_v": 2, "bob_h": 3, "bob_v": 18}
DARK_RATE_HZ = 50_000.0

StartLab = Callable[..., SimulatedLab]
Connect = Callable[[SimulatedLab], SwabianTimeTagger]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartLab]:
    """Return a starter of a dark laboratory; keywords are options of the tagger."""
    labs: list[SimulatedLab] = []

    def start(inputs: dict[str, int] | None = None, **options: Any) -> SimulatedLab:
        table: dict[str, Any] = {
            "arms": {
                name: {"photon": photon, "outputs": {"plus": f"{name}_h", "minus": f"{name}_v"}}
                for name, photon in (("alice", "signal"), ("bob", "idler"))
            },
            "detectors": {name: {"dark_rate_hz": DARK_RATE_HZ} for name in INPUTS},
            "instruments": {"tagger": options},
        }
        seats = [InstrumentSeat("tagger", parse_address(ADDRESS), build, inputs or INPUTS)]
        labs.append(SimulatedLab(table, seats, seed=1, speed=0, truth_file=tmp_path / "truth"))
        return labs[-1]

    yield start
    for lab in labs:
        lab.close()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return what connects a driver to a laboratory's tagger."""
    taggers: list[SwabianTimeTagger] = []

    def connect(lab: SimulatedLab) -> SwabianTimeTagger:
        wire = lab.open_wire(parse_address(ADDRESS), SwabianTimeTagger.wire)
        taggers.append(SwabianTimeTagger(Link(wire, SwabianTimeTagger.wire), name="tagger"))
        taggers[-1].identify()
        return taggers[-1]

    yield connect
    for tagger in taggers:
        tagger.close()
