"""`lab.simulation.fault(...)`: what can go wrong by name, and the list of what did."""

from __future__ import annotations

from contextlib import suppress

import pytest

import labctl
from labctl.errors import LabError, LimitError
from labctl.runs import LabSession

WIRE = {"drop", "drop_commands", "delay", "truncate", "garble", "throttle", "late", "hang_up"}
CABLE = {"clear", "unplug", "plug", "swap"}


def test_instruments_and_parts_of_the_world_are_offered(lab: LabSession) -> None:
    names = lab.simulation.fault_names
    assert set(lab.devices) <= set(names)
    assert {"alice_h", "source"} <= set(names)
    assert len(names) == len(set(names))


def test_every_instrument_has_the_faults_of_its_wire_and_its_own(lab: LabSession) -> None:
    own = {
        "pump": {"interlock", "key", "trip", "power_drift"},
        "snspd": {"latch", "hang", "report_error", "darks", "dead"},
        "alice_hwp": {"stick", "block", "lose_home"},
        "pump_meter": {"report_error", "remove_sensor"},
    }
    for name, faults in own.items():
        kinds = {kind.kind for kind in lab.simulation.faults(name)}
        assert WIRE | CABLE | faults <= kinds


def test_every_fault_says_what_it_does_and_what_its_arguments_are(lab: LabSession) -> None:
    for name in lab.simulation.fault_names:
        for kind in lab.simulation.faults(name):
            assert kind.doc.endswith((".", ";")), (name, kind.kind)
            for argument in kind.arguments:
                assert argument.name.isidentifier()
                assert argument.type
                # `change` has the present values, which may be of any type.
                is_plain = argument.type in {"bool", "int", "float", "str"}
                assert is_plain or kind.kind == "change", (name, kind.kind, argument)


def test_every_fault_can_happen_and_what_it_leaves_is_told_by_our_errors_only(
    lab: LabSession,
) -> None:
    for name, device in lab.devices.items():
        for kind in lab.simulation.faults(name):
            if kind.kind in WIRE | CABLE | {"change"}:
                continue
            lab.simulation.fault(name, kind.kind)
            for parameter in device.parameters:
                with suppress(LabError):
                    getattr(device, parameter)
            lab.clock.wait(0.02)


def test_a_part_of_the_world_is_changed_by_name(lab: LabSession) -> None:
    lab.simulation.fault("alice_h", "change", dark_rate_hz=1000.0)
    assert lab.simulation.world.detectors["alice_h"].parameters.dark_rate_hz == 1000.0
    lab.simulation.fault("pump", "change", settling_time_s="0.5")
    assert lab.simulation.world.pump.parameters.settling_time_s == 0.5


def test_texts_are_converted_to_the_types_of_the_arguments(lab: LabSession) -> None:
    lab.simulation.fault("snspd", "latch", channel="2")
    lab.simulation.fault("pump", "interlock", is_open="yes")
    applied = [fault.arguments for fault in lab.simulation.fault_log]
    assert applied == [{"channel": 2}, {"is_open": True}]


def test_what_went_wrong_is_kept_with_its_world_time(lab: LabSession) -> None:
    lab.simulation.fault("pump", "trip")
    lab.clock.wait(0.25)
    lab.simulation.fault("alice_h", "change", dark_rate_hz=1e3)
    told = [(fault.time_ps, fault.name, fault.kind) for fault in lab.simulation.fault_log]
    assert told == [(0, "pump", "trip"), (250_000_000_000, "alice_h", "change")]


def test_a_fault_on_the_second_connection_leaves_the_first_alone(lab: LabSession) -> None:
    lab.simulation.fault("snspd", "drop", replies=0, port=12345)
    assert lab.get("snspd.detectors_enabled") is True
    lab.clock.wait(0.5)
    assert lab.devices["snspd"].latest_rates_hz() == ()  # type: ignore[attr-defined]
    lab.simulation.fault("snspd", "clear", port=12345)
    lab.clock.wait(0.5)
    assert len(lab.devices["snspd"].latest_rates_hz()) == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "kind", "arguments", "said"),
    [
        ("pumpe", "drop", {}, r'called "pumpe" \(did you mean "pump"\?\); known are: pump, '),
        ("pump", "dorp", {}, r'pump has no fault "dorp" \(did you mean "drop"\?\); it has: '),
        ("pump", "drop", {"relpies": 1}, r'"relpies" \(did you mean "replies"\?\).*replies \(int'),
        ("pump", "drop", {"replies": "many"}, "pump drop: replies = 'many' is no int"),
        ("pump", "drop", {"replies": 1.5}, "replies = 1.5 is no int"),
        ("pump", "drop", {"replies": True}, "replies = True is no int"),
        ("pump", "interlock", {"is_open": "ajar"}, "is_open = 'ajar' is no bool"),
        ("pump", "plug", {"now": 1}, r"its arguments are: none"),
        ("pump", "trip", {"fault": 3}, r"fault = 3 is not one of \(1, 4\)"),
        ("pump", "power_drift", {"factor": 0.0}, "factor = 0.0 is outside 0 to 10"),
        ("pump", "swap", {"other": "bob"}, r'other = "bob" is no other instrument'),
        ("pump", "swap", {"other": "snspd"}, "two connections"),
        ("snspd", "latch", {"channel": 5}, "channel = 5 is outside 1 to 4"),
        ("snspd", "drop", {"port": 1}, "port = 1 is not one of 0, 12345"),
        ("snspd", "darks", {"factor": -1.0}, "factor = -1.0"),
        ("pump_meter", "report_error", {"code": 7}, "code = 7 is not one of -240, -310, -350"),
        ("alice_h", "change", {"dark_rate": 1}, "dark_rate_hz"),
        ("alice_h", "change", {"dark_rate_hz": -1.0}, "alice_h"),
        ("alice_h", "drop", {}, 'alice_h has no fault "drop"'),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(
    lab: LabSession, name: str, kind: str, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(LimitError, match=said):
        lab.simulation.fault(name, kind, **arguments)
    assert lab.simulation.fault_log == ()


def test_two_laboratories_with_the_same_faults_do_the_same(lab: LabSession) -> None:
    counts = []
    with labctl.open_lab(lab.loaded.path, simulated=True, seed=1, speed=0) as other:
        for one in (lab, other):
            one.simulation.fault("snspd", "darks", channel=2)
            pump = one.bench.pumps["tagger"]
            pump.start()
            one.clock.wait(0.2)
            one.simulation.fault("tagger", "garble", seed=5)
            one.simulation.fault("snspd", "latch", channel=1)
            one.clock.wait(0.2)
            pump.stop()
            counts.append((pump.tags, one.simulation.truth["tagger"].counts.tolist()))
    assert counts[0] == counts[1]
