"""What every driver must keep while something is wrong with its wire."""

# Asserts are how a contract speaks, and the names of its tests are sentences; it looks at the
# wire inside a link.
# ruff: noqa: S101, D102, SLF001

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest

from labctl.device import Device, Limits, Rotator, Setting, load_driver
from labctl.errors import InterlockError, LabError
from labctl.lab import Lab, LoadedBench
from labctl.testing.contracts.bench import NAME
from labctl.testing.contracts.fault_kinds import FAULTS, TIMEOUT_S, WireFault
from labctl.testing.contracts.opening import OneInstrument, impatient
from labctl.testing.contracts.wires import RecordingWire, Sent

__all__ = ["WireFaultContract"]

#: A computer that is busy with other tests may take this long for what takes no time.
_BUSY_S = 2.0
#: Links wait twice for a reply where the one before did not come.
_WAITS = 3
_ATTEMPTS = 3
#: Between two readings: none, and some that a late reply falls into.
_PAUSES_S = (0.0, 0.8 * TIMEOUT_S)
_MOVE_DEG = 1.0
_MOVE_S = 2.0


class WireFaultContract(OneInstrument):
    """A right value or one of our errors, in time; afterwards everything is right again."""

    #: What goes wrong; LASTING_FAULTS is the other half, which takes longer to test.
    faults: ClassVar[Mapping[str, WireFault]] = FAULTS
    #: Readings that are never twice the same: how far apart they may be, by name.
    scatter: ClassVar[Mapping[str, float]] = {}
    #: Driver -> why it cannot notice a disturbed byte; its values are then not compared.
    no_checksum: ClassVar[Mapping[str, str]] = {}
    #: Driver -> why it cannot notice that a setting did not reach the instrument.
    no_answer: ClassVar[Mapping[str, str]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test with each of the drivers and faults."""
        super().pytest_generate_tests(metafunc)
        if "fault" in metafunc.fixturenames:
            names = [name.replace(" ", "_") for name in self.faults]
            metafunc.parametrize("fault", self.faults.values(), ids=names)

    def limits_of(self, driver: str) -> Mapping[str, Limits]:
        """Return the limits, a small angle for mounts, whose moves take time."""
        short = {"angle_deg": (0.0, _MOVE_DEG)} if "rotator" in load_driver(driver).kinds else {}
        return short | dict(super().limits_of(driver))

    def loaded(self, path: Path) -> LoadedBench:
        """Return the configuration with a driver that does not wait long."""
        loaded = super().loaded(path)
        drivers = {name: impatient(found, TIMEOUT_S) for name, found in loaded.drivers.items()}
        return replace(loaded, drivers=drivers)

    def test_reading_gives_a_right_value_or_an_error_and_nothing_shifts(
        self, lab: Lab, device: Device, fault: WireFault, driver: str
    ) -> None:
        for name in device.parameters:
            before = getattr(device, name)
            with self.wrong(lab, device, fault):
                told = _outcome(lambda name=name: getattr(device, name))  # type: ignore[misc]
            self.check_all(device)
            if not (fault.kind == "garble" and driver in self.no_checksum):
                assert told is _FAILED or told in (
                    self.about(name, before),
                    self.about(name, getattr(device, name)),
                ), f"{name} = {told!r}, it is {before!r}"

    def test_reading_on_and_on_gives_right_values_or_errors(
        self, lab: Lab, device: Device, fault: WireFault, driver: str
    ) -> None:
        right = device.snapshot()
        told: list[tuple[str, Any]] = []
        for pause_s in _PAUSES_S:
            with self.wrong(lab, device, fault, within_s=len(right) * pause_s):
                for name in right:
                    told.append((name, _outcome(lambda name=name: getattr(device, name))))  # type: ignore[misc]
                    time.sleep(pause_s)  # when the next question comes is what matters
            self.check_all(device)
        if not (fault.kind == "garble" and driver in self.no_checksum):
            wrong = [(n, v) for n, v in told if v is not _FAILED and v != self.about(n, right[n])]
            assert wrong == []

    def test_a_setting_is_set_or_an_error_is_raised(
        self, lab: Lab, device: Device, fault: WireFault, driver: str
    ) -> None:
        for name, setting in device.parameters.items():
            if not isinstance(setting, Setting):
                continue
            value, expected = self.prepared(lab, device, setting)
            with self.wrong(lab, device, fault):
                told = _outcome(lambda name=name, value=value: setattr(device, name, value))  # type: ignore[misc]
            self.let_move(lab, device)
            self.check_all(device)
            is_deaf = fault.kind == "drop_commands" and driver in self.no_answer
            if told is not _FAILED and not is_deaf:
                assert getattr(device, name) == self.about(name, expected)

    def test_every_action_ends_well_or_with_an_error(
        self, lab: Lab, device: Device, fault: WireFault
    ) -> None:
        for action in self.actions(lab, device).values():
            with self.wrong(lab, device, fault):
                _outcome(action)
            self.check_all(device)
        assert lab.make_safe().is_safe

    def test_a_stream_ends_well_or_with_an_error_and_the_next_is_whole(
        self, lab: Lab, device: Device, fault: WireFault
    ) -> None:
        if "time_tagger" not in device.kinds:
            return
        pump = lab.bench.pumps[NAME]
        with self.wrong(lab, device, fault, within_s=10.0):
            _outcome(pump.start)
            lab.clock.wait(0.02)
            _outcome(pump.stop)
        with suppress(LabError):
            device.stop_stream()  # type: ignore[attr-defined]  # a tagger
        self.check_all(device)
        truth = lab.simulation.truth[NAME].counts
        sent_before, tags_before = truth.sum(), pump.tags
        pump.start()
        lab.clock.wait(0.1)
        pump.stop()
        assert pump.tags - tags_before <= np.sum(truth) - sent_before
        assert pump.tags > tags_before

    def prepared(self, lab: Lab, device: Device, setting: Setting[Any]) -> tuple[Any, Any]:
        """Return a value that the setting has not, and what the instrument makes of it."""
        value = _another(device, setting, getattr(device, setting.name))
        expected = None
        # The state of the instrument may forbid the value; then it does so under the fault too.
        for tried in (value, _another(device, setting, value)):
            with suppress(InterlockError):
                setattr(device, setting.name, tried)
            self.let_move(lab, device)
            expected = getattr(device, setting.name) if tried is value else expected
        return value, expected

    def let_move(self, lab: Lab, device: Device) -> None:
        """Let the short move that was started come to its end."""
        if "rotator" in device.kinds:
            lab.clock.wait(_MOVE_S)

    def actions(self, lab: Lab, device: Device) -> Mapping[str, Callable[[], object]]:
        """Return what else the instrument does, by name; extend it by what your driver adds."""
        actions: dict[str, Callable[[], object]] = {
            "identify": device.identify,
            "make safe": device.make_safe,
            "make all safe": lab.make_safe,
        }
        if "rotator" in device.kinds:
            mount = cast("Rotator", device)
            actions |= {"home": mount.home, "stop": mount.stop}
            actions["move"] = lambda: mount.start_move(_MOVE_DEG)
        if "detector" in device.kinds:
            actions["latched"] = device.latched_channels  # type: ignore[attr-defined]
            actions["rates"] = device.latest_rates_hz  # type: ignore[attr-defined]
        return actions

    @contextmanager
    def wrong(
        self, lab: Lab, device: Device, fault: WireFault, *, within_s: float = 0.0
    ) -> Iterator[None]:
        """Let something be wrong for a while, in which nothing takes longer than it may.

        An exchange may take as long as its reply may, and that again for the one before.
        """
        links = (device.link, *device.companions.values())
        sent: Sent = []
        wires = [link._wire for link in links]
        for link in links:
            link._wire = RecordingWire(link._wire, sent)
        for port in self.ports(lab, fault):
            lab.simulation.fault(NAME, fault.kind, **fault.arguments, **port)
        began_s = time.monotonic()
        yield
        took_s = time.monotonic() - began_s
        assert took_s < (len(sent) + 1) * _WAITS * TIMEOUT_S + _BUSY_S + within_s
        for link, wire in zip(links, wires, strict=True):
            link._wire = wire
        if fault.kind == "unplug":
            lab.simulation.fault(NAME, "plug")
        for port in self.ports(lab, WireFault("clear", {})):
            lab.simulation.fault(NAME, "clear", **port)
        for link in links if fault.loses_wire else ():
            link.reconnect()

    @staticmethod
    def ports(lab: Lab, fault: WireFault) -> list[dict[str, int]]:
        """Return the arguments that choose each wire of the instrument."""
        companions = lab.simulation.instruments[NAME].companion_ports
        if not companions or fault.kind == "unplug":
            return [{}]
        return [{"port": port} for port in (0, *companions)]

    def check_all(self, device: Device) -> None:
        """Check that the instrument answers again, and every question with its own answer."""
        for attempt in range(_ATTEMPTS):
            try:
                device.identify()
                break
            except LabError:
                assert attempt < _ATTEMPTS - 1, "the instrument does not answer again"
        snapshot = device.snapshot()
        for name, value in snapshot.items():
            assert getattr(device, name) == self.about(name, value), f"{name} was {value!r}"
            assert _is_of_kind(device, name, value), f"{name} = {value!r}"

    def about(self, name: str, value: Any) -> Any:
        """Return what equals every value that means the same as this one."""
        if isinstance(value, (tuple, float, int)) and not isinstance(value, bool):
            return pytest.approx(value, rel=1e-4, abs=self.scatter.get(name, 1e-3))
        return value


class _Failed:
    """What a call gives that ended with one of our errors."""


_FAILED = _Failed()


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except LabError:
        return _FAILED


def _another(device: Device, setting: Setting[Any], present: Any) -> Any:
    """Return an allowed value that is not the present one."""
    if setting.choices is not None:
        return next(choice for choice in setting.choices if choice != present)
    low, high = device.limits[setting.name]
    if setting.is_array:
        return tuple(low if number != low else high for number in present)
    return low if abs(present - low) > 0.1 * (high - low) else high


def _is_of_kind(device: Device, name: str, value: Any) -> bool:
    """Return whether a value can be that of the parameter: another's would not be."""
    parameter = device.parameters[name]
    if (choices := getattr(parameter, "choices", None)) is not None:
        return value in choices
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number or not parameter.unit or isinstance(value, tuple)
