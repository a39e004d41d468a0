"""`instrument.setting`: the one way in which people and programs name a value."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.device import Device
from labctl.errors import ConfigError, nearest

__all__ = ["find_parameter"]


def find_parameter(devices: Mapping[str, Device], path: str) -> tuple[Device, str]:
    """Return the device and the name of its setting or reading that `path` names.

    Raises:
        ConfigError: there is no such instrument or setting.
    """
    instrument, separator, name = path.partition(".")
    if not separator:
        raise ConfigError(f'"{path}" is not INSTRUMENT.SETTING, such as pump.power_mw')
    if instrument not in devices:
        raise ConfigError(
            f'unknown instrument "{instrument}"{nearest(instrument, devices)}; '
            f"known are: {', '.join(devices)}"
        )
    device = devices[instrument]
    if name not in device.parameters:
        raise ConfigError(
            f'{instrument} has no setting "{name}"{nearest(name, device.parameters)}; '
            f"it has: {', '.join(device.parameters)}"
        )
    return device, name
