from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drivers.thorlabs_pm100d import Pm100d
from labctl.transport import Link, parse_address
from simulated_devices.devices import thorlabs_pm100d
from simulated_devices.lab import InstrumentSeat, SimulatedLab

ADDRESS = "USB0::0x1313::0x8078::P0000001::INSTR"


@pytest.fixture
def start_meter() -> Iterator[Callable[..., SimulatedLab]]:
    """Return a starter of a laboratory with a 405 nm pump of 5 mW and a meter.

    Keywords are the meter's options; by default it has neither noise nor offset.
    """
    labs: list[SimulatedLab] = []

    def start(**options: Any) -> SimulatedLab:
        table: dict[str, Any] = {
            "pump": {"power_noise_relative": 0.0, "settling_time_s": 0.0},
            "source": {"pairs_hz_per_mw": 0.0},
            "arms": {
                name: {"photon": photon, "outputs": {"plus": f"{name}_click"}}
                for name, photon in (("alice", "signal"), ("bob", "idler"))
            },
            "detectors": {"alice_click": {}, "bob_click": {}},
            "instruments": {"meter": {"noise_mw": 0.0, "dark_offset_mw": 0.0} | options},
        }
        seat = InstrumentSeat("meter", parse_address(ADDRESS), thorlabs_pm100d.build, {})
        lab = SimulatedLab(table, [seat], seed=3, speed=0.0)
        labs.append(lab)
        lab.world.pump.target_mw = 5.0
        lab.world.pump.emitting = True
        lab.wait(0.01)
        return lab

    yield start
    for lab in labs:
        lab.close()


@pytest.fixture
def meter_of() -> Callable[[SimulatedLab], Pm100d]:
    """Return the driver of a laboratory's power meter."""

    def connect(lab: SimulatedLab) -> Pm100d:
        wire = lab.open_wire(parse_address(ADDRESS), Pm100d.wire)
        return Pm100d(Link(wire, Pm100d.wire), name="meter")

    return connect
