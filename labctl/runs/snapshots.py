"""All settings of all instruments, as a run file keeps them."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from labctl.errors import LabError
from labctl.lab import Bench
from labctl.runs.recording import plain

__all__ = ["last_snapshot", "snapshot"]


def snapshot(bench: Bench) -> dict[str, Any]:
    """Return every setting and reading; a stream that others run is suspended meanwhile.

    Raises:
        LabError: an instrument does not answer.
    """
    return {name: _values(bench, name) for name in bench.devices}


def last_snapshot(bench: Bench) -> dict[str, Any]:
    """Return the same where instruments may be dead: those tell their error instead."""
    values: dict[str, Any] = {}
    for name in bench.devices:
        try:
            values[name] = _values(bench, name)
        except LabError as error:
            values[name] = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  a driver's bug must not cost the others' values
            values[name] = {"error": f"the driver failed: {error!r}"}
    return values


def _values(bench: Bench, name: str) -> Any:
    pump = bench.pumps.get(name)
    is_streaming = pump is not None and pump.is_running
    with pump.suspended() if pump is not None and is_streaming else nullcontext():
        return plain(bench.devices[name].snapshot())
