"""Rows 2 and 3, the device's half: a pulled cable, a lost connection, another instrument."""

from __future__ import annotations

from contextlib import suppress

import pytest

from labctl.errors import LabError, LinkError
from labctl.runs import LabSession, open_lab

EVERY = ["pump", "tagger", "snspd", "alice_hwp", "pump_meter"]


@pytest.mark.parametrize("name", EVERY)
def test_a_pulled_cable_is_told_and_once_plugged_settings_are_as_they_were(
    lab: LabSession, name: str
) -> None:
    device = lab.devices[name]
    identity, before = device.identify(), device.snapshot()
    lab.simulation.fault(name, "unplug")
    with pytest.raises(LinkError):
        device.identify()
    with pytest.raises(LinkError):
        device.link.reconnect()
    lab.simulation.fault(name, "plug")
    for link in (device.link, *device.companions.values()):
        link.reconnect()
    assert device.identify() == identity == lab.identities[name]
    assert _steady(device.snapshot()) == _steady(before)


@pytest.mark.parametrize("name", ["tagger", "alice_hwp", "snspd"])
@pytest.mark.parametrize("after_bytes", [0, 1, 5])
def test_a_connection_lost_in_the_middle_of_a_reply_is_mended_by_a_reconnect(
    hasty_lab: LabSession, name: str, after_bytes: int
) -> None:
    device = hasty_lab.devices[name]
    before = device.snapshot()
    hasty_lab.simulation.fault(name, "hang_up", after_bytes=after_bytes)
    for _ in range(2):
        with pytest.raises(LabError):
            device.identify()
    device.link.reconnect()
    assert device.identify() == hasty_lab.identities[name]
    assert device.snapshot() == before


def test_a_laser_whose_cable_was_pulled_and_plugged_waits_dark_once_it_was_made_safe(
    lab: LabSession,
) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.simulation.fault("pump", "unplug")
    report = lab.make_safe()
    assert list(report.failures) == ["pump"]
    assert lab.simulation.world.pump.emitting, "a laser does not notice that its cable is gone"
    lab.simulation.fault("pump", "plug")
    # "All safe" opens a lost link anew by itself; light never comes back by itself.
    assert lab.make_safe().is_safe
    lab.clock.wait(0.5)
    assert not lab.simulation.world.pump.emitting


def test_a_cable_pulled_while_a_plate_turns_does_not_stop_it(lab: LabSession) -> None:
    mount = lab.bench.rotators["alice_hwp"]
    mount.start_move(30.0)
    lab.clock.wait(0.5)
    lab.simulation.fault("alice_hwp", "unplug")
    lab.clock.wait(10.0)
    lab.simulation.fault("alice_hwp", "plug")
    lab.devices["alice_hwp"].link.reconnect()
    assert mount.angle_deg == pytest.approx(30.0, abs=1e-4)


def test_an_instrument_of_the_same_model_with_another_serial_number_is_told_apart(
    lab: LabSession,
) -> None:
    lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    alice, bob = lab.devices["alice_hwp"], lab.devices["bob_hwp"]
    for device in (alice, bob):
        with pytest.raises(LinkError, match="lost"):
            device.identify()
        device.link.reconnect()
    assert alice.identify() == lab.identities["bob_hwp"] != lab.identities["alice_hwp"]
    assert bob.identify() == lab.identities["alice_hwp"]


def test_another_model_behind_the_cable_is_refused_as_the_wrong_instrument(
    hasty_lab: LabSession,
) -> None:
    hasty_lab.simulation.fault("tagger", "swap", other="alice_hwp")
    for name in ("tagger", "alice_hwp"):
        device = hasty_lab.devices[name]
        device.link.reconnect()
        for _ in range(2):
            with pytest.raises(LabError):
                device.identify()
            for parameter in device.parameters:
                with pytest.raises(LabError):
                    getattr(device, parameter)
    hasty_lab.simulation.fault("tagger", "swap", other="alice_hwp")
    for name in ("tagger", "alice_hwp"):
        device = hasty_lab.devices[name]
        device.link.reconnect()
        # What the wrong driver sent may stand in the instrument as half a command.
        with suppress(LabError):
            device.identify()
        assert device.identify() == hasty_lab.identities[name]


def _steady(snapshot: dict[str, object]) -> dict[str, object]:
    """Leave out what the meter measures anew each time."""
    return {name: value for name, value in snapshot.items() if name != "power_mw"}


def test_reconnecting_to_another_instrument_of_the_same_model_is_refused(lab: LabSession) -> None:
    lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    with pytest.raises(LinkError, match="another instrument answers"):
        lab.devices["alice_hwp"].reconnect()
    lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    lab.devices["alice_hwp"].reconnect()


def test_a_laser_whose_link_was_lost_is_off_after_the_laboratory_closed() -> None:
    with open_lab(simulated=True, seed=5, speed=0) as lab:
        lab.set("pump.emission", value=True, arm=True)
        lab.simulation.fault("pump", "unplug")
        with pytest.raises(LinkError):
            lab.get("pump.power_mw")
        lab.simulation.fault("pump", "plug")
    assert lab.simulation.world.pump.emitting is False
