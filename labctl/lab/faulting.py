"""Faults of a simulated bench, asked for through the control endpoint.

Requests, handled where the simulation lives (an open laboratory, or a served bench):

- `faults`, with or without `place`: where something can go wrong and what is still wrong, or
  what can go wrong there.
- `fault` with `place`, `kind` and `arguments`: let it go wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from labctl.errors import ConfigError, LimitError

__all__ = ["fault_handlers"]

Handler = Callable[[dict[str, Any]], dict[str, Any]]


def fault_handlers(simulation: Any) -> dict[str, Handler]:
    """Return what answers `fault` and `faults` for a simulated laboratory.

    `simulation` is None for a bench of real instruments, which refuses with ConfigError.
    """

    def fault(message: dict[str, Any]) -> dict[str, Any]:
        arguments = message.get("arguments") or {}
        if not isinstance(arguments, dict):
            raise LimitError(f"the arguments of a fault are an object, not {arguments!r}")
        place, kind = str(message.get("place")), str(message.get("kind"))
        given = {str(key): value for key, value in arguments.items()}
        applied = _simulated(simulation).fault(place, kind, **given)
        return {"fault": asdict(applied)}

    def faults(message: dict[str, Any]) -> dict[str, Any]:
        place = message.get("place")
        if place is None:
            standing = [asdict(fault) for fault in _simulated(simulation).standing_faults]
            return {"names": list(_simulated(simulation).fault_names), "standing": standing}
        return {"faults": [asdict(kind) for kind in _simulated(simulation).faults(str(place))]}

    return {"fault": fault, "faults": faults}


def _simulated(simulation: Any) -> Any:
    if simulation is None:
        raise ConfigError(
            "no instrument of this laboratory is simulated, so nothing can be made to go wrong",
            hint="Open the bench with --simulated.",
        )
    return simulation
