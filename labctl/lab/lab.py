"""An open laboratory: instruments connected, identified and configured, and left safe."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, cast

from labctl.bus import Alarm, Bus, Message, ParameterChanged
from labctl.clock import Clock, WallClock
from labctl.device import Device, Identity, Setting, load_plugin, parse_text
from labctl.errors import ConfigError, InterlockError, LabError, nearest
from labctl.lab.bench import Bench
from labctl.lab.checking import configured_value
from labctl.lab.control import ControlEndpoint
from labctl.lab.loading import LoadedBench, load_bench
from labctl.lab.runtime import Claim, claim_address
from labctl.lab.safety import SafetyReport
from labctl.tags import TagPump, TimeTagger
from labctl.transport import Address, Link, WireOptions, open_wire, parse_address

__all__ = ["Lab"]


class Lab:
    """Owns every instrument of a bench between opening and closing.

    Instruments are opened in the order of the configuration and closed in reverse. On
    closing, emission that was switched on since opening is switched off; after an error
    everything is made safe. `simulated` replaces the links and nothing else.
    """

    def __init__(
        self,
        config: Path | str | None = None,
        *,
        simulated: bool = False,
        seed: int = 0,
        speed: float = 1.0,
        truth_file: Path | None = None,
    ) -> None:
        self.loaded: LoadedBench = load_bench(config)
        self.is_simulated = simulated
        self.seed = seed
        self.speed = speed
        self.bus = Bus()
        self.devices: dict[str, Device] = {}
        self.identities: dict[str, Identity] = {}
        self.simulation: Any = None
        self.opened_utc = time.time()
        self._claims: list[Claim] = []
        self._emitted_before: dict[str, bool] = {}
        self._is_open = True
        self._control: ControlEndpoint | None = None
        try:
            self._open(truth_file)
        except BaseException:
            self.close(leave_emission=True)
            raise
        atexit.register(self.close)

    def _open(self, truth_file: Path | None) -> None:
        self.simulation = self._open_simulation(truth_file)
        self.clock: Clock = self.simulation if self.simulation is not None else WallClock()
        for name in self.loaded.config.instruments:
            self._open_instrument(name)
        pumps = {
            name: TagPump(cast("TimeTagger", device), self.clock)
            for name, device in self.devices.items()
            if "time_tagger" in device.kinds
        }
        self.bench = Bench(self.loaded.config, self.devices, pumps, self.clock)
        for laser in self.bench.lasers:
            self._emitted_before[laser.name] = laser.emission
        self._control = ControlEndpoint(self.loaded.path, simulated=self.is_simulated)
        for request, handler in self._handlers().items():
            self._control.serve(request, handler)

    def is_device_simulated(self, name: str) -> bool:
        """Return whether the instrument `name` is a simulated one."""
        return self.is_simulated or self.loaded.config.instruments[name].simulated

    def _open_simulation(self, truth_file: Path | None) -> Any:
        config = self.loaded.config
        names = [name for name in config.instruments if self.is_device_simulated(name)]
        if not names:
            return None
        if len(names) < len(config.instruments) and self.speed != 1:
            raise ConfigError(
                f"speed = {self.speed:g} needs a fully simulated bench; real are: "
                f"{', '.join(name for name in config.instruments if name not in names)}"
            )
        simulated_lab = load_plugin("labctl.simulated_lab", "default", "simulated laboratory")
        seats = [
            simulated_lab.seat(
                name=name,
                address=parse_address(config.instruments[name].address),
                build=load_plugin(
                    "labctl.simulators", config.instruments[name].driver, "simulator of driver"
                ),
                inputs={d: c.channel for d, c in config.detectors.items() if c.tagger == name},
            )
            for name in names
        ]
        try:
            return simulated_lab(
                config.simulation, seats, seed=self.seed, speed=self.speed, truth_file=truth_file
            )
        except ConfigError as error:
            raise ConfigError(f"{self.loaded.path}: {error}") from error

    def _open_instrument(self, name: str) -> None:
        instrument = self.loaded.config.instruments[name]
        driver = self.loaded.drivers[name]
        address = parse_address(instrument.address)
        try:
            link = Link(self._open_wire(name, address, driver.wire), driver.wire)
            companions = {
                key: Link(self._open_wire(name, address.at_port(c.port), c.wire), c.wire)
                for key, c in driver.companion_wires.items()
            }
            device = driver(link, name=name, limits=instrument.limits, companions=companions)
            self.devices[name] = device
            self.identities[name] = device.identify()
            for key, value in instrument.set.items():
                setting = cast("Setting[Any]", driver.parameters[key])
                setattr(device, key, configured_value(setting, value, name=name))
        except LabError as error:
            error.device = error.device or name
            raise
        device.on_change = self._announcer(name)

    def _open_wire(self, name: str, address: Address, options: WireOptions) -> Any:
        if self.is_device_simulated(name):
            return self.simulation.open_wire(address, options)
        self._claims.append(claim_address(address.canonical))
        return open_wire(address, options)

    def _announcer(self, name: str) -> Callable[[str, Any, str], None]:
        def announce(setting: str, value: Any, unit: str) -> None:
            self.bus.publish(
                ParameterChanged(instrument=name, setting=setting, value=value, unit=unit)
            )

        return announce

    def get(self, path: str) -> Any:
        """Return the value of `instrument.setting`.

        Raises:
            ConfigError: there is no such instrument or setting.
        """
        device, name = self._find(path)
        return getattr(device, name)

    def set(self, path: str, value: Any, *, arm: bool = False) -> Any:
        """Set `instrument.setting` and return what the instrument reads back.

        A text is converted to the setting's type. Switching emission on needs `arm`.

        Raises:
            ConfigError: there is no such instrument or setting.
            LimitError: the value is refused before anything is sent.
            InterlockError: emission was not armed, or the instrument's state forbids it.
        """
        device, name = self._find(path)
        parameter = device.parameters[name]
        if isinstance(parameter, Setting):
            if isinstance(value, str):
                value = parse_text(parameter, value, name=device.name)
            if parameter.is_emission and value and not arm:
                raise InterlockError(
                    f"{path} switches emission on, which must be armed",
                    device=device.name,
                    hint="Repeat with --arm (in Python: arm=True) once the beam path is safe.",
                )
        setattr(device, name, value)
        return getattr(device, name)

    def parameter(self, path: str) -> Any:
        """Return the declaration (unit, limits, doc) of `instrument.setting`."""
        device, name = self._find(path)
        return device.parameters[name]

    def _find(self, path: str) -> tuple[Device, str]:
        instrument, separator, name = path.partition(".")
        if not separator:
            raise ConfigError(f'"{path}" is not INSTRUMENT.SETTING, such as pump.power_mw')
        if instrument not in self.devices:
            raise ConfigError(
                f'unknown instrument "{instrument}"{nearest(instrument, self.devices)}; '
                f"known are: {', '.join(self.devices)}"
            )
        device = self.devices[instrument]
        if name not in device.parameters:
            raise ConfigError(
                f'{instrument} has no setting "{name}"{nearest(name, device.parameters)}; '
                f"it has: {', '.join(device.parameters)}"
            )
        return device, name

    def make_safe(self) -> SafetyReport:
        """Switch everything off that could do harm; what cannot be confirmed is an alarm."""
        report = self.bench.make_safe()
        event: object = Message(source="safe", text=str(report))
        if not report.is_safe:
            event = Alarm(source="safe", text=str(report))
        self.bus.publish(event)
        return report

    def emitting(self) -> dict[str, bool]:
        """Return the emission of every laser, by its name."""
        return {laser.name: laser.emission for laser in self.bench.lasers}

    def serve(self, request: str, handler: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Answer `request` on the control endpoint with `handler`."""
        if self._control is not None:
            self._control.serve(request, handler)

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "status": lambda _: {"status": self.status()},
            "safe": lambda _: self._answer_safe(),
            "get": lambda message: self._answer_get(str(message.get("path"))),
            "set": self._answer_set,
        }

    def status(self) -> dict[str, Any]:
        """Return what is open, as the control endpoint tells it."""
        return {
            "config": str(self.loaded.path),
            "simulated": self.is_simulated,
            "opened_utc": self.opened_utc,
            "instruments": {name: str(identity) for name, identity in self.identities.items()},
            "emission": self.emitting(),
        }

    def _answer_safe(self) -> dict[str, Any]:
        report = self.make_safe()
        return {"confirmed": list(report.confirmed), "failures": report.failures}

    def _answer_get(self, path: str) -> dict[str, Any]:
        return {"value": _plain(self.get(path)), "unit": self.parameter(path).unit}

    def _answer_set(self, message: dict[str, Any]) -> dict[str, Any]:
        path = str(message.get("path"))
        value = self.set(path, message.get("value"), arm=message.get("arm") is True)
        return {"value": _plain(value), "unit": self.parameter(path).unit}

    def close(self, *, leave_emission: bool = False) -> None:
        """Leave the instruments safe and release them; closing twice is allowed.

        `leave_emission` keeps what was switched on; for one-shot commands that say so.

        Raises:
            LabError: emission that had to be switched off could not be confirmed off.
        """
        if not self._is_open:
            return
        self._is_open = False
        atexit.unregister(self.close)
        failures: list[str] = []
        if not leave_emission:
            failures += self._restore_emission()
        if self._control is not None:
            self._control.close()
        for device in reversed(self.devices.values()):
            try:
                device.close()
            except LabError as error:
                failures.append(str(error))
        if self.simulation is not None:
            self.simulation.close()
        for claim in self._claims:
            claim.release()
        if failures:
            raise LabError("closing the laboratory: " + "; ".join(failures))

    def _restore_emission(self) -> list[str]:
        failures = []
        for name, was_on in self._emitted_before.items():
            if was_on:
                continue
            try:
                if self.devices[name].emission:  # type: ignore[attr-defined]  # a laser
                    self.devices[name].make_safe()
            except LabError as error:
                failures.append(str(error))
        return failures

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None and self._is_open:
                self.make_safe()
        finally:
            self.close()


def _plain(value: Any) -> Any:
    """Return `value` as JSON can carry it; choices by their word."""
    return getattr(value, "value", value)
