"""Every registered driver keeps the contract of devices, and that of each of its kinds."""

from __future__ import annotations

import pytest

from labctl.device import load_driver, plugins
from tests.contracts.device_contract import DeviceContract
from tests.contracts.laser_contract import LaserContract
from tests.contracts.time_tagger_contract import TimeTaggerContract

#: Drivers of instruments; what plays a file has no simulator.
DRIVERS = tuple(name for name in plugins("labctl.drivers") if name in plugins("labctl.simulators"))
STRICT = {"laser", "time_tagger"}


def of_kind(kind: str) -> tuple[str, ...]:
    return tuple(name for name in DRIVERS if kind in load_driver(name).kinds)


class TestDevice(DeviceContract):
    @pytest.fixture(params=[name for name in DRIVERS if not STRICT & set(load_driver(name).kinds)])
    def driver(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestLaser(LaserContract):
    @pytest.fixture(params=of_kind("laser"))
    def driver(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


class TestTimeTagger(TimeTaggerContract):
    @pytest.fixture(params=of_kind("time_tagger"))
    def driver(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)


def test_every_kind_with_a_contract_has_a_driver() -> None:
    assert all(of_kind(kind) for kind in STRICT)
