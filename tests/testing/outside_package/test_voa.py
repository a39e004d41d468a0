"""The author's own tests: the contract of labctl, and the experiment on a simulated bench."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from labctl.device import Device
from labctl.lab import Lab, bench_path
from labctl.runs import LabSession
from labctl.testing.contracts import DeviceContract

BENCH = """
[instruments.voa]
driver = "example_voa"
address = "serial:///dev/ttyUSB7"

[simulation.instruments.voa]
arm = "alice"
"""


class TestVoa1(DeviceContract):
    driver = "example_voa"
    is_strict = True
    options: ClassVar[dict[str, Any]] = {"arm": "bob"}

    def test_its_loss_comes_on_top_of_the_arms_own(self, lab: Lab, device: Any) -> None:
        arm = lab.simulation.world.arms["bob"]
        without_db = arm.parameters.loss_db
        device.attenuation_db = 10.0
        assert arm.parameters.loss_db == pytest.approx(without_db + 10.0)

    def test_two_decimals_are_kept(self, device: Device) -> None:
        setattr(device, "attenuation_db", 1.25)  # noqa: B010  a Device in general has none
        assert device.snapshot() == {"attenuation_db": 1.25}


@pytest.fixture
def simulated_bench() -> str:
    """Return the default bench with the attenuator in Alice's arm."""
    return bench_path("default").read_text(encoding="utf-8") + BENCH


def test_the_rate_falls_by_the_loss(simulated_lab: LabSession) -> None:
    run = simulated_lab.run("attenuation", steps_db=(0.0, 3.0, 10.0), dwell_s=0.2)
    (_, full), *others = run.result.rates
    for loss_db, rate in others:
        # 200 darks a second do not fall with the light; dead time costs 0.25 % at full rate.
        expected_hz = (full.value - 200.0) * 10 ** (-loss_db / 10) + 200.0
        sigma_hz = (rate.sigma**2 + (full.sigma * 10 ** (-loss_db / 10)) ** 2) ** 0.5
        assert abs(rate.value - expected_hz) < 5 * sigma_hz + 0.0025 * expected_hz
    assert simulated_lab.get("voa.attenuation_db") == 0.0


def test_a_refused_command_that_nobody_noticed_is_a_leak(simulated_lab: LabSession) -> None:
    simulated_lab.devices["voa"].link.write(b"ATTENUATE 3")
