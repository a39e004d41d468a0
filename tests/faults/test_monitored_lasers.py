"""Row 10 as the monitor sees it: light that goes out, that nobody ordered, that drifts."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.lab import Monitor
from labctl.runs import LabSession
from tests.faults.monitored import (
    INTERVAL_S,
    alarms,
    is_active,
    light_up,
    looked,
    pass_time,
    value,
    wait_for,
)


@pytest.mark.parametrize(
    ("fault", "arguments", "reason"),
    [
        ("interlock", {}, "its interlock is open"),
        ("key", {}, "its key switch is off"),
        ("trip", {"fault": 4}, 'it reports "constant power timeout"'),
    ],
)
def test_a_laser_that_goes_dark_by_itself_is_an_alarm_that_names_the_reason(
    lab: LabSession, fault: str, arguments: dict[str, Any], reason: str
) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        light_up(lab, monitor)
        lab.simulation.fault("pump", fault, **arguments)
        wait_for(lambda: is_active(monitor, "pump.dark"))
        told = alarms(monitor)["pump.dark"]
        assert told["text"].startswith("pump went dark by itself; ")
        assert reason in told["text"]
        assert not lab.simulation.world.pump.emitting
        lab.make_safe()
        wait_for(lambda: not is_active(monitor, "pump.dark"))


def test_what_the_operator_switches_is_no_alarm(lab: LabSession) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        for switch_off in (
            lambda: lab.set("pump.emission", value=False),
            lab.make_safe,
            lab.devices["pump"].make_safe,
        ):
            light_up(lab, monitor)
            switch_off()
            wait_for(lambda: value(monitor, "pump.emission")["value"] is False)
            looked(monitor, "pump.emission", 4)
        assert alarms(monitor) == {}


def test_light_that_nobody_ordered_is_an_alarm(lab: LabSession) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        wait_for(lambda: value(monitor, "pump.emission")["state"] == "fresh")
        lab.simulation.world.pump.emitting = True
        wait_for(lambda: is_active(monitor, "pump.unordered"))
        assert "nothing here switched it on" in alarms(monitor)["pump.unordered"]["text"]
        lab.set("pump.emission", value=False)
        wait_for(lambda: not is_active(monitor, "pump.unordered"))


def test_a_laser_that_emits_at_opening_was_found_so(lab: LabSession) -> None:
    lab.simulation.world.pump.emitting = True
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        wait_for(lambda: is_active(monitor, "pump.unordered"))
        told = alarms(monitor)["pump.unordered"]
        assert told["text"] == "pump was found emitting; nothing here switched it on"
        assert told["severity"] == "alarm"
        assert lab.simulation.world.pump.emitting, "what was found is left to the operator"
    lab.make_safe()


def test_power_that_drifts_is_a_warning_until_it_is_back(lab: LabSession) -> None:
    with Monitor(lab, interval_s=INTERVAL_S) as monitor:
        lab.set("pump.power_mw", 0.1)
        light_up(lab, monitor)
        lab.simulation.fault("pump", "power_drift", factor=0.9)
        passed_s = pass_time(lab, lambda: is_active(monitor, "pump.power"), 1.0)
        assert passed_s >= 10.0, "power that only settles is not told"
        told = alarms(monitor)["pump.power"]
        assert told["severity"] == "warning"
        assert "0.1 mW are set" in told["text"]
        lab.simulation.fault("pump", "power_drift", factor=1.0)
        pass_time(lab, lambda: not is_active(monitor, "pump.power"))
        lab.make_safe()
