"""A simulated bench whose instruments other programs reach: on loopback ports and serial ports."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from labctl.device import Identity
from labctl.errors import ConfigError, LinkError
from labctl.lab.connecting import Connector
from labctl.lab.control import ControlEndpoint
from labctl.lab.faulting import fault_handlers
from labctl.lab.loading import LoadedBench
from labctl.transport import Address, parse_address

__all__ = ["ServedBench", "ServedEntry"]

_SERVED = ("visa", "serial", "tcp")
#: Why instruments with other kinds of address are not.
_NOT_SERVED = {
    "file": "a recording is played by labctl itself; no instrument stands behind it",
    "library": "it is reached through its maker's library, not by a wire",
}
_MAX_PORT = 65_535
_HEADER = "# Written by `labctl simulate serve`"
_SIMULATED = re.compile(r"\bsimulated(\s*)=(\s*)true\b")


@dataclass(frozen=True, slots=True)
class ServedEntry:
    """Where one instrument is served.

    Attributes:
        name: the instrument's name on the bench.
        model: what it answered when it was asked.
        address: how instruments.toml writes its address; empty if it is not served.
        settings: what a program needs to talk to it, as JSON can carry it.
        not_served: why it is not; empty if it is.
    """

    name: str
    model: str
    address: str
    settings: dict[str, Any]
    not_served: str = ""


class ServedBench:
    """Owns a simulated laboratory, its server and its control endpoint until `close`.

    Each instrument is asked by its driver what it is before anybody else can reach it; then
    labctl talks to it no more. `labctl status`, `labctl safe` and `labctl simulate fault` reach
    the laboratory through its control endpoint.
    """

    def __init__(
        self,
        loaded: LoadedBench,
        *,
        seed: int = 0,
        speed: float = 1.0,
        base_port: int | None = None,
    ) -> None:
        if not speed > 0:
            raise ConfigError(
                f"speed = {speed:g} is no running time; programs at the other end of a wire need "
                "a speed above 0, such as 1"
            )
        self.loaded = loaded
        self._opened_utc = time.time()
        self._identities: dict[str, Identity] = {}
        self._connector = Connector(loaded, simulated=True, seed=seed, speed=speed)
        self.simulation = self._connector.simulation
        self._closing: list[Callable[[], None]] = [self._connector.close]
        try:
            self.entries = self._serve_all(base_port)
            self._announce()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close everything that is served and end the world; closing twice is allowed."""
        while self._closing:
            self._closing.pop()()

    def traffic(self) -> dict[str, dict[str, int]]:
        """Return where the bytes went that were sent on each wire: delivered, dropped, ..."""
        return {wire: asdict(traffic) for wire, traffic in self._server.traffic().items()}

    def write_configuration(self, file: Path) -> None:
        """Write an instruments.toml that leads to the served instruments.

        Raises:
            ConfigError: the file is somebody's own, or cannot be written.
        """
        try:
            if file.exists() and not file.read_text(encoding="utf-8").startswith(_HEADER):
                raise ConfigError(
                    f"{file} exists and was not written by labctl simulate serve",
                    hint="Name another file, or delete this one.",
                )
            file.write_text(self.configuration(), encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} cannot be written: {error}") from error

    def configuration(self) -> str:
        """Return the bench's configuration with the addresses of the served instruments.

        Raises:
            ConfigError: its addresses are not written as plain strings.
        """
        addresses = {entry.name: entry.address for entry in self.entries if entry.address}
        header = (
            f"{_HEADER} from {self.loaded.path}.\n"
            "# It leads to the simulated instruments that this command serves, until it ends.\n"
            "# labctl takes them for real ones: leave --simulated out, arm what emits, and leave\n"
            "# LABCTL_SIMULATED_ONLY unset, which forbids every wire out of the program.\n\n"
        )
        return header + _readdressed(self.loaded, addresses)

    def _serve_all(self, base_port: int | None) -> tuple[ServedEntry, ...]:
        instruments = self.loaded.config.instruments
        if self.simulation is None:
            raise ConfigError(f"{self.loaded.path} has no instrument that can be simulated")
        if base_port is not None and not 0 < base_port <= _MAX_PORT - len(instruments):
            raise ConfigError(
                f"base port {base_port} is outside 1 to {_MAX_PORT - len(instruments)}, which "
                f"leaves room for {len(instruments)} instruments"
            )
        for name in instruments:
            kind = parse_address(instruments[name].address).kind
            if self._connector.is_simulated(name) and kind in _SERVED:
                device, self._identities[name] = self._connector.connect(name)
                device.close()
        self._server = self.simulation.new_server()
        self._closing.append(self._server.close)
        return tuple(
            self._serve(name, 0 if base_port is None else base_port + number)
            for number, name in enumerate(instruments)
        )

    def _serve(self, name: str, port: int) -> ServedEntry:
        address = parse_address(self.loaded.config.instruments[name].address)
        identity = self._identities.get(name)
        if identity is None or address.kind not in _SERVED:
            reason = _NOT_SERVED.get(address.kind, f"nothing serves a {address.kind} wire yet")
            return ServedEntry(name, "", "", {}, reason)
        is_serial = address.canonical.startswith("serial://")
        served = self._server.serve(name, port=port, has_serial=is_serial)
        return ServedEntry(
            name,
            f"{identity.manufacturer} {identity.model}",
            _address_of(served, address),
            self._settings(name, served),
        )

    def _settings(self, name: str, served: Any) -> dict[str, Any]:
        driver = self.loaded.drivers[name]
        settings: dict[str, Any] = {
            "host": served.host,
            "port": served.port,
            "companion_ports": {key: c.port for key, c in driver.companion_wires.items()},
            "visa": [f"TCPIP0::{served.host}::{served.port}::SOCKET"],
            "write_termination": driver.wire.write_termination.decode("latin-1"),
            "read_termination": driver.wire.read_termination.decode("latin-1"),
            "timeout_s": driver.wire.timeout_s,
        }
        if served.pty:
            settings["visa"].append(f"ASRL{served.pty}::INSTR")
            settings |= {
                "pty": served.pty,
                "baud_rate": driver.wire.baud_rate,
                "rts_cts": driver.wire.rts_cts,
            }
        return settings

    def _announce(self) -> None:
        control = ControlEndpoint(self.loaded.path, simulated=True)
        self._closing.append(control.close)
        control.serve("status", lambda _: {"status": self._status()})
        control.serve("safe", lambda _: self._make_safe())
        for request in ("get", "set"):
            control.serve(request, _refuse)
        for request, handler in fault_handlers(self.simulation).items():
            control.serve(request, handler)

    def _status(self) -> dict[str, Any]:
        return {
            "config": str(self.loaded.path),
            "simulated": True,
            "opened_utc": self._opened_utc,
            "instruments": {name: str(identity) for name, identity in self._identities.items()},
            "emission": self._server.emission(),
            "run": {"state": "serving"},
            "served": self.traffic(),
        }

    def _make_safe(self) -> dict[str, Any]:
        emission = self._server.switch_lasers_off()
        return {
            "confirmed": [name for name, is_on in emission.items() if not is_on],
            "failures": {name: "it still emits" for name, is_on in emission.items() if is_on},
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _refuse(_: Mapping[str, Any]) -> dict[str, Any]:
    raise LinkError(
        "the instruments of this simulated laboratory are served to other programs",
        hint="Use the configuration that `labctl simulate serve --write FILE` writes, without "
        "--simulated.",
    )


def _address_of(served: Any, address: Address) -> str:
    """Return where labctl opens what stood at `address`: by the same carrier where there is one.

    What is neither serial nor TCP there (USB, GPIB) is a plain socket: unlike a VISA one it
    notices at once that the other end is gone.
    """
    if not served.pty:
        return f"tcp://{served.host}:{served.port}"
    return f"serial://{served.pty}" if address.kind == "serial" else f"ASRL{served.pty}::INSTR"


def _readdressed(loaded: LoadedBench, addresses: Mapping[str, str]) -> str:
    """Return the text of a configuration with other addresses, comments and all."""
    wanted = tomllib.loads(loaded.text)
    new_of: dict[str, str] = {}
    for name, new in addresses.items():
        instrument = wanted["instruments"][name]
        new_of[instrument["address"]] = new
        instrument["address"] = new
        if "simulated" in instrument:
            instrument["simulated"] = False
    quoted = re.compile("|".join(f"\"{re.escape(old)}\"|'{re.escape(old)}'" for old in new_of))
    text = quoted.sub(lambda found: f'"{new_of[found[0][1:-1]]}"', loaded.text)
    text = _SIMULATED.sub(r"simulated\1=\2false", text)
    if tomllib.loads(text) != wanted:
        raise ConfigError(
            f"{loaded.path}: its addresses cannot be replaced in the text",
            hint='Write each of them as a plain string: address = "...".',
        )
    return text
