"""Row 2 and 3, the settings' half: an instrument that comes back is set as it was, and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.single_quantum_websq import protocol
from labctl.device import Request, Rotator
from labctl.errors import InstrumentError, LinkError
from labctl.lab import Lab, bench_path, restore


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(bench_path("default"), simulated=True, seed=1, speed=0) as opened:
        yield opened


def let_rest(lab: Lab, mount: Rotator) -> None:
    while mount.is_moving:
        lab.clock.wait(0.2)


def test_what_the_configuration_sets_is_remembered_with_everything_set_later(lab: Lab) -> None:
    snspd, pump = lab.devices["snspd"], lab.devices["pump"]
    assert list(snspd.last_set) == ["bias_ua", "trigger_level_mv"]
    lab.set("snspd.bias_ua", (5.0,) * 4)
    lab.set("pump.power_mw", 2.0)
    assert list(snspd.last_set.items()) == [
        ("trigger_level_mv", (25.0,) * 4),
        ("bias_ua", (5.0,) * 4),
    ]
    assert pump.last_set == {"power_mw": 2.0}


def test_what_an_instrument_has_forgotten_is_set_again(lab: Lab) -> None:
    lab.set("pump.power_mw", 2.0)
    lab.simulation.fault("pump", "unplug")
    lab.simulation.instruments["pump"].power_w = 0.0
    lab.simulation.fault("pump", "plug")
    lab.simulation.fault("pump", "hang_up")

    restored = restore(lab.bench, "pump")

    assert (restored.was_reconnected, restored.set_again) == (True, ("power_mw",))
    assert str(restored) == "pump: reconnected; set again: power_mw"
    assert lab.get("pump.power_mw") == pytest.approx(2.0)


def test_what_an_instrument_still_knows_is_not_set_again(lab: Lab) -> None:
    for name in ("pump", "snspd", "pump_meter", "tagger"):
        lab.simulation.fault(name, "hang_up")
        restored = restore(lab.bench, name)
        assert (restored.was_reconnected, restored.set_again) == (True, ())


def test_a_bias_comes_back_by_its_ramp(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    # The instrument forgets, which nobody here is told of.
    lab.devices["snspd"].execute(protocol.set_bias_ua((0.0,) * 4))
    sent: list[float] = []
    set_bias_ua = protocol.set_bias_ua

    def noted(currents: tuple[float, ...]) -> Request[None]:
        sent.append(currents[0])
        return set_bias_ua(currents)

    monkeypatch.setattr(protocol, "set_bias_ua", noted)
    restored = restore(lab.bench, "snspd")

    assert restored.set_again == ("bias_ua",)
    assert lab.get("snspd.bias_ua") == pytest.approx((10.0,) * 4)
    # The driver's steps are 0.5 µA.
    assert sent == pytest.approx([0.5 * n for n in range(1, 21)])


def test_emission_is_left_as_it_is_and_told(lab: Lab) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.simulation.fault("pump", "hang_up")
    lab.simulation.instruments["pump"].switch_off()

    restored = restore(lab.bench, "pump")

    assert restored.dark == ("emission",)
    assert lab.emitting() == {"pump": False}


def test_light_that_a_lost_link_left_on_stays_on(lab: Lab) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.simulation.fault("pump", "hang_up")

    assert restore(lab.bench, "pump").dark == ()
    assert lab.emitting() == {"pump": True}


def test_a_bias_that_was_taken_off_for_safety_does_not_come_back(lab: Lab) -> None:
    lab.make_safe()
    lab.simulation.fault("snspd", "hang_up")
    restore(lab.bench, "snspd")
    assert lab.get("snspd.bias_ua") == (0.0,) * 4


def test_nor_does_one_whose_removal_could_not_be_confirmed(lab: Lab) -> None:
    lab.simulation.fault("snspd", "unplug")
    assert "snspd" in lab.make_safe().failures
    lab.simulation.fault("snspd", "plug")
    restore(lab.bench, "snspd")
    assert lab.get("snspd.bias_ua") == (0.0,) * 4


def test_another_instrument_is_refused_and_its_values_too(lab: Lab) -> None:
    lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    with pytest.raises(LinkError, match="another instrument answers"):
        restore(lab.bench, "alice_hwp")
    for path in ("alice_hwp.angle_deg", "alice_hwp.is_homed"):
        with pytest.raises(LinkError, match="another instrument answers"):
            lab.get(path)
    lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    assert restore(lab.bench, "alice_hwp").was_reconnected
    assert lab.get("alice_hwp.is_homed") in {True, False}


def test_a_mount_that_has_lost_its_zero_finds_it_before_it_is_sent_anywhere(lab: Lab) -> None:
    mount = lab.bench.rotators["alice_hwp"]
    mount.home()
    let_rest(lab, mount)
    mount.start_move(3.0)
    let_rest(lab, mount)
    lab.simulation.fault("alice_hwp", "lose_home")
    lab.simulation.fault("alice_hwp", "hang_up")

    restore(lab.bench, "alice_hwp")

    assert mount.is_homed
    assert mount.angle_deg == pytest.approx(3.0, abs=0.01)


def test_an_instrument_that_does_not_keep_what_it_is_told_is_refused(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = lab.devices["pump_meter"]
    meter.last_set["wavelength_nm"] = 500.0
    monkeypatch.setattr(type(meter).parameters["wavelength_nm"], "apply", lambda *_: None)

    with pytest.raises(InstrumentError, match=r"wavelength_nm was set again to 500.* reads back"):
        restore(lab.bench, "pump_meter")


def test_what_was_ordered_safe_while_it_was_away_is_made_safe_when_it_is_back(lab: Lab) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.simulation.fault("pump", "unplug")
    assert list(lab.make_safe().failures) == ["pump"]
    assert lab.simulation.world.pump.emitting
    lab.simulation.fault("pump", "plug")

    restored = restore(lab.bench, "pump")

    assert restored.was_made_safe
    assert "made safe, as was ordered while it was away" in str(restored)
    assert lab.get("pump.emission") is False
    assert not lab.simulation.world.pump.emitting


def test_light_that_was_ordered_after_all_was_to_be_safe_stays(lab: Lab) -> None:
    lab.simulation.fault("pump", "unplug")
    assert not lab.make_safe().is_safe
    lab.simulation.fault("pump", "plug")
    lab.devices["pump"].reconnect()
    lab.set("pump.emission", value=True, arm=True)

    assert not restore(lab.bench, "pump").was_made_safe
    assert lab.get("pump.emission") is True


def test_a_bias_that_was_ordered_down_while_it_was_away_stays_down(lab: Lab) -> None:
    lab.simulation.fault("snspd", "unplug")
    assert list(lab.make_safe().failures) == ["snspd"]
    lab.simulation.fault("snspd", "plug")

    restore(lab.bench, "snspd")

    assert lab.get("snspd.bias_ua") == (0.0,) * 4
