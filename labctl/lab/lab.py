"""An open laboratory: instruments connected, identified and configured, and left safe."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from labctl.bus import Alarm, Bus, Message, ParameterChanged
from labctl.clock import Clock
from labctl.device import Device, Identity, Setting, parse_text
from labctl.errors import ConfigError, InterlockError, LabError, LinkError, nearest
from labctl.lab.acting import act_on, answer_act
from labctl.lab.answering import answering
from labctl.lab.bench import Bench
from labctl.lab.calibration import load_calibration
from labctl.lab.connecting import Connector
from labctl.lab.control import ControlEndpoint
from labctl.lab.faulting import fault_handlers
from labctl.lab.loading import LoadedBench, load_bench
from labctl.lab.paths import find_parameter
from labctl.lab.safety import SafetyReport, make_one_safe
from labctl.tags import TagPump, TimeTagger

if TYPE_CHECKING:
    from labctl.lab.monitor import Monitor

__all__ = ["Lab"]


class Lab:
    """Owns every instrument of a bench between opening and closing.

    Instruments are opened in the order of the configuration and closed in reverse. On
    closing, emission that was switched on since opening is switched off; after an error
    everything is made safe. `simulated` replaces the links and nothing else. One-shot
    commands open `only` what they need and do not `configure` it, so that a value that was
    set stays set.
    """

    def __init__(
        self,
        config: Path | str | LoadedBench | None = None,
        *,
        simulated: bool = False,
        seed: int = 0,
        speed: float = 1.0,
        truth_file: Path | None = None,
        only: Collection[str] | None = None,
        configure: bool = True,
    ) -> None:
        self.loaded = config if isinstance(config, LoadedBench) else load_bench(config)
        self.is_simulated = simulated
        self.seed = seed
        self.speed = speed
        self.bus = Bus()
        self.devices: dict[str, Device] = {}
        self.identities: dict[str, Identity] = {}
        self.opened_utc = time.time()
        self._emitted_before: dict[str, bool] = {}
        self._is_open = True
        self._pumps: dict[str, TagPump] = {}
        #: Watches the instruments where somebody started it; it may refuse emission.
        self.monitor: Monitor | None = None
        self._control: ControlEndpoint | None = None
        self._connector = Connector(
            self.loaded, simulated=simulated, seed=seed, speed=speed, truth_file=truth_file
        )
        self.simulation = self._connector.simulation
        self.clock: Clock = self._connector.clock
        try:
            self._open(self._chosen(only), configure=configure)
        except BaseException:
            self.close(leave_emission=True)
            raise
        atexit.register(self.close)

    def _chosen(self, only: Collection[str] | None) -> list[str]:
        known = self.loaded.config.instruments
        for name in only or ():
            if name not in known:
                raise ConfigError(
                    f'unknown instrument "{name}"{nearest(name, known)}; '
                    f"known are: {', '.join(known)}"
                )
        return [name for name in known if only is None or name in only]

    def _open(self, names: list[str], *, configure: bool) -> None:
        for name in names:
            device, self.identities[name] = self._connector.connect(name)
            self.devices[name] = device
            if configure:
                self._connector.configure(device)
            device.on_change = self._announcer(name)
        self._pumps |= {
            name: TagPump(cast("TimeTagger", device), self.clock)
            for name, device in self.devices.items()
            if "time_tagger" in device.kinds
        }
        self.bench = Bench(
            self.loaded.config,
            self.devices,
            self._pumps,
            self.clock,
            load_calibration(self.loaded),
        )
        for laser in self.bench.lasers:
            self._emitted_before[laser.name] = laser.emission
        self._control = ControlEndpoint(self.loaded.path, simulated=self.is_simulated)
        for request, handler in self._handlers().items():
            self._control.serve(request, handler)

    def is_device_simulated(self, name: str) -> bool:
        """Return whether the instrument `name` is a simulated one."""
        return self._connector.is_simulated(name)

    def is_device_real(self, name: str) -> bool:
        """Return whether the instrument `name` is neither simulated nor a recording."""
        return self._connector.is_real(name)

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
        device, name = find_parameter(self.devices, path)
        with answering(device, self._pumps):
            return getattr(device, name)

    def set(self, path: str, value: Any, *, arm: bool = False) -> Any:
        """Set `instrument.setting` and return what the instrument reads back.

        A text is converted to the setting's type. Switching emission on needs `arm`.

        Raises:
            ConfigError: there is no such instrument or setting.
            LimitError: the value is refused before anything is sent.
            InterlockError: emission was not armed, or the instrument's state forbids it.
        """
        device, name = find_parameter(self.devices, path)
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
            if parameter.is_emission and value and self.monitor is not None:
                self.monitor.refuse_emission(device.name)
        with answering(device, self._pumps):
            setattr(device, name, value)
            return getattr(device, name)

    def act(self, path: str) -> None:
        """Tell an instrument to do `instrument.action`, such as pump.clear_fault.

        Raises:
            ConfigError: there is no such instrument or action.
        """
        act_on(self.bench, path)

    def parameter(self, path: str) -> Any:
        """Return the declaration (unit, limits, doc) of `instrument.setting`."""
        device, name = find_parameter(self.devices, path)
        return device.parameters[name]

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

    @property
    def control(self) -> ControlEndpoint:
        """Where other processes ask this laboratory while it is open."""
        if self._control is None:
            raise LabError("the laboratory is not open yet")
        return self._control

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
            "do": partial(answer_act, self.bench),
            **fault_handlers(self.simulation),
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
                error.device = error.device or device.name
                failures.append(str(error))
        self._connector.close()
        if failures:
            raise LabError("closing the laboratory: " + "; ".join(failures))

    def _restore_emission(self) -> list[str]:
        failures = []
        for name, was_on in self._emitted_before.items():
            if was_on:
                continue
            try:
                if self._emits(name):
                    make_one_safe(self.devices[name])
            except LabError as error:
                error.device = error.device or name
                failures.append(str(error))
        return failures

    def _emits(self, name: str) -> bool:
        """Return whether a laser emits; what is out of reach must be assumed to."""
        try:
            return bool(self.devices[name].emission)  # type: ignore[attr-defined]  # a laser
        except LinkError:
            return True

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
