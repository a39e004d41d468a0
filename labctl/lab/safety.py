"""All safe: every instrument told to be harmless, each confirmed by its own read-back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from labctl.device import Device, Setting
from labctl.errors import LabError, LinkError

__all__ = ["SafetyReport", "make_all_safe", "make_one_safe"]


@dataclass(frozen=True, slots=True)
class SafetyReport:
    """What `make_all_safe` could confirm.

    Attributes:
        confirmed: instruments that are safe, by their own read-back.
        failures: instrument -> why it could not be confirmed.
    """

    confirmed: tuple[str, ...]
    failures: dict[str, str]

    @property
    def is_safe(self) -> bool:
        """True when every instrument was confirmed."""
        return not self.failures

    def __str__(self) -> str:
        if self.is_safe:
            return f"all safe: {', '.join(self.confirmed) or 'no instruments'}"
        listed = "; ".join(f"{name}: {reason}" for name, reason in self.failures.items())
        return f"NOT CONFIRMED SAFE: {listed}"


def make_all_safe(devices: Iterable[Device]) -> SafetyReport:
    """Make every device safe, at the same time, so that a dead one delays no other."""
    listed = list(devices)
    if not listed:
        return SafetyReport((), {})
    with ThreadPoolExecutor(len(listed), thread_name_prefix="safe") as pool:
        outcomes = list(pool.map(_make_safe, listed))
    failures = {
        device.name: reason for device, reason in zip(listed, outcomes, strict=True) if reason
    }
    confirmed = tuple(device.name for device in listed if device.name not in failures)
    return SafetyReport(confirmed, failures)


def make_one_safe(device: Device) -> None:
    """Make a device safe; over a link that was lost, after connecting it anew.

    What was lowered, confirmed or not, stands in its `lowered`; what could not be confirmed is
    owed, and done when the device is back.

    Raises:
        LabError: it could not be confirmed to be safe.
    """
    before, lowered = dict(device.last_set), dict(device.lowered)
    device.is_safe_owed = True
    try:
        _safe_over_any_link(device)
        device.is_safe_owed = False
    finally:
        # Added to what another thread may have found meanwhile.
        device.lowered.update(lowered | _taken_down(device, before))


def _taken_down(device: Device, before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that differ from what they were set to before, but what lets light out.

    That is emission, and a shutter.
    """
    emission = {
        name
        for name, parameter in device.parameters.items()
        if isinstance(parameter, Setting) and parameter.is_emission
    }
    if "shutter" in device.kinds:
        emission.add("is_open")
    now = dict(device.last_set)
    return {
        name: value
        for name, value in before.items()
        if name not in emission and now.get(name) != value
    }


def _safe_over_any_link(device: Device) -> None:
    try:
        device.make_safe()
    except LinkError as lost:
        try:
            device.reconnect()
        except LabError as error:
            raise LinkError(f"{lost} Connecting anew failed: {error}") from error
        device.make_safe()


def _make_safe(device: Device) -> str:
    try:
        make_one_safe(device)
    except LabError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  a driver's bug must not keep the others unsafe
        return f"the driver failed: {error!r}"
    return ""
