"""What "all safe" lowers is known, and comes back in one step once nothing forbids it; no light."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labctl.bus import Message
from labctl.errors import InterlockError
from labctl.lab import Lab, Monitor, bench_path
from labctl.lab.lowering import lowered, raise_again
from tests.faults.monitored import INTERVAL_S, value, wait_for
from tests.lab.conftest import Edited

BIAS_UA = (10.0,) * 4


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(bench_path("default"), simulated=True, seed=1, speed=0) as opened:
        yield opened


def paths(lab: Lab) -> dict[str, object]:
    return {each.path: each.value for each in lowered(lab.devices.values())}


def test_all_safe_remembers_the_bias_it_took_off_and_no_emission(lab: Lab) -> None:
    assert paths(lab) == {}
    lab.set("pump.emission", value=True, arm=True)
    lab.make_safe()
    assert paths(lab) == {"snspd.bias_ua": BIAS_UA}
    lab.make_safe()
    assert paths(lab) == {"snspd.bias_ua": BIAS_UA}, "twice is once"


def test_it_comes_back_read_back_and_said_and_the_laser_stays_dark(lab: Lab) -> None:
    lab.set("pump.emission", value=True, arm=True)
    lab.make_safe()
    with lab.bus.subscribe() as events:
        report = raise_again(lab)
        told = [e.text for e in events.drain() if isinstance(e, Message)]
    assert [each.path for each in report.restored] == ["snspd.bias_ua"]
    assert report.failures == {}
    assert lab.get("snspd.bias_ua") == pytest.approx(BIAS_UA)
    assert lab.emitting() == {"pump": False}
    assert told == ["restored what was lowered for safety: snspd.bias_ua"]
    assert paths(lab) == {}
    assert raise_again(lab).restored == ()


def test_what_somebody_has_set_since_is_not_touched(lab: Lab) -> None:
    lab.make_safe()
    lab.set("snspd.bias_ua", (4.0,) * 4)
    assert paths(lab) == {}
    raise_again(lab)
    assert lab.get("snspd.bias_ua") == pytest.approx((4.0,) * 4)


def test_what_cannot_be_set_is_said_and_still_known_for_the_next_time(lab: Lab) -> None:
    lab.make_safe()
    lab.simulation.fault("snspd", "unplug")
    report = raise_again(lab)
    assert report.restored == ()
    assert list(report.failures) == ["snspd.bias_ua"]
    lab.simulation.fault("snspd", "plug")
    lab.devices["snspd"].reconnect()
    assert [each.path for each in raise_again(lab).restored] == ["snspd.bias_ua"]


def test_a_bias_whose_removal_could_not_be_confirmed_is_known_all_the_same(lab: Lab) -> None:
    lab.simulation.fault("snspd", "unplug")
    assert not lab.make_safe().is_safe
    assert paths(lab) == {"snspd.bias_ua": BIAS_UA}
    lab.simulation.fault("snspd", "plug")
    lab.make_safe()
    assert paths(lab) == {"snspd.bias_ua": BIAS_UA}


@pytest.mark.parametrize("action", ["snspd down", "all safe"])
def test_a_rule_that_is_violated_refuses_it_by_its_name(edited: Edited, action: str) -> None:
    rule = f'[interlocks.dark_room]\nwhen = "pump_meter.wavelength_nm > 450"\nthen = ["{action}"]\n'
    path = edited(("[coincidences]", f"{rule}\n[coincidences]"))
    with (
        Lab(path, simulated=True, seed=1, speed=0) as lab,
        Monitor(lab, interval_s=INTERVAL_S) as monitor,
    ):
        lab.monitor = monitor
        lab.set("pump_meter.wavelength_nm", 500.0)
        wait_for(lambda: paths(lab))
        with pytest.raises(InterlockError, match=r"\[interlocks.dark_room\]"):
            raise_again(lab)
        assert lab.get("snspd.bias_ua") == (0.0,) * 4
        lab.set("pump_meter.wavelength_nm", 405.0)
        wait_for(lambda: value(monitor, "pump_meter.wavelength_nm")["value"] == 405.0)
        wait_for(lambda: monitor.rules()[0]["state"] == "quiet")
        raise_again(lab)
        assert lab.get("snspd.bias_ua") == pytest.approx(BIAS_UA)
