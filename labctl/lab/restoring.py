"""Brings an instrument back after its link was lost: the same one, set as it was, never lit.

A cable that was pulled leaves an instrument as it was; a power cut does not. Both look the same
from here, so every setting that was made since opening is read, set again where it differs, and
read back. Emission is left as the instrument has it: switching it on is the operator's act. Only
what was ordered to be safe while it was away is made so before anything else.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from labctl.device import Device, Identity, Rotator, Setting
from labctl.errors import InstrumentError, LabError
from labctl.lab.bench import Bench
from labctl.lab.safety import make_one_safe

__all__ = ["Restored", "agrees", "restore", "restore_stepwise"]

_POLL_S = 0.05
#: The slowest full turn of the mounts we know takes 36 s; homing may take one and a half.
_MOVE_TIMEOUT_S = 120.0
#: A setting reads back this close to what was set: its converter has steps.
_TOLERANCE_RELATIVE = 1e-2
_TOLERANCE_OF_RANGE = 1e-4

#: Yields seconds of bench time to wait.
Waits: TypeAlias = Generator[float, None, None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done to an instrument that answers again.

    Attributes:
        was_reconnected: False where it answered over the link as it was.
        set_again: settings that it had forgotten.
        dark: emission that was on by our last word and is off; it stays so.
        was_made_safe: that was ordered while it could not be reached.
    """

    name: str
    was_reconnected: bool
    set_again: tuple[str, ...]
    dark: tuple[str, ...]
    was_made_safe: bool = False

    def __str__(self) -> str:
        parts = ["reconnected" if self.was_reconnected else "answers"]
        if self.was_made_safe:
            parts.append("made safe, as was ordered while it was away")
        if self.set_again:
            parts.append(f"set again: {', '.join(self.set_again)}")
        if self.dark:
            parts.append(f"off and left off: {', '.join(self.dark)}")
        return f"{self.name}: {'; '.join(parts)}"


def restore(bench: Bench, name: str) -> Restored:
    """Bring the instrument `name` back and wait, by the bench's clock, until it is set.

    Raises:
        LabError: as `restore_stepwise` does.
    """
    steps = restore_stepwise(bench, name)
    while True:
        try:
            bench.clock.wait(next(steps))
        except StopIteration as done:
            return cast("Restored", done.value)


def restore_stepwise(bench: Bench, name: str) -> Generator[float, None, Restored]:
    """Bring the instrument `name` back; yields seconds of bench time to wait.

    A tagger's stream is interrupted meanwhile and goes on for its users, with a GAP.

    Raises:
        LinkError: it is out of reach, or another instrument answers.
        InstrumentError: a setting does not read back as it was set.
        LabError: it was to be made safe and cannot be confirmed to be.
    """
    device = bench.devices[name]
    pump = bench.pumps.get(name)
    with pump.suspended() if pump is not None else nullcontext():
        was_reconnected = not _is_itself(device)
        if was_reconnected:
            device.reconnect()
        is_owed = device.is_safe_owed
        if is_owed:
            make_one_safe(device)
        remembered = dict(device.last_set)
        if "rotator" in device.kinds:
            yield from _at_rest(cast("Rotator", device), bench)
        set_again = yield from _set_again(device, bench, remembered)
        dark = tuple(
            setting
            for setting, value in remembered.items()
            if _setting(device, setting).is_emission and value and not getattr(device, setting)
        )
    return Restored(name, was_reconnected, set_again, dark, is_owed)


def _is_itself(device: Device) -> bool:
    """Return whether the instrument answers over the link as it is, and is the one it was."""
    try:
        found: Identity = device.identify()
    except LabError:
        return False
    return found == device.identity


def _set_again(
    device: Device, bench: Bench, remembered: Mapping[str, Any]
) -> Generator[float, None, tuple[str, ...]]:
    again = []
    for name, value in remembered.items():
        setting = _setting(device, name)
        if setting.is_emission or agrees(device, name, value):
            continue
        setattr(device, name, value)
        if "rotator" in device.kinds:
            yield from _at_rest(cast("Rotator", device), bench)
        again.append(name)
    # One setting may change another, so all are read at the end.
    for name, value in remembered.items():
        setting = _setting(device, name)
        if not setting.is_emission and not agrees(device, name, value):
            raise InstrumentError(
                f"{device.name}.{name} was set again to {value} and reads back "
                f"{getattr(device, name)}",
                device=device.name,
                hint="Look at the instrument before the run goes on.",
            )
    return tuple(again)


def _at_rest(mount: Rotator, bench: Bench) -> Waits:
    """Let a mount come to rest; one that has lost its zero finds it first."""
    if not mount.is_homed and not mount.is_moving:
        mount.home()
    since_s = bench.clock.now_s()
    while mount.is_moving:
        if bench.clock.now_s() - since_s > _MOVE_TIMEOUT_S:
            raise InstrumentError(
                f"{mount.name} still moves after {_MOVE_TIMEOUT_S:g} s", device=mount.name
            )
        yield _POLL_S


def _setting(device: Device, name: str) -> Setting[Any]:
    return cast("Setting[Any]", type(device).parameters[name])


def agrees(device: Device, name: str, value: Any) -> bool:
    """Return whether a setting reads back as it was set, within the steps of a converter."""
    setting, read = _setting(device, name), getattr(device, name)
    if not setting.is_number and not setting.is_array:
        return bool(read == value)
    low, high = device.limits.get(name) or setting.limits or (0.0, 0.0)
    wanted = value if setting.is_array else (value,)
    found = read if setting.is_array else (read,)
    return len(wanted) == len(found) and all(
        abs(a - b) <= _TOLERANCE_RELATIVE * abs(a) + _TOLERANCE_OF_RANGE * (high - low)
        for a, b in zip(wanted, found, strict=True)
    )
