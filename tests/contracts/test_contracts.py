"""Every registered driver keeps the contract of devices, and that of its kind."""

from __future__ import annotations

from labctl.device import load_driver, plugins
from tests.contracts.device_contract import DeviceContract
from tests.contracts.laser_contract import LaserContract
from tests.contracts.time_tagger_contract import TimeTaggerContract

#: Drivers of instruments; what plays a file has no simulator.
DRIVERS = tuple(name for name in plugins("labctl.drivers") if name in plugins("labctl.simulators"))


def of_kind(kind: str) -> tuple[str, ...]:
    return tuple(name for name in DRIVERS if kind in load_driver(name).kinds)


class TestLaser(LaserContract):
    drivers = of_kind("laser")


class TestTimeTagger(TimeTaggerContract):
    drivers = of_kind("time_tagger")


class TestOtherDevice(DeviceContract):
    drivers = tuple(
        name for name in DRIVERS if name not in {*TestLaser.drivers, *TestTimeTagger.drivers}
    )
    # The simulated power meter has a silicon sensor for some mW (S120C).
    narrower = {"thorlabs_pm100d": {"wavelength_nm": (400.0, 1100.0), "range_mw": (0.001, 5.0)}}  # noqa: RUF012  never changed


def test_no_contract_goes_unchecked() -> None:
    assert TestLaser.drivers
    assert TestTimeTagger.drivers
