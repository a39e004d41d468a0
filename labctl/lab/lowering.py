"""What was lowered for safety, and its one way back: never emission, and no rule against it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from labctl.bus import Level, Message
from labctl.device import Device
from labctl.errors import InstrumentError, LabError
from labctl.lab.lab import Lab
from labctl.lab.restoring import agrees

__all__ = ["LoweredSetting", "RaisedAgain", "lowered", "raise_again"]


@dataclass(frozen=True, slots=True)
class LoweredSetting:
    """A setting that was lowered, the value it had before, and its unit."""

    path: str
    value: Any
    unit: str


@dataclass(frozen=True, slots=True)
class RaisedAgain:
    """What came back, and what did not: path -> why."""

    restored: tuple[LoweredSetting, ...]
    failures: dict[str, str]


def lowered(devices: Iterable[Device]) -> list[LoweredSetting]:
    """Return what was lowered for safety and nobody has set since, instrument by instrument."""
    return [
        LoweredSetting(f"{device.name}.{name}", value, device.parameters[name].unit)
        for device in devices
        for name, value in dict(device.lowered).items()
    ]


def raise_again(lab: Lab) -> RaisedAgain:
    """Set again what was lowered for safety, each confirmed by read-back.

    Raises:
        InterlockError: a rule keeps one of these instruments down; nothing was set.
    """
    devices = [device for device in lab.devices.values() if device.lowered]
    if lab.monitor is not None:
        for device in devices:
            lab.monitor.refuse_raising(device.name)
    restored: list[LoweredSetting] = []
    failures: dict[str, str] = {}
    for each in lowered(devices):
        try:
            _set_again(lab, each)
        except LabError as error:
            failures[each.path] = str(error)
        else:
            restored.append(each)
    if restored:
        listed = ", ".join(each.path for each in restored)
        lab.bus.publish(Message("safe", f"restored what was lowered for safety: {listed}"))
    for path, why in failures.items():
        text = f"{path} was lowered for safety and could not be restored: {why}"
        lab.bus.publish(Message("safe", text, Level.WARNING))
    return RaisedAgain(tuple(restored), failures)


def _set_again(lab: Lab, each: LoweredSetting) -> None:
    name, _, setting = each.path.partition(".")
    device = lab.devices[name]
    try:
        read = lab.set(each.path, each.value)
        if not agrees(device, setting, each.value):
            raise InstrumentError(f"{each.path} reads back {read}", device=name)
    except LabError:
        # Still to be brought back: what was set on the way is not what was wanted.
        device.lowered[setting] = each.value
        raise
