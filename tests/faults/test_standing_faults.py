"""`lab.simulation.standing_faults`: what is still wrong, and that what is said to mend it does."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.errors import LabError, LimitError
from labctl.runs import LabSession


def standing(lab: LabSession) -> list[tuple[str, str]]:
    """Return where something is wrong, and what."""
    return [(fault.name, fault.kind) for fault in lab.simulation.standing_faults]


def mend_all(lab: LabSession) -> None:
    """Apply what mends each standing fault."""
    for fault in lab.simulation.standing_faults:
        lab.simulation.fault(fault.name, fault.mended_by, **fault.mending)


def test_on_a_new_bench_nothing_is_wrong(lab: LabSession) -> None:
    assert standing(lab) == []


STANDING: list[tuple[str, str, dict[str, Any]]] = [
    ("pump", "interlock", {}),
    ("pump", "power_drift", {"factor": 0.8}),
    ("pump", "drop", {"replies": 0}),
    ("pump", "unplug", {}),
    ("snspd", "delay", {"replies": 0}),
    ("snspd", "dead", {"channel": 2}),
    ("alice_hwp", "stick", {}),
    ("alice_hwp", "swap", {"other": "bob_hwp"}),
    ("tagger", "reference_lost", {}),
    ("alice", "change", {"loss_db": 9.0}),
]


def test_what_stands_is_listed_until_what_mends_it_is_applied(lab: LabSession) -> None:
    for place, kind, arguments in STANDING:
        lab.simulation.fault(place, kind, **arguments)
        assert standing(lab) == [(place, kind)]
        mend_all(lab)
        assert standing(lab) == []


def test_several_are_listed_in_the_order_in_which_they_began(lab: LabSession) -> None:
    for place, kind in (("pump", "key"), ("alice_hwp", "block"), ("snspd", "hang")):
        lab.simulation.fault(place, kind)
        lab.clock.wait(0.02)
    assert standing(lab) == [("pump", "key"), ("alice_hwp", "block"), ("snspd", "hang")]


def test_what_happens_once_does_not_stand(lab: LabSession) -> None:
    lab.simulation.fault("tagger", "overflow")
    lab.simulation.fault("alice_hwp", "lose_home")
    assert standing(lab) == []


def test_a_wire_fault_is_over_with_the_last_reply_it_loses(hasty_lab: LabSession) -> None:
    hasty_lab.simulation.fault("pump", "drop", replies=1)
    assert standing(hasty_lab) == [("pump", "drop")]
    with pytest.raises(LabError):
        hasty_lab.devices["pump"].identify()
    assert standing(hasty_lab) == []


def test_a_wire_fault_is_over_after_its_time(lab: LabSession) -> None:
    lab.simulation.fault("bob_hwp", "throttle", for_s=0.2)
    assert standing(lab) == [("bob_hwp", "throttle")]
    lab.clock.wait(0.3)
    assert standing(lab) == []


def test_a_lost_connection_is_mended_by_the_host_only(lab: LabSession) -> None:
    lab.simulation.fault("pump", "hang_up")
    (fault,) = lab.simulation.standing_faults
    assert (fault.kind, fault.mended_by) == ("hang_up", "")


def test_what_a_fault_changes_in_the_world_is_listed_with_its_value(lab: LabSession) -> None:
    lab.simulation.fault("snspd", "darks", channel=1, factor=10.0)
    lab.simulation.fault("alice", "drift_step", angle_deg=10.0)
    found = {fault.name: dict(fault.arguments) for fault in lab.simulation.standing_faults}
    # 100 darks per second on this bench, ten times as many now.
    assert found == {"alice_h": {"dark_rate_hz": 1000.0}, "alice": {"rotation_deg": 10.0}}
    mend_all(lab)
    assert lab.simulation.world.detectors["alice_h"].parameters.dark_rate_hz == 100.0
    assert standing(lab) == []


def test_restoring_a_part_gives_it_all_that_it_was_made_with(lab: LabSession) -> None:
    before = lab.simulation.world.detectors["bob_v"].parameters
    lab.simulation.fault("bob_v", "change", efficiency=0.1, dead_time_ns=80.0)
    lab.simulation.fault("bob_v", "restore", parameter="efficiency")
    assert standing(lab) == [("bob_v", "change")]
    lab.simulation.fault("bob_v", "restore")
    assert lab.simulation.world.detectors["bob_v"].parameters == before


def test_an_unknown_parameter_is_not_restored(lab: LabSession) -> None:
    with pytest.raises(LimitError, match="there are"):
        lab.simulation.fault("alice", "restore", parameter="los_db")


def test_a_table_of_parameters_is_told_as_a_dictionary(lab: LabSession) -> None:
    (change,) = [kind for kind in lab.simulation.faults("source") if kind.kind == "change"]
    defaults = {argument.name: argument.default for argument in change.arguments}
    assert isinstance(defaults["statistics"], dict)
    assert defaults["statistics"] == lab.simulation.world.source.parameters.statistics.model_dump()


def test_what_a_mount_has_turned_is_not_wrong_and_stays_when_all_is_mended(
    lab: LabSession,
) -> None:
    lab.set("alice_hwp.angle_deg", 22.5)
    lab.clock.wait(5.0)
    assert lab.simulation.world.arms["alice"].analyzer_angle_deg == pytest.approx(45.0, abs=0.01)
    assert standing(lab) == []
    lab.simulation.fault("alice", "restore")
    assert lab.simulation.world.arms["alice"].analyzer_angle_deg == pytest.approx(45.0, abs=0.01)
