"""From a configuration to connected instruments, real or simulated, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from labctl.clock import Clock, WallClock
from labctl.device import Device, Identity, Setting, load_plugin
from labctl.errors import ConfigError, LabError
from labctl.lab.checking import configured_value
from labctl.lab.loading import LoadedBench
from labctl.lab.runtime import Claim, claim_address
from labctl.tags.formats import open_tags
from labctl.tags.player import TagPlayer
from labctl.transport import Address, Link, Wire, WireOptions, open_wire, parse_address

__all__ = ["Connector"]


class Connector:
    """Opens wires: the simulated laboratory's for what is simulated, else the real ones.

    Real addresses are claimed for this process until `close`.
    """

    def __init__(
        self,
        loaded: LoadedBench,
        *,
        simulated: bool,
        seed: int = 0,
        speed: float = 1.0,
        truth_file: Path | None = None,
    ) -> None:
        self._loaded = loaded
        self._all_simulated = simulated
        self._claims: list[Claim] = []
        self.simulation: Any = self._open_simulation(seed, speed, truth_file)
        self.clock: Clock = self.simulation if self.simulation is not None else WallClock()

    def is_simulated(self, name: str) -> bool:
        """Return whether the instrument `name` is a simulated one; a recording never is."""
        instrument = self._loaded.config.instruments[name]
        return not self.is_recording(name) and (self._all_simulated or instrument.simulated)

    def is_recording(self, name: str) -> bool:
        """Return whether the instrument `name` is a file that is played."""
        return parse_address(self._loaded.config.instruments[name].address).kind == "file"

    def is_real(self, name: str) -> bool:
        """Return whether the instrument `name` is a thing in a laboratory."""
        return not (self.is_simulated(name) or self.is_recording(name))

    def connect(self, name: str) -> tuple[Device, Identity]:
        """Open the instrument `name` and ask what it is.

        Raises:
            LabError: it cannot be reached or is not what its driver expects; its name is in
                the error, and its wire is closed again.
        """
        instrument = self._loaded.config.instruments[name]
        driver = self._loaded.drivers[name]
        address = parse_address(instrument.address)
        links: list[Link] = []
        try:
            link = self._open_link(address, driver.wire, name, links)
            companions = {
                key: self._open_link(address.at_port(c.port), c.wire, name, links)
                for key, c in driver.companion_wires.items()
            }
            device = driver(link, name=name, limits=instrument.limits, companions=companions)
            device.identity = device.identify()
            return device, device.identity  # noqa: TRY300  what fails here is closed below
        except LabError as error:
            error.device = error.device or name
            for opened in links:
                opened.close()
            raise

    def configure(self, device: Device) -> None:
        """Apply the `set` table of an instrument."""
        for key, value in self._loaded.config.instruments[device.name].set.items():
            setting = cast("Setting[Any]", type(device).parameters[key])
            setattr(device, key, configured_value(setting, value, name=device.name))

    def close(self) -> None:
        """End the simulated world and release the claims."""
        if self.simulation is not None:
            self.simulation.close()
        for claim in self._claims:
            claim.release()

    def _open_link(
        self, address: Address, options: WireOptions, name: str, links: list[Link]
    ) -> Link:
        links.append(Link(self._open_wire(address, options, name), options))
        return links[-1]

    def _open_wire(self, address: Address, options: WireOptions, name: str) -> Wire:
        if address.kind == "file":
            return TagPlayer(open_tags(address.target), self.clock)
        if self.is_simulated(name):
            return cast("Wire", self.simulation.open_wire(address, options))
        self._claims.append(claim_address(address.canonical))
        return open_wire(address, options)

    def _open_simulation(self, seed: int, speed: float, truth_file: Path | None) -> Any:
        config = self._loaded.config
        names = [name for name in config.instruments if self.is_simulated(name)]
        real = ", ".join(name for name in config.instruments if self.is_real(name))
        if real and speed != 1:
            raise ConfigError(
                f"speed = {speed:g} needs a fully simulated bench; real are: {real}",
                hint="Leave the speed out, or use --simulated.",
            )
        if not names:
            return None
        simulated_lab = load_plugin("labctl.simulated_lab", "default", "simulated laboratory")
        try:
            seats = [self._seat(simulated_lab, name) for name in names]
            return simulated_lab(
                config.simulation, seats, seed=seed, speed=speed, truth_file=truth_file
            )
        except ConfigError as error:
            raise ConfigError(f"{self._loaded.path}: {error}") from error
        except OSError as error:
            raise ConfigError(
                f"the list of true tags {truth_file} cannot be written: {error.strerror}"
            ) from error

    def _seat(self, simulated_lab: Any, name: str) -> Any:
        config = self._loaded.config
        instrument = config.instruments[name]
        return simulated_lab.seat(
            name=name,
            address=parse_address(instrument.address),
            build=load_plugin("labctl.simulators", instrument.driver, "simulator of driver"),
            inputs={d: c.channel for d, c in config.detectors.items() if c.tagger == name},
        )
