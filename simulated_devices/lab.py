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
from simulated_devices.instrument import Builder, Instrument, Surroundings
from simulated_devices.truth import TruthLog
from simulated_devices.wire import Port, PortWire
from simulated_devices.world import SLICE_PS, World, WorldParameters

if TYPE_CHECKING:
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
        self._stepping = threading.RLock()
        self._ports: dict[str, Port] = {}
        self.truth = {seat.name: self._truth_of(seat, truth_file) for seat in seats}
        for seat in seats:
            instrument = seat.build(
                Surroundings(
                    seat.name,
                    self.world,
                    seat.inputs,
                    options.get(seat.name, {}),
                    self.truth[seat.name],
                )
            )
            self.instruments[seat.name] = instrument
            instrument.port.guard = self._stepping
            self._ports[seat.address.canonical] = instrument.port
            for port, companion in instrument.companion_ports.items():
                companion.guard = self._stepping
                self._ports[seat.address.at_port(port).canonical] = companion
        self._library: SimulatedVisaLibrary | None = None
        self._started_s = time.monotonic()
        self._given_up_s = 0.0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if speed > 0:
            self._thread = threading.Thread(target=self._live, name="simulated lab", daemon=True)
            self._thread.start()

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
        if address.kind != "visa":
            return PortWire(port, address.text)
        # pyvisa takes 0.2 s to import, so only a bench with VISA instruments pays for it.
        from labctl.transport.visa import VisaWire  # noqa: PLC0415

        library = self.visa_library()
        library.add(address.target, port)
        return VisaWire(address.target, options, library)

    def visa_library(self) -> SimulatedVisaLibrary:
        """Return the VISA library of this laboratory, for pyvisa.ResourceManager too."""
        from simulated_devices.visa import new_library  # noqa: PLC0415  as above

        if self._library is None:
            self._library = new_library()
        return self._library

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
        for log in self.truth.values():
            log.close()

    def _truth_of(self, seat: InstrumentSeat, truth_file: Path | None) -> TruthLog:
        if truth_file is None or not seat.inputs:
            return TruthLog()
        return TruthLog(truth_file)

    def _wall_s(self) -> float:
        wall_s: float = (time.monotonic() - self._started_s) * self.speed
        return wall_s - self._given_up_s

    def _step(self) -> None:
        with self._stepping:
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
