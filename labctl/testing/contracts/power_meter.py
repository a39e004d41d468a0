"""What every power meter must keep, beside what every device must."""

# Asserts are how a contract speaks, and the names of its tests are sentences.
# ruff: noqa: S101, D102

from __future__ import annotations

import math
from typing import ClassVar, cast

import pytest

from labctl.device import Device, PowerMeter
from labctl.lab import Lab
from labctl.testing.contracts.device import DeviceContract

__all__ = ["PowerMeterContract"]

#: The light's own noise is 0.1 % rms in the world by default; this is ten times as much.
_RELATIVE = 0.01


class PowerMeterContract(DeviceContract):
    """A reading is fresh, follows the light, and depends on the wavelength it was told."""

    #: Wavelength of the light that `shine` makes.
    wavelength_nm: ClassVar[float] = 405.0

    @pytest.fixture
    def meter(self, device: Device) -> PowerMeter:
        """Return the meter, told the wavelength of the light."""
        meter = cast("PowerMeter", device)
        meter.wavelength_nm = self.wavelength_nm
        return meter

    def shine(self, lab: Lab, power_mw: float) -> None:
        """Let light of this power into the world; overridden where the meter looks elsewhere."""
        pump = lab.simulation.world.pump
        pump.target_mw = power_mw
        pump.emitting = power_mw > 0
        lab.clock.wait(2.0)

    def test_without_light_it_reads_next_to_nothing(self, lab: Lab, meter: PowerMeter) -> None:
        self.shine(lab, 10.0)
        lit_mw = meter.power_mw
        self.shine(lab, 0.0)
        assert math.isfinite(meter.power_mw)
        assert abs(meter.power_mw) < _RELATIVE * lit_mw

    def test_twice_the_light_is_twice_the_reading(self, lab: Lab, meter: PowerMeter) -> None:
        self.shine(lab, 5.0)
        once_mw = meter.power_mw
        assert once_mw > 0
        self.shine(lab, 10.0)
        assert meter.power_mw == pytest.approx(2 * once_mw, rel=_RELATIVE)

    def test_the_wavelength_is_read_back(self, device: Device, meter: PowerMeter) -> None:
        for wavelength_nm in device.limits["wavelength_nm"]:
            meter.wavelength_nm = wavelength_nm
            assert meter.wavelength_nm == pytest.approx(wavelength_nm, abs=0.1)

    def test_a_wrong_wavelength_is_a_wrong_reading(
        self, lab: Lab, meter: PowerMeter, device: Device
    ) -> None:
        self.shine(lab, 10.0)
        right_mw = meter.power_mw
        _, meter.wavelength_nm = device.limits["wavelength_nm"]
        assert meter.power_mw != pytest.approx(right_mw, rel=2 * _RELATIVE)

    def test_making_it_safe_leaves_its_settings(self, device: Device, meter: PowerMeter) -> None:
        before = meter.wavelength_nm
        device.make_safe()
        assert meter.wavelength_nm == before
