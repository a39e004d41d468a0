"""`instrument.setting`: the one way in which people and programs name a value, or an action."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from labctl.device import Device
from labctl.errors import ConfigError, nearest

__all__ = ["find_action", "find_parameter"]


def find_parameter(devices: Mapping[str, Device], path: str) -> tuple[Device, str]:
    """Return the device and the name of its setting or reading that `path` names.

    Raises:
        ConfigError: there is no such instrument or setting.
    """
    return _find(devices, path, "setting", "pump.power_mw", lambda device: device.parameters)


def find_action(devices: Mapping[str, Device], path: str) -> tuple[Device, str]:
    """Return the device and the name of its action that `path` names.

    Raises:
        ConfigError: there is no such instrument or action.
    """
    return _find(devices, path, "action", "pump.clear_fault", lambda device: device.actions)


def _find(
    devices: Mapping[str, Device],
    path: str,
    what: str,
    example: str,
    members: Callable[[Device], Collection[str]],
) -> tuple[Device, str]:
    instrument, separator, name = path.partition(".")
    if not separator:
        raise ConfigError(f'"{path}" is not INSTRUMENT.{what.upper()}, such as {example}')
    if instrument not in devices:
        raise ConfigError(
            f'unknown instrument "{instrument}"{nearest(instrument, devices)}; '
            f"known are: {', '.join(devices)}"
        )
    known = members(devices[instrument])
    if name not in known:
        raise ConfigError(
            f'{instrument} has no {what} "{name}"{nearest(name, known)}; '
            f"it has: {', '.join(known) or 'none'}"
        )
    return devices[instrument], name
