"""All settings of all instruments, as a run file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from labctl.errors import LabError
from labctl.lab import Bench
from labctl.runs.recording import plain

__all__ = ["absent", "snapshot"]


def snapshot(bench: Bench) -> dict[str, Any]:
    """Return every setting and reading, and for what does not answer nothing but its `error`.

    A stream that others run is suspended meanwhile.
    """
    values: dict[str, Any] = {}
    for name in bench.devices:
        try:
            values[name] = _values(bench, name)
        except LabError as error:
            values[name] = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  a driver's bug must not cost the others' values
            values[name] = {"error": f"the driver failed: {error!r}"}
    return values


def absent(values: Mapping[str, Any]) -> dict[str, str]:
    """Return which instruments of a snapshot did not answer, and why."""
    return {name: found["error"] for name, found in values.items() if set(found) == {"error"}}


def _values(bench: Bench, name: str) -> Any:
    pump = bench.pumps.get(name)
    # A stream that failed may not have ended at the instrument.
    is_streaming = pump is not None and (pump.is_running or pump.error is not None)
    with pump.suspended() if pump is not None and is_streaming else nullcontext():
        return plain(bench.devices[name].snapshot())
