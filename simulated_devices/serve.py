"""The instruments of a simulated laboratory on loopback TCP ports and ptys, for any program.

What is served is the same instrument that our own drivers reach in process: same bytes, same
world, its time running. Nothing is reachable from another machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from labctl.errors import LinkError
from simulated_devices.instrument import Instrument
from simulated_devices.serving_loop import ServingLoop
from simulated_devices.serving_port import ServedPort, Traffic
from simulated_devices.serving_tcp import TcpEnd, bind_loopback
from simulated_devices.wire import Port

__all__ = ["LabServer", "ServedInstrument", "Traffic"]


@dataclass(frozen=True, slots=True)
class ServedInstrument:
    """Where programs find an instrument.

    Attributes:
        host: loopback address of its TCP servers.
        port: TCP port of its main wire.
        companion_ports: further TCP ports there, the instrument's own.
        pty: path of its serial port; empty where it has none.
    """

    host: str
    port: int
    companion_ports: tuple[int, ...] = ()
    pty: str = ""


@runtime_checkable
class _Laser(Protocol):
    """An instrument whose light this module can see and put out."""

    @property
    def emission(self) -> bool: ...

    def switch_off(self) -> object: ...


class LabServer:
    """Serves instruments until closed. `serve` and `close` belong to the thread that made it."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._loop = ServingLoop()
        self._ports: dict[str, ServedPort] = {}
        self._close_ends: list[Callable[[], None]] = []
        self._folder: Path | None = None
        self._is_closed = False

    def serve(self, name: str, *, port: int = 0, has_serial: bool = False) -> ServedInstrument:
        """Serve the instrument `name` and return where.

        It gets the TCP port `port`, any free one if 0. With `has_serial` it gets a serial port
        too, where the system has ptys. Companion ports keep their numbers, because clients add
        them to the host that they know.

        Raises:
            LinkError: the ports are in use, or the system has no pty left.
        """
        instrument = self._instruments[name]
        companions = tuple(instrument.companion_ports)
        host, (server, *others) = bind_loopback(port, companions)
        main_port: int = server.getsockname()[1]
        main = self._serve_port(name, instrument.port, server)
        path = self._add_pty(name, main) if has_serial and os.name == "posix" else ""
        main.start()
        for number, other in zip(companions, others, strict=True):
            wire = instrument.companion_ports[number]
            self._serve_port(f"{name}:{number}", wire, other).start()
        return ServedInstrument(host, main_port, companions, path)

    def traffic(self) -> dict[str, Traffic]:
        """Return what went where on each wire; a companion port is called `name:port`."""
        return {name: port.traffic for name, port in self._ports.items()}

    def emission(self) -> dict[str, bool]:
        """Return whether light comes out of each laser."""
        return {name: laser.emission for name, laser in self._lasers().items()}

    def switch_lasers_off(self) -> dict[str, bool]:
        """Switch every laser off, past its wire, and return the emission of each afterwards."""
        for name, laser in self._lasers().items():
            with self._instruments[name].port.guard:
                laser.switch_off()
        return self.emission()

    def close(self) -> None:
        """Close every connection, server and pty, and end all threads; twice is allowed."""
        if self._is_closed:
            return
        self._is_closed = True
        for close_end in self._close_ends:
            self._loop.call_and_wait(close_end)
        for port in self._ports.values():
            port.stop()
        for port in self._ports.values():
            port.join()
        self._loop.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _lasers(self) -> dict[str, _Laser]:
        instruments = self._instruments.items()
        return {name: found for name, found in instruments if isinstance(found, _Laser)}

    def _serve_port(self, name: str, wire: Port, server: socket.socket) -> ServedPort:
        served = self._ports[name] = ServedPort(wire, name, self._loop)
        end = self._loop.call_and_wait(lambda: TcpEnd(served, self._loop, server))
        self._close_ends.append(end.close)
        return served

    def _add_pty(self, name: str, served: ServedPort) -> str:
        # POSIX only, which is why it is imported here.
        from simulated_devices.serving_pty import PtyEnd  # noqa: PLC0415

        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="labctl-"))
        path = self._folder / name
        try:
            end = self._loop.call_and_wait(lambda: PtyEnd(served, self._loop, path))
        except OSError as error:
            raise LinkError(f"no pty can be had for {name} ({error.strerror})") from error
        self._close_ends.append(end.close)
        return str(path)
