"""Every registered driver keeps the contract of devices, and that of its kind."""

from __future__ import annotations

from labctl.device import load_driver, plugins
from labctl.testing.contracts import (
    DetectorContract,
    LaserContract,
    PowerMeterContract,
    RotatorContract,
    TimeTaggerContract,
)

#: Drivers of instruments; what plays a file has no simulator.
DRIVERS = tuple(name for name in plugins("labctl.drivers") if name in plugins("labctl.simulators"))
CHECKED_KINDS = {"detector", "laser", "power_meter", "rotator", "time_tagger"}


def of_kind(kind: str) -> tuple[str, ...]:
    return tuple(name for name in DRIVERS if kind in load_driver(name).kinds)


class TestLaser(LaserContract):
    drivers = of_kind("laser")


class TestTimeTagger(TimeTaggerContract):
    drivers = of_kind("time_tagger")


class TestDetector(DetectorContract):
    drivers = of_kind("detector")


class TestRotator(RotatorContract):
    drivers = of_kind("rotator")


class TestPowerMeter(PowerMeterContract):
    drivers = of_kind("power_meter")
    # The simulated power meter has a silicon sensor for some mW (S120C).
    narrower = {"thorlabs_pm100d": {"wavelength_nm": (400.0, 1100.0), "range_mw": (0.001, 5.0)}}  # noqa: RUF012  never changed


def test_no_driver_and_no_contract_goes_unchecked() -> None:
    assert all(of_kind(kind) for kind in CHECKED_KINDS)
    assert all(CHECKED_KINDS.intersection(load_driver(name).kinds) for name in DRIVERS)
