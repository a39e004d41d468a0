"""The PM100D as a power meter of the bench."""

from __future__ import annotations

from typing import Any

from drivers.thorlabs_pm100d import protocol
from labctl.device import Device, Identity, Reading, Setting
from labctl.errors import LimitError

__all__ = ["Pm100d"]


def _refuse_outside_calibration(device: Device, value: Any) -> None:
    """Refuse a wavelength for which the connected sensor head is not calibrated."""
    low_nm = device.execute(protocol.GET_WAVELENGTH_MIN_NM)
    high_nm = device.execute(protocol.GET_WAVELENGTH_MAX_NM)
    if not low_nm <= value <= high_nm:
        sensor = device.execute(protocol.GET_SENSOR)
        raise LimitError(
            f"{device.name}.wavelength_nm = {value:g} nm is outside {low_nm:g} to {high_nm:g} nm, "
            f"the calibration of the sensor {sensor.model} ({sensor.serial})",
            device=device.name,
        )


class Pm100d(Device):
    """A power meter console with its sensor head.

    The relatives with the same commands (PM100A, PM100USB, PM101, PM16, PM160, PM400) are
    accepted too. A meter only looks, so the default `make_safe`, which does nothing, is right.
    """

    kinds = ("power_meter",)
    wire = protocol.WIRE

    power_mw = Reading(protocol.GET_POWER_MW, unit="mW", doc="Power on the sensor, measured now.")
    wavelength_nm = Setting(
        protocol.GET_WAVELENGTH_NM,
        protocol.set_wavelength_nm,
        unit="nm",
        # From ultraviolet photodiodes to far-infrared thermal sensors; the guard knows the
        # sensor that is connected.
        limits=(185.0, 25_000.0),
        guard=_refuse_outside_calibration,
        doc="Wavelength of the light to be measured; a wrong one gives a wrong power.",
    )
    range_mw = Setting(
        protocol.GET_RANGE_MW,
        protocol.set_range_mw,
        unit="mW",
        # 0.1 nW to 10 kW hold the ranges of all sensors; the meter refuses what its own has not.
        limits=(1e-7, 1e7),
        doc="Largest power of the measuring range; setting it switches auto_range off.",
    )
    auto_range = Setting(
        protocol.GET_AUTO_RANGE,
        protocol.set_auto_range,
        choices=(False, True),
        doc="Whether the meter chooses its range.",
    )
    sensor_model = Reading(protocol.GET_SENSOR_MODEL, doc="Name of the sensor head.")
    sensor_serial = Reading(protocol.GET_SENSOR_SERIAL, doc="Serial number of the sensor head.")
    sensor_calibration = Reading(
        protocol.GET_SENSOR_CALIBRATION, doc="What the sensor head says of its calibration."
    )

    def identify(self) -> Identity:
        """Return what `*IDN?` says; errors that earlier users left behind are forgotten."""
        info = self.execute(protocol.GET_IDENTITY)
        self.execute(protocol.CLEAR_ERRORS)
        return Identity(info.manufacturer, info.model, info.serial, info.firmware)
