"""Row 1: a reply that does not come is an error, never an old value, and only once."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.errors import ReplyTimeoutError
from labctl.runs import LabSession

PATHS = ["pump.power_mw", "tagger.threshold_v", "alice_hwp.angle_deg", "pump_meter.wavelength_nm"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("count", [1, 3])
def test_each_reply_that_is_lost_is_one_error_and_the_next_value_is_right(
    hasty_lab: LabSession, path: str, count: int
) -> None:
    name = path.partition(".")[0]
    right = hasty_lab.get(path)
    hasty_lab.simulation.fault(name, "drop", replies=count)
    for _ in range(count):
        with pytest.raises(ReplyTimeoutError):
            hasty_lab.get(path)
    assert hasty_lab.get(path) == right


def test_a_snapshot_of_a_mute_instrument_is_an_error_and_holds_no_old_values(
    hasty_lab: LabSession,
) -> None:
    hasty_lab.bench.snapshot()
    hasty_lab.simulation.fault("pump", "drop", replies=0)
    with pytest.raises(ReplyTimeoutError):
        hasty_lab.devices["pump"].snapshot()
    hasty_lab.simulation.fault("pump", "clear")
    hasty_lab.devices["pump"].link.reconnect()


def test_what_changed_while_the_instrument_was_mute_is_what_is_read_then(
    hasty_lab: LabSession,
) -> None:
    pump = hasty_lab.simulation.instruments["pump"]
    assert hasty_lab.get("pump.power_mw") == 5.0
    hasty_lab.simulation.fault("pump", "drop", replies=2)
    pump.power_w = 0.002
    for _ in range(2):
        with pytest.raises(ReplyTimeoutError):
            hasty_lab.get("pump.power_mw")
    assert hasty_lab.get("pump.power_mw") == 2.0


def test_safe_finds_a_laser_dark_though_a_reply_was_lost(hasty_lab: LabSession) -> None:
    hasty_lab.set("pump.emission", value=True, arm=True)
    hasty_lab.simulation.fault("pump", "drop", replies=1)
    report = hasty_lab.make_safe()
    assert report.is_safe
    assert not hasty_lab.simulation.world.pump.emitting


def test_safe_does_not_believe_a_laser_that_stays_mute(hasty_lab: LabSession) -> None:
    hasty_lab.set("pump.emission", value=True, arm=True)
    hasty_lab.simulation.fault("pump", "drop", replies=0)
    report = hasty_lab.make_safe()
    assert list(report.failures) == ["pump"]
    # It took the command all the same.
    assert not hasty_lab.simulation.world.pump.emitting
    hasty_lab.simulation.fault("pump", "clear")
    assert hasty_lab.make_safe().is_safe


def test_a_reply_lost_while_switching_on_leaves_it_dark(hasty_lab: LabSession) -> None:
    device: Any = hasty_lab.devices["pump"]
    # Interlock, fault, key and autostart are asked first; the fifth reply is the command's.
    hasty_lab.simulation.fault("pump", "hang_up", after_bytes=3 + 3 + 3 + 3 + 1)
    with pytest.raises(OSError, match="lost"):
        device.emission = True
    device.link.reconnect()
    device.make_safe()
    assert not hasty_lab.simulation.world.pump.emitting
