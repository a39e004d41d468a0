"""What every rotation mount must keep, beside what every device must."""

# Asserts are how a contract speaks, and the names of its tests are sentences.
# ruff: noqa: S101, D102

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

import pytest

from labctl.device import Device, Limits, Rotator
from labctl.lab import Lab
from labctl.testing.contracts.device import NAME, DeviceContract

__all__ = ["RotatorContract"]

_POLL_S = 0.05
#: The slowest full turn of the mounts we know takes 36 s; homing may take one and a half.
_LONGEST_MOVE_S = 120.0


class RotatorContract(DeviceContract):
    """A move takes its time, arrives, and holds nobody up; the zero is known before it."""

    #: How far from its target a mount may come to rest.
    tolerance_deg: ClassVar[float] = 0.05

    def limits_of(self, driver: str) -> Mapping[str, Limits]:
        """Return the limits, one turn for the angle."""
        # Some mounts count turns, and a fraction of their range would be many.
        return {"angle_deg": (0.0, 360.0), **super().limits_of(driver)}

    @pytest.fixture
    def mount(self, lab: Lab, device: Device) -> Rotator:
        """Return the mount at rest, its zero known."""
        mount = cast("Rotator", device)
        if not mount.is_homed:
            mount.home()
            self.wait(lab, mount)
        return mount

    def wait(self, lab: Lab, mount: Rotator) -> float:
        """Wait until the mount has stopped and return the bench time that took."""
        began_s = lab.clock.now_s()
        while mount.is_moving:
            lab.clock.wait(_POLL_S)
            assert lab.clock.now_s() - began_s < _LONGEST_MOVE_S, "the mount does not stop"
        return lab.clock.now_s() - began_s

    def test_it_is_found_among_the_rotators_of_the_bench(self, lab: Lab) -> None:
        assert list(lab.bench.rotators) == [NAME]

    def test_a_move_returns_at_once_takes_its_time_and_arrives(
        self, lab: Lab, mount: Rotator
    ) -> None:
        began_s = lab.clock.now_s()
        mount.start_move(30.0)
        assert lab.clock.now_s() == began_s
        assert mount.is_moving
        assert self.wait(lab, mount) > 0
        assert mount.angle_deg == pytest.approx(30.0, abs=self.tolerance_deg)

    def test_setting_the_angle_is_starting_a_move(self, lab: Lab, mount: Rotator) -> None:
        mount.angle_deg = 20.0
        assert mount.is_moving
        self.wait(lab, mount)
        assert mount.angle_deg == pytest.approx(20.0, abs=self.tolerance_deg)

    def test_on_its_way_it_tells_where_it_is_and_answers_everything(
        self, lab: Lab, mount: Rotator, device: Device
    ) -> None:
        mount.start_move(90.0)
        seen = []
        while mount.is_moving:
            seen.append(mount.angle_deg)
            assert None not in device.snapshot().values()
            lab.clock.wait(_POLL_S)
        assert len(seen) > 1
        assert seen == sorted(seen)
        assert all(-self.tolerance_deg <= at <= 90.0 + self.tolerance_deg for at in seen)

    def test_stopping_ends_the_move_where_it_is_and_keeps_the_zero(
        self, lab: Lab, mount: Rotator
    ) -> None:
        mount.start_move(180.0)
        lab.clock.wait(1.0)
        mount.stop()
        self.wait(lab, mount)
        stopped_deg = mount.angle_deg
        assert 0.0 < stopped_deg < 180.0 - self.tolerance_deg
        lab.clock.wait(1.0)
        assert mount.angle_deg == pytest.approx(stopped_deg, abs=self.tolerance_deg)
        assert mount.is_homed
        mount.start_move(0.0)
        self.wait(lab, mount)
        assert mount.angle_deg == pytest.approx(0.0, abs=self.tolerance_deg)

    def test_homing_ends_at_the_zero(self, lab: Lab, mount: Rotator) -> None:
        mount.start_move(45.0)
        self.wait(lab, mount)
        mount.home()
        assert self.wait(lab, mount) > 0
        assert mount.is_homed
        assert mount.angle_deg == pytest.approx(0.0, abs=self.tolerance_deg)

    def test_a_reconnect_during_a_move_does_not_end_it(
        self, lab: Lab, mount: Rotator, device: Device
    ) -> None:
        mount.start_move(60.0)
        lab.clock.wait(0.5)
        device.link.reconnect()
        self.wait(lab, mount)
        assert mount.angle_deg == pytest.approx(60.0, abs=self.tolerance_deg)
