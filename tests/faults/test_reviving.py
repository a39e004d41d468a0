"""Row 2 where no run is under way: what was lost comes back by itself, set as it was, and dark."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from labctl.bus import Message
from labctl.errors import LinkError
from labctl.lab import Monitor
from labctl.lab.reviving import Reviver
from labctl.runs import LabSession
from tests.faults.monitored import INTERVAL_S, PAUSE, alarms, is_active, value, wait_for

FIRST_WAIT_S = 0.05


class Watched:
    """A laboratory with its monitor and its reviver, wired as the service does it."""

    def __init__(self, lab: LabSession) -> None:
        self.lab = lab
        self.may_act = True
        self.reviver: Reviver | None = None
        self.monitor = Monitor(lab, outlook=self._outlook, interval_s=INTERVAL_S)
        self.reviver = Reviver(
            lab,
            self.monitor.alarms,
            lost=self.monitor.lost,
            may_act=lambda: self.may_act,
            first_wait_s=FIRST_WAIT_S,
        )
        self.told = lab.bus.subscribe()

    def _outlook(self, name: str) -> str:
        return "" if self.reviver is None else self.reviver.outlook(name)

    def lines(self) -> list[str]:
        return [e.text for e in self.told.drain() if isinstance(e, Message)]

    def alarm(self, key: str) -> dict[str, Any]:
        return alarms(self.monitor).get(key, {"text": "", "is_active": False})

    def lose(self, name: str) -> None:
        self.lab.simulation.fault(name, "unplug")
        wait_for(lambda: is_active(self.monitor, f"{name}.unreachable"))

    def wait_until_back(self, name: str) -> None:
        wait_for(lambda: not is_active(self.monitor, f"{name}.unreachable"))


@pytest.fixture
def watched(lab: LabSession) -> Iterator[Watched]:
    found = Watched(lab)
    assert found.reviver is not None
    with ExitStack() as stack:
        stack.callback(found.told.close)
        stack.enter_context(found.monitor)
        stack.callback(found.reviver.close)
        found.reviver.start()
        wait_for(lambda: value(found.monitor, "pump.operating_hours")["state"] == "fresh")
        yield found


def test_a_lost_instrument_is_tried_again_and_its_alarm_says_so(watched: Watched) -> None:
    watched.lose("pump_meter")
    wait_for(lambda: "Lost; trying again every" in watched.alarm("pump_meter.unreachable")["text"])
    watched.lab.simulation.fault("pump_meter", "plug")
    watched.wait_until_back("pump_meter")
    wait_for(lambda: value(watched.monitor, "pump_meter.power_mw")["state"] == "fresh")
    told = watched.lines()
    assert "back: pump_meter: reconnected" in told
    assert any(line.startswith("over: pump_meter:") for line in told)


def test_the_waits_between_attempts_grow_and_are_bounded(watched: Watched) -> None:
    seen = set()

    def looked() -> bool:
        seen.add(watched.alarm("pump_meter.unreachable")["text"].rpartition("every ")[2])
        return len(seen - {""}) >= 4

    watched.lose("pump_meter")
    wait_for(looked)
    assert seen - {""} <= {f"{FIRST_WAIT_S * 2**n:.2g} s." for n in range(8)}
    watched.lab.simulation.fault("pump_meter", "plug")
    watched.wait_until_back("pump_meter")


def test_what_a_power_cut_made_it_forget_is_set_again_and_a_laser_stays_dark(
    watched: Watched,
) -> None:
    lab = watched.lab
    lab.set("pump.power_mw", 2.0)
    lab.set("pump.emission", value=True, arm=True)
    watched.lose("pump")
    lab.simulation.instruments["pump"].power_w = 0.0
    lab.simulation.instruments["pump"].switch_off()
    lab.simulation.fault("pump", "plug")
    watched.wait_until_back("pump")
    assert lab.get("pump.power_mw") == pytest.approx(2.0)
    assert lab.emitting() == {"pump": False}
    told = "back: pump: reconnected; set again: power_mw; off and left off: emission"
    assert told in watched.lines()
    wait_for(lambda: is_active(watched.monitor, "pump.dark"))


def test_another_instrument_in_its_place_is_not_taken_for_it(watched: Watched) -> None:
    watched.lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    for name in ("alice_hwp", "bob_hwp"):
        wait_for(lambda name=name: is_active(watched.monitor, f"{name}.unreachable"))  # type: ignore[misc]
    wait_for(lambda: "another instrument answers" in watched.alarm("alice_hwp.unreachable")["text"])
    watched.lab.simulation.fault("alice_hwp", "swap", other="bob_hwp")
    for name in ("alice_hwp", "bob_hwp"):
        watched.wait_until_back(name)


def test_nothing_is_tried_while_a_run_is_under_way(watched: Watched) -> None:
    watched.may_act = False
    watched.lose("pump_meter")
    watched.lab.simulation.fault("pump_meter", "plug")
    wait_for(lambda: "after its end" in watched.alarm("pump_meter.unreachable")["text"])
    for _ in range(3):
        PAUSE.wait(INTERVAL_S)
        assert is_active(watched.monitor, "pump_meter.unreachable")
    watched.may_act = True
    watched.wait_until_back("pump_meter")


def test_who_reconnects_by_hand_ends_the_attempts(watched: Watched) -> None:
    assert watched.reviver is not None
    watched.may_act = False
    watched.lose("pump_meter")
    with pytest.raises(LinkError):
        watched.reviver.revive("pump_meter")
    watched.lab.simulation.fault("pump_meter", "plug")
    assert watched.reviver.revive("pump_meter").was_reconnected
    watched.may_act = True
    watched.wait_until_back("pump_meter")
    wait_for(lambda: not any(t.name == "revive pump_meter" for t in threading.enumerate()))
    assert [line for line in watched.lines() if line.startswith("back:")] == [
        "back: pump_meter: reconnected"
    ]


def test_settings_that_do_not_come_back_are_an_alarm_of_their_own(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = watched.lab.devices["pump_meter"]
    watched.lose("pump_meter")
    meter.last_set["wavelength_nm"] = 500.0
    with monkeypatch.context() as forgetful:
        setting = type(meter).parameters["wavelength_nm"]
        forgetful.setattr(setting, "apply", lambda *_: None)
        watched.lab.simulation.fault("pump_meter", "plug")
        wait_for(lambda: is_active(watched.monitor, "pump_meter.not_restored"))
        assert "reads back" in watched.alarm("pump_meter.not_restored")["text"]
    wait_for(lambda: not is_active(watched.monitor, "pump_meter.not_restored"))
    assert watched.lab.get("pump_meter.wavelength_nm") == pytest.approx(500.0)


def test_a_tagger_whose_stream_came_back_is_not_lost_any_more(watched: Watched) -> None:
    pump = watched.lab.bench.pumps["tagger"]
    pump.start("live display")
    watched.lab.simulation.fault("tagger", "unplug")
    wait_for(lambda: pump.error is not None)
    assert watched.reviver is not None
    with pytest.raises(LinkError):
        watched.reviver.revive("tagger")
    wait_for(lambda: is_active(watched.monitor, "tagger.unreachable"))
    assert "its stream is begun again" in watched.alarm("tagger.unreachable")["text"]
    watched.lab.simulation.fault("tagger", "plug")
    watched.reviver.revive("tagger")
    assert pump.is_running
    watched.wait_until_back("tagger")
    pump.stop("live display")
