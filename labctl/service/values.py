"""What is known of every setting and reading, and how fresh it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from labctl.device import Device
from labctl.errors import LabError
from labctl.lab import Lab
from labctl.runs.recording import plain

__all__ = ["KnownValues"]

Values = Mapping[str, Mapping[str, Mapping[str, Any]]]


class KnownValues:
    """The newest value of every setting: as the monitor read it back, or as it was set.

    An entry is {value, utc_ns, state, error}; `state` is fresh, stale or error as the monitor
    says, or "held": read when the instrument could last answer, as time taggers cannot while
    they stream. Any thread may call it.

    Args:
        lab: the open laboratory.
        publish: takes (topic, data) and never waits.
    """

    def __init__(self, lab: Lab, publish: Callable[[str, Mapping[str, Any]], object]) -> None:
        self._lab = lab
        self._publish = publish
        self._lock = threading.Lock()
        self._values: dict[str, dict[str, dict[str, Any]]] = {
            name: _read(device) for name, device in lab.devices.items()
        }

    def all(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return everything that is known."""
        with self._lock:
            return {name: dict(settings) for name, settings in self._values.items()}

    def take(self, changed: Values) -> None:
        """Take what the monitor read, and tell the clients."""
        known = {
            name: {setting: self._as_known(name, entry) for setting, entry in settings.items()}
            for name, settings in changed.items()
        }
        with self._lock:
            for name, settings in known.items():
                self._values.setdefault(name, {}).update(settings)
        self._publish("instruments", known)

    def _as_known(self, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return an entry as it is told: what cannot be asked now is held, not neglected."""
        pump = self._lab.bench.pumps.get(name)
        is_streaming = pump is not None and pump.is_running
        if is_streaming and entry["state"] == "stale":
            return {**entry, "state": "held"}
        return dict(entry)

    def note(self, instrument: str, setting: str, value: Any) -> None:
        """Take what was just set; the next reading confirms or corrects it."""
        self.take({instrument: {setting: _entry(plain(value), "held")}})


def _entry(value: Any, state: str, error: str = "") -> dict[str, Any]:
    return {"value": value, "utc_ns": time.time_ns(), "state": state, "error": error}


def _read(device: Device) -> dict[str, dict[str, Any]]:
    try:
        found = device.snapshot()
    except LabError as error:
        return {name: _entry(None, "error", str(error)) for name in device.parameters}
    return {name: _entry(plain(value), "held") for name, value in found.items()}
