from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from drivers.single_quantum_websq import SingleQuantumWebSq
from labctl.device import Limits
from labctl.transport import Link, WireOptions, parse_address
from simulated_devices.devices.single_quantum_websq import WebSq, build
from simulated_devices.lab import InstrumentSeat, SimulatedLab
from simulated_devices.wire import PortWire

NAMES = ("alice_h", "alice_v", "bob_h", "bob_v")
ADDRESS = parse_address("tcp://127.0.0.1:12000")


class RecordingWire(PortWire):
    """The simulated wire, and what the host wrote on it."""

    written: list[bytes]

    def write(self, data: bytes) -> None:
        self.written.append(data)
        super().write(data)


@dataclass
class Rig:
    """A driver, its simulated instrument and the world around them, in stepped time."""

    lab: SimulatedLab
    instrument: WebSq
    websq: SingleQuantumWebSq
    written: list[bytes] = field(default_factory=list)

    def run(self, waits: Iterator[float]) -> None:
        """Let time pass as a generator of the driver asks for."""
        for wait_s in waits:
            self.lab.wait(wait_s)

    @property
    def bias_ua(self) -> list[float]:
        return cast("list[float]", self.instrument.values["BiasCurrent"])


MakeRig = Callable[..., Rig]


def _world_table() -> dict[str, Any]:
    return {
        "pump": {"power_noise_relative": 0.0, "settling_time_s": 0.0},
        "arms": {
            "alice": {"photon": "signal", "outputs": {"plus": "alice_h", "minus": "alice_v"}},
            "bob": {"photon": "idler", "outputs": {"plus": "bob_h", "minus": "bob_v"}},
        },
        "detectors": {name: {} for name in NAMES},
    }


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    rigs: list[Rig] = []

    def make(*, limits: dict[str, Limits] | None = None, **options: Any) -> Rig:
        lab = SimulatedLab(
            _world_table() | {"instruments": {"snspd": {"detectors": list(NAMES)} | options}},
            [InstrumentSeat("snspd", ADDRESS, build, {})],
            speed=0,
        )
        written: list[bytes] = []

        def link(port: int, wire: WireOptions) -> Link:
            address = ADDRESS.at_port(port)
            opened = RecordingWire(lab._ports[address.canonical], address.text)
            opened.written = written if port == ADDRESS.port else []
            return Link(opened, wire)

        websq = SingleQuantumWebSq(
            link(ADDRESS.port, SingleQuantumWebSq.wire),
            name="snspd",
            limits=limits,
            companions={
                name: link(companion.port, companion.wire)
                for name, companion in SingleQuantumWebSq.companion_wires.items()
            },
        )
        websq.identify()
        rigs.append(
            Rig(lab, cast("WebSq", lab.instruments["snspd"]), websq, written),
        )
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.websq.close()
        rig.lab.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()
