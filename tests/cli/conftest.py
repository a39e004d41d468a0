"""The command line in this process and in others, and a bench that is real to it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

import pytest

from labctl.cli.main import run_command
from labctl.lab import load_bench
from labctl.service import Service
from simulated_devices.lab import SimulatedLab
from simulated_devices.wire import Port

BENCH = """
version = 1
[lab]
name = "test bench"
[instruments.pump]
driver = "cobolt_06"
address = "{pump}"
set = {{ power_mw = 5.0 }}
limits = {{ power_mw = [0, 20] }}
[instruments.tagger]
driver = "s15_tdc1"
address = "{tagger}"
[detectors]
alice_h = {{ tagger = "tagger", channel = 1 }}
alice_v = {{ tagger = "tagger", channel = 2 }}
bob_h = {{ tagger = "tagger", channel = 3 }}
bob_v = {{ tagger = "tagger", channel = 4 }}
[stations]
alice = {{ detectors = ["alice_h", "alice_v"] }}
bob = {{ detectors = ["bob_h", "bob_v"] }}
[simulation.arms]
alice = {{ photon = "signal", outputs = {{ plus = "alice_h", minus = "alice_v" }} }}
bob = {{ photon = "idler", outputs = {{ plus = "bob_h", minus = "bob_v" }} }}
[simulation.detectors]
alice_h = {{}}
alice_v = {{}}
bob_h = {{}}
bob_v = {{}}
"""
#: Without a figure to draw: what is tested here is where it runs.
QUICK = """
from labctl.runs import Experiment, Parameters, Point, Progress, settle

class Choice(Parameters):
    settle_s: float = 0.1
    fails: bool = False

def plan(bench, choice):
    for number in (1, 2):
        yield Progress(number / 4, "settling")
        yield from settle(bench, choice.settle_s)
        yield Point(number, 2, {"reading_mw": float(number)})
    if choice.fails:
        raise RuntimeError("the sample fell off")

EXPERIMENT = Experiment("quick", "", Choice, plan, needs_light=True, points=lambda _: 2)
"""
_LABCTL = [sys.executable, "-m", "labctl.cli.main"]


@dataclass(frozen=True)
class Told:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@dataclass
class Spawned:
    """A command in a process of its own."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the next line of stdout, empty at its end."""
        assert self.process.stdout is not None
        self.lines.append(self.process.stdout.readline())
        return self.lines[-1]

    def status(self, condition: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first status of `--progress json` that fulfils the condition."""
        while text := self.line():
            said: dict[str, Any] = json.loads(text)
            if said.get("event") == "status" and condition(said):
                return said
        raise AssertionError(f"the command ended: {self.end()}")

    def end(self) -> Told:
        """Wait for the end of the command."""
        out, err = self.process.communicate(timeout=30)
        return Told(self.process.returncode, "".join(self.lines) + out, err)


Labctl: TypeAlias = Callable[..., Told]
Spawn: TypeAlias = Callable[..., Spawned]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder in which commands run."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def labctl(capsys: pytest.CaptureFixture[str]) -> Labctl:
    """Return the command line as a function, in this process."""

    def run(*arguments: object, debug: bool = False) -> Told:
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments], is_debugging=debug)
        return Told(int(code), *capsys.readouterr())

    return run


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Return a starter of commands in other processes; they are killed at the end."""
    started: list[Spawned] = []

    def start(*arguments: object) -> Spawned:
        process = subprocess.Popen(
            [*_LABCTL, *(str(argument) for argument in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(Spawned(process))
        return started[-1]

    yield start
    for spawned in started:
        spawned.process.kill()
        spawned.process.communicate()


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Return the configuration of a laser and a tagger, which open fast."""
    file = tmp_path / "bench.toml"
    file.write_text(
        BENCH.format(pump="ASRL/dev/ttyUSB0::INSTR", tagger="serial:///dev/ttyACM0"),
        encoding="utf-8",
    )
    return file


@pytest.fixture
def service(bench: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Return a service of the bench in this process, at many times the wall's speed.

    In the folder where commands run is `quick.py`, an experiment.
    """
    (here / "quick.py").write_text(QUICK)
    monkeypatch.setenv("LABCTL_DATA_FOLDER", str(here / "runs"))
    with Service(load_bench(bench), simulated=True, speed=5) as opened:
        yield opened


@pytest.fixture
def at(bench: Path) -> tuple[str, ...]:
    """Return the options that name the bench of the service."""
    return ("--simulated", "--config", str(bench))


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Return a wait on a condition, which fails after twenty seconds."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.01)

    return wait


@dataclass(frozen=True)
class RealBench:
    """A bench that the program takes for real: simulated instruments behind ptys."""

    config: Path
    lab: SimulatedLab


@pytest.fixture
def real_bench(
    real_wires_allowed: None, start_lab: Callable[..., SimulatedLab], tmp_path: Path
) -> Iterator[RealBench]:
    """Return a bench served on ptys in real time."""
    del real_wires_allowed
    lab = start_lab(speed=1.0)
    with ExitStack() as stack:
        paths = {
            name: stack.enter_context(ServedPort(instrument.port)).path
            for name, instrument in lab.instruments.items()
        }
        config = tmp_path / "real.toml"
        addresses = {name: f"serial://{path}" for name, path in paths.items()}
        config.write_text(BENCH.format(**addresses), encoding="utf-8")
        yield RealBench(config, lab)


class ServedPort:
    """Carries bytes between a pty and a simulated port, in two threads of its own."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._is_ended = threading.Event()
        # The other end stays open here, so that the pty lives on between two commands.
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._take, self._give)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ended.set()
        # Wakes the thread that reads.
        os.write(self._theirs, b"\n")
        for thread in self._threads:
            thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def _take(self) -> None:
        while not self._is_ended.is_set():
            data = os.read(self._ours, 4096)
            if not self._is_ended.is_set():
                self._port.host_write(data)

    def _give(self) -> None:
        os.set_blocking(self._ours, True)
        while not self._is_ended.is_set():
            data = self._port.host_read(4096, 0.05)
            with suppress(OSError):
                while data and not self._is_ended.is_set():
                    data = data[os.write(self._ours, data) :]
