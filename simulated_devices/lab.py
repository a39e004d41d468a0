"""The simulated laboratory: one world, its clock, and the instruments in front of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from labctl.errors import ConfigError, LinkError
from labctl.transport import Address, Wire, WireOptions
from simulated_devices.faults import AppliedFault, FaultKind, FaultMenu
from simulated_devices.instrument import Builder, Instrument, Surroundings
from simulated_devices.library_port import open_library
from simulated_devices.parameter_log import ParameterLog, parameter_file
from simulated_devices.standing_faults import StandingFault
from simulated_devices.truth import TruthLog
from simulated_devices.wire import Port, PortWire
from simulated_devices.world import SLICE_PS, History, World, WorldParameters
from simulated_devices.world.node import Node

if TYPE_CHECKING:
    from simulated_devices.serve import LabServer
    from simulated_devices.visa import SimulatedVisaLibrary

__all__ = ["InstrumentSeat", "SimulatedLab"]

_SLICE_S = SLICE_PS * 1e-12
#: A stepped clock hands over what streams sent in so much world time at once.
_TOGETHER_PS = 5 * SLICE_PS
#: A real-time world that falls this far behind the wall gives the time up instead of
#: catching up for ever.
_MAX_LAG_S = 1.0


@dataclass(frozen=True, slots=True)
class InstrumentSeat:
    """One instrument of the bench: its address and how its simulator is built."""

    name: str
    address: Address
    build: Builder
    inputs: Mapping[str, int]


class SimulatedLab:
    """Owns the world, its time and every simulated instrument; it is the bench's Clock too.

    `truth_file` lists every tag that the tagger sends (of several taggers: one file each, with
    the tagger's name at its end), and the true parameters beside it.

    With `speed` 0 time is stepped: it passes only inside `wait`, and there only as fast as the
    readers of all streams follow, so that equal seeds and equal calls give equal bytes. With
    `speed` N a thread lets N seconds pass per second.
    """

    def __init__(
        self,
        table: Mapping[str, Any],
        seats: list[InstrumentSeat],
        *,
        seed: int = 0,
        speed: float = 1.0,
        truth_file: Path | None = None,
    ) -> None:
        if not speed >= 0:
            raise ConfigError(f"speed = {speed} is negative; use 0 for stepped time, or more")
        physics = dict(table)
        options: Mapping[str, Any] = physics.pop("instruments", {})
        self.world = World(self.check(physics), seed)
        self.seed = seed
        self.speed = speed
        self.instruments: dict[str, Instrument] = {}
        self._seats = tuple(seats)
        self._stepping = threading.RLock()
        self._ports: dict[str, Port] = {}
        self.truth: dict[str, TruthLog] = {}
        self._parameter_log = ParameterLog(parameter_file(truth_file)) if truth_file else None
        try:
            self._seat_all(options, truth_file)
        except BaseException:
            self._close_logs()
            raise
        #: What was true of every part of the world, and since when.
        self.history = History(
            self.world.nodes | self._clocks(),
            self._parameter_log.tell if self._parameter_log else None,
        )
        self._faults = FaultMenu(self.instruments, self.world)
        self._library: SimulatedVisaLibrary | None = None
        self._started_s = time.monotonic()
        self._given_up_s = 0.0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if speed > 0:
            self._thread = threading.Thread(target=self._live, name="simulated lab", daemon=True)
            self._thread.start()

    def _seat_all(self, options: Mapping[str, Any], truth_file: Path | None) -> None:
        taggers = [seat.name for seat in self._seats if seat.inputs]
        for seat in self._seats:
            own_file = None if truth_file is None or seat.name not in taggers else truth_file
            if own_file is not None and len(taggers) > 1:
                own_file = own_file.with_name(f"{own_file.name}.{seat.name}")
            truth = self.truth[seat.name] = TruthLog(own_file)
            instrument = seat.build(
                Surroundings(seat.name, self.world, seat.inputs, options.get(seat.name, {}), truth)
            )
            self.instruments[seat.name] = instrument
            self._ports[seat.address.canonical] = instrument.port
            for port, companion in instrument.companion_ports.items():
                self._ports[seat.address.at_port(port).canonical] = companion
        for wire in self._ports.values():
            wire.guard, wire.now_s = self._stepping, self.now_s

    def _clocks(self) -> dict[str, Node[Any]]:
        """Return the clocks of the instruments that have one of their own."""
        clocks = {
            f"clock of {name}": getattr(instrument, "clock", None)
            for name, instrument in self.instruments.items()
        }
        return {name: clock for name, clock in clocks.items() if isinstance(clock, Node)}

    #: How the laboratory that opens this one describes an instrument to it.
    seat = InstrumentSeat

    @staticmethod
    def check(table: Mapping[str, Any]) -> WorldParameters:
        """Return the parameters in a `[simulation]` table.

        Raises:
            ConfigError: every mistake in the table, one a line.
        """
        try:
            return WorldParameters.model_validate(dict(table))
        except ValidationError as error:
            lines = [
                f"[simulation] {'.'.join(str(part) for part in problem['loc'])}: "
                f"{problem['msg']} (got {problem['input']!r})"
                for problem in error.errors(include_url=False, include_context=False)
            ]
            raise ConfigError("\n".join(lines)) from error

    def open_wire(self, address: Address, options: WireOptions) -> Wire:
        """Return the simulated wire that stands in for `address`.

        Raises:
            LinkError: no simulated instrument has this address.
        """
        port = self._ports.get(address.canonical)
        if port is None:
            raise LinkError("no simulated instrument has this address", address=address.text)
        if address.kind == "library":
            return open_library(port, address, options)
        if address.kind != "visa":
            return PortWire(port, address.text)
        # pyvisa takes 0.2 s to import, so only a bench with VISA instruments pays for it.
        from labctl.transport.visa import VisaWire  # noqa: PLC0415

        library = self.visa_library()
        # A serial instrument may be known by its device and opened by its VISA name.
        owner = next((i for i in self.instruments.values() if i.port is port), None)
        library.add(address.target, port, owner)
        return VisaWire(address.target, options, library)

    def visa_library(self) -> SimulatedVisaLibrary:
        """Return the VISA library of this laboratory, for pyvisa.ResourceManager too."""
        from simulated_devices.visa import new_library  # noqa: PLC0415  as above

        if self._library is None:
            library = new_library()
            for seat in self._seats:
                if seat.address.kind == "visa":
                    instrument = self.instruments[seat.name]
                    library.add(seat.address.target, instrument.port, instrument)
            self._library = library
        return self._library

    def new_server(self) -> LabServer:
        """Return a server of the instruments for other programs; nothing is served yet."""
        from simulated_devices.serve import LabServer  # noqa: PLC0415  only where one serves

        return LabServer(self.instruments)

    def fault(self, name: str, kind: str, /, **arguments: Any) -> AppliedFault:
        """Let something go wrong at an instrument, its wire or a part of the world, or mend it.

        It happens between two slices of world time. `faults` says what there is; texts are
        converted to the types of the arguments.

        Raises:
            LimitError: the name, the kind or an argument is unknown, or a value makes no sense.
        """
        with self._stepping:
            return self._faults.apply(name, kind, arguments)

    def faults(self, name: str) -> tuple[FaultKind, ...]:
        """Return what can go wrong at an instrument or a part of the world.

        Raises:
            LimitError: nothing has this name.
        """
        return self._faults.kinds(name)

    @property
    def fault_names(self) -> tuple[str, ...]:
        """Where something can go wrong."""
        return self._faults.names

    @property
    def fault_log(self) -> tuple[AppliedFault, ...]:
        """What has gone wrong so far, in order."""
        return tuple(self._faults.log)

    @property
    def standing_faults(self) -> tuple[StandingFault, ...]:
        """What is still wrong, and what mends it."""
        with self._stepping:
            return self._faults.standing()

    @property
    def is_stepped(self) -> bool:
        """True when time passes only inside `wait`."""
        return self.speed == 0

    def now_s(self) -> float:
        """Return seconds of bench time since the laboratory opened."""
        if self.is_stepped:
            return self.world.time_ps * 1e-12
        return self._wall_s()

    def wait(self, duration_s: float) -> None:
        """Let `duration_s` of bench time pass, in whole slices on a stepped clock."""
        if not self.is_stepped:
            self._closing.wait(max(0.0, duration_s) / self.speed)
            return
        target_ps = self.world.time_ps + round(max(0.0, duration_s) * 1e12)
        while self.world.time_ps < target_ps:
            self._step_together(min(target_ps, self.world.time_ps + _TOGETHER_PS))

    def _step_together(self, target_ps: int) -> None:
        """Step to `target_ps` and hand over what streams send meanwhile in one piece.

        One handover for some slices: it costs the switch to the reader's thread and back.
        """
        ports = [i.port for i in self.instruments.values() if i.is_streaming]
        for port in ports:
            port.hold()
        try:
            while self.world.time_ps < target_ps:
                self._step()
        finally:
            for port in ports:
                port.release()
        for port in ports:
            port.settle()

    def close(self) -> None:
        """Stop time and close the truth list."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._close_logs()

    def _close_logs(self) -> None:
        for log in self.truth.values():
            log.close()
        if self._parameter_log is not None:
            self._parameter_log.close()

    def _wall_s(self) -> float:
        wall_s: float = (time.monotonic() - self._started_s) * self.speed
        return wall_s - self._given_up_s

    def _step(self) -> None:
        with self._stepping:
            self.history.note(self.world.time_ps)
            clicks = self.world.step()
            for instrument in self.instruments.values():
                instrument.advance(clicks)

    def _live(self) -> None:
        while not self._closing.is_set():
            behind_s = self._wall_s() - self.world.time_ps * 1e-12
            if behind_s > _MAX_LAG_S * max(1.0, self.speed):
                self._given_up_s += behind_s
            elif behind_s >= _SLICE_S:
                self._step()
            else:
                self._closing.wait((_SLICE_S - behind_s) / self.speed)
