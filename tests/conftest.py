"""What every test stands on: no real instrument, no file of the user's, no thread left over."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import settings

from drivers.cobolt_06 import Cobolt06
from drivers.s15_tdc1 import Tdc1
from labctl.transport import SIMULATED_ONLY, Link, WireOptions, parse_address
from simulated_devices.devices import cobolt_06, s15_tdc1
from simulated_devices.lab import InstrumentSeat, SimulatedLab
from simulated_devices.wire import Port, PortWire

settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("desk", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

#: A thread whose name begins like this is ours, and whoever started it must have joined it.
OUR_THREADS = (
    "control ",
    "monitor",
    "pump ",
    "recorder",
    "run ",
    "safe",
    "simulated lab",
    "writer",
)
THREADS_END_WITHIN_S = 3.0

PUMP = "ASRL/dev/ttyUSB0::INSTR"
TAGGER = "serial:///dev/ttyACM0"
INPUTS = {"alice_h": 1, "alice_v": 2, "bob_h": 3, "bob_v": 4}


def shut_off(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Keep real instruments, and the user's claims, settings, logs and data out of reach."""
    monkeypatch.setenv(SIMULATED_ONLY, "1")
    # platformdirs reads these.
    for kind in ("STATE_HOME", "CONFIG_HOME", "DATA_HOME", "RUNTIME_DIR", "DOCUMENTS_DIR"):
        monkeypatch.setenv(f"XDG_{kind}", str(home / kind.lower()))


@pytest.fixture(scope="session", autouse=True)
def _shut_off_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For what modules and the session set up."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        shut_off(monkeypatch, tmp_path_factory.mktemp("home"))
        yield


@pytest.fixture(autouse=True)
def _shut_off(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test finds no laboratory open but its own."""
    shut_off(monkeypatch, tmp_path_factory.mktemp("home"))


@pytest.fixture
def real_wires_allowed(
    monkeypatch: pytest.MonkeyPatch,
    _shut_off: None,  # lifted only after it was set
) -> None:
    """Let the test open sockets and ptys of its own through `open_wire`."""
    monkeypatch.delenv(SIMULATED_ONLY)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    started = [thread for thread in threading.enumerate() if thread not in before]
    deadline = time.monotonic() + THREADS_END_WITHIN_S
    for thread in started:
        if is_ours(thread):
            thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in started if thread.is_alive() and is_ours(thread)]
    assert not left, f"the test left threads behind: {', '.join(left)}"


def is_ours(thread: threading.Thread) -> bool:
    return not thread.daemon or thread.name.startswith(OUR_THREADS)


@dataclass
class ScriptedInstrument:
    """An instrument of fixed replies behind a simulated wire; it notes every byte it gets.

    Attributes:
        replies: command with its terminator -> bytes that it answers at once.
        received: what was written, one item a write.
    """

    replies: Mapping[bytes, bytes]
    received: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = Port(self._receive)
        self.wire = PortWire(self.port, "serial://scripted")

    def _receive(self, data: bytes) -> None:
        if data:
            self.received.append(data)
        if data in self.replies:
            self.port.send(self.replies[data])


Scripted: TypeAlias = Callable[..., tuple[Link, ScriptedInstrument]]
StartLab: TypeAlias = Callable[..., SimulatedLab]


@pytest.fixture
def scripted() -> Scripted:
    """Return a builder of a link to an instrument of fixed replies; keywords go to WireOptions."""

    def build(
        replies: Mapping[bytes, bytes] | None = None, **options: Any
    ) -> tuple[Link, ScriptedInstrument]:
        instrument = ScriptedInstrument(replies or {})
        return Link(instrument.wire, WireOptions(timeout_s=0.05, **options)), instrument

    return build


def world_table(**detector: float) -> dict[str, Any]:
    """Two stations with two detectors each; keywords go to every detector."""
    return {
        "pump": {"power_noise_relative": 0.0, "settling_time_s": 0.0},
        "arms": {
            name: {"photon": photon, "outputs": {"plus": f"{name}_h", "minus": f"{name}_v"}}
            for name, photon in (("alice", "signal"), ("bob", "idler"))
        },
        "detectors": {name: dict(detector) for name in INPUTS},
    }


@pytest.fixture
def start_lab() -> Iterator[StartLab]:
    """Return a starter of a laboratory with a `pump` and a `tagger`, stepped unless told so."""
    labs: list[SimulatedLab] = []

    def start(
        seed: int = 1, speed: float = 0.0, truth_file: Path | None = None, **detector: float
    ) -> SimulatedLab:
        seats = [
            InstrumentSeat("pump", parse_address(PUMP), cobolt_06.build, {}),
            InstrumentSeat("tagger", parse_address(TAGGER), s15_tdc1.build, INPUTS),
        ]
        labs.append(
            SimulatedLab(
                world_table(**detector), seats, seed=seed, speed=speed, truth_file=truth_file
            )
        )
        return labs[-1]

    yield start
    for lab in labs:
        lab.close()


@pytest.fixture
def pump_of() -> Callable[..., Cobolt06]:
    """Return the driver of a laboratory's laser; by default on its VISA address."""

    def connect(lab: SimulatedLab, address: str = PUMP) -> Cobolt06:
        wire = lab.open_wire(parse_address(address), Cobolt06.wire)
        return Cobolt06(Link(wire, Cobolt06.wire), name="pump")

    return connect


@pytest.fixture
def tagger_of() -> Callable[..., Tdc1]:
    """Return the driver of a laboratory's time tagger; by default on its serial address."""

    def connect(lab: SimulatedLab, address: str = TAGGER) -> Tdc1:
        wire = lab.open_wire(parse_address(address), Tdc1.wire)
        return Tdc1(Link(wire, Tdc1.wire), name="tagger")

    return connect
