"""Finds drivers, simulators and experiments that installed packages announce.

A third party's package plugs in with the same entry points as ours:
`labctl.drivers`, `labctl.simulators`, `labctl.experiments`, `labctl.formats`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from labctl.device.device import Device
from labctl.errors import ConfigError, nearest

__all__ = ["load_driver", "load_plugin", "plugins"]


@cache
def plugins(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of `group` by name, in alphabetic order."""
    return {point.name: point for point in sorted(entry_points(group=group))}


def load_plugin(group: str, name: str, what: str) -> Any:
    """Return the object announced as `name` in `group`; `what` names it in messages.

    Raises:
        ConfigError: no installed package announces it, or it cannot be imported.
    """
    known = plugins(group)
    if name not in known:
        raise ConfigError(
            f'unknown {what} "{name}"{nearest(name, known)}; known are: {", ".join(known)}'
        )
    try:
        return known[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'{what} "{name}" ({known[name].value}) cannot be loaded: {error}',
            hint="Is the package that brings it installed completely?",
        ) from error


def load_driver(name: str) -> type[Device]:
    """Return the driver class announced as `name`.

    Raises:
        ConfigError: there is no such driver, or it is not a labctl Device.
    """
    driver = load_plugin("labctl.drivers", name, "driver")
    if not (isinstance(driver, type) and issubclass(driver, Device)):
        raise ConfigError(f'driver "{name}" is {driver!r}, which is not a labctl Device')
    return driver
